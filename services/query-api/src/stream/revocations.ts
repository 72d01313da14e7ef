import { Inject, Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { revocationsSince } from '@tradecore/read-models';
import { heartbeat, logger } from '@tradecore/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';

/** Milliseconds between looks: how long a stream goes on, at most, after its access was taken back. */
const interval = 250;

const log = logger('revocations');

/** Who lost access to which account. */
export type Revoked = Awaited<ReturnType<typeof revocationsSince>>['revoked'][number];

/** Looks in the event store for access that was taken back, for read models may lag or be parked. What it tells, it tells for two minutes. */
@Injectable()
export class Revocations implements BeforeApplicationShutdown {
  readonly #stop = new AbortController();
  readonly #attempt = heartbeat('revocations');
  #looking: Promise<void> = Promise.resolve();

  constructor(@Inject(DataSource) private readonly db: DataSource) {}

  /** `handle` is called for each, until the service stops. */
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
        log.warn({ err: error }, 'revocations could not be read; the next look has them');
      }
      await sleep(interval, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
  }
}
