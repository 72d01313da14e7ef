import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Health } from '@tradecore/service';
import { gauge, heartbeat, logger } from '@tradecore/telemetry';
import { Around } from './around.ts';

const log = logger('reconciler');
const leads = gauge({ name: 'tradecore_reconciler_leads', help: '1 while this instance compares; the others stand by.' });

/** Compares a part of what must agree, round after round. */
export interface Check {
  /** In kebab-case: the name of its loop. */
  readonly name: string;
  /** `term`: what was read in an earlier one is not to be gone on with. */
  round(term: number): Promise<void>;
}

/** The checks that there are. */
export const checks = Symbol('checks');

/** Runs each check in a loop of its own, as long as this instance leads. */
@Injectable()
export class Reconciler implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #stop = new AbortController();
  #loops: readonly Promise<void>[] = [];

  constructor(
    @Inject(Around) private readonly around: Around,
    @Inject(Health) private readonly health: Health,
    @Inject(checks) private readonly all: readonly Check[],
  ) {}

  onApplicationBootstrap(): void {
    this.#loops = this.all.map((check) => this.#repeat(check));
    const { lead } = this.around;
    this.health.add({ name: 'lead', check: () => ({ ok: true, state: lead.isHeld ? 'compares' : 'stands by' }) });
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#loops);
    await this.around.lead.release().catch((error: unknown) => log.warn({ err: error }, 'the lease runs out by itself'));
  }

  async #repeat(check: Check): Promise<void> {
    const { lead, findings, config } = this.around;
    const attempt = heartbeat(check.name);
    const { signal } = this.#stop;
    const round = async (): Promise<void> => {
      const term = await lead.take();
      leads.set(lead.isHeld ? 1 : 0);
      if (term === undefined) return;
      await check.round(term);
      await findings.report();
    };
    while (!signal.aborted) {
      await attempt(round).catch((error: unknown) =>
        log.warn({ err: error, check: check.name }, 'a round came to no end; the next one begins where it began'),
      );
      await sleep(config.CHECK_ROUND, undefined, { signal }).catch(() => undefined);
    }
  }
}
