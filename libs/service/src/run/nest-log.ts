import type { LoggerService } from '@nestjs/common';
import { logger } from '@tradecore/telemetry';

const log = logger('nest');

/** Nest's own lines in the common format; its startup lines are at debug level. */
export class NestLog implements LoggerService {
  log(message: unknown, ...more: unknown[]): void {
    log.debug({ more }, String(message));
  }
  error(message: unknown, ...more: unknown[]): void {
    log.error({ ...(message instanceof Error && { err: message }), more }, String(message));
  }
  warn(message: unknown, ...more: unknown[]): void {
    log.warn({ more }, String(message));
  }
  debug(message: unknown, ...more: unknown[]): void {
    log.debug({ more }, String(message));
  }
  verbose(message: unknown, ...more: unknown[]): void {
    log.trace({ more }, String(message));
  }
}
