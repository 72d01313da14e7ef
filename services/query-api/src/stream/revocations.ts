import { Inject, Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { revocationsSince } from '@tradecore/read-models';
import { heartbeat, logger } from '@tradecore/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';

/** Milliseconds between polls: the most that a stream continues after its access was revoked. */
const interval = 250;

const log = logger('revocations');

/** A subject, and the account that it lost access to. */
export type Revoked = Awaited<ReturnType<typeof revocationsSince>>['revoked'][number];

/**
 * Polls the event store for revoked access, because read models may lag or be parked. Reports each revocation for two
 * minutes.
 */
@Injectable()
export class Revocations implements BeforeApplicationShutdown {
  readonly #stop = new AbortController();
  readonly #attempt = heartbeat('revocations');
  #looking: Promise<void> = Promise.resolve();

  constructor(@Inject(DataSource) private readonly db: DataSource) {}

  /** Calls `handle` for each revocation until the service stops. */
  follow(handle: (revoked: Revoked) => void): void {
    this.#looking = this.#look(handle);
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.#stop.abort();
    await this.#looking;
  }

  async #look(handle: (revoked: Revoked) => void): Promise<void> {
    let since: string | undefined;
    while (!this.#stop.signal.aborted) {
      try {
        const { until, revoked } = await this.#attempt(() => revocationsSince(this.db, since));
        since = until;
        for (const each of revoked) handle(each);
      } catch (error) {
        log.warn({ err: error }, 'could not read revocations; the next poll tries again');
      }
      await sleep(interval, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
  }
}
