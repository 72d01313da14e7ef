import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Health } from '@tradecore/service';
import { gauge, heartbeat, logger } from '@tradecore/telemetry';
import { AggregatesCheck } from './aggregates/aggregates-check.ts';
import { Around } from './around.ts';
import { TopicsCheck } from './topics/topics-check.ts';

const log = logger('reconciler');
const leads = gauge({ name: 'reconciler_leads', help: '1 while this instance compares; the others stand by.' });

/** Runs the checks round after round, each in a loop of its own, as long as this instance leads. */
@Injectable()
export class Reconciler implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #stop = new AbortController();
  #loops: readonly Promise<void>[] = [];

  constructor(
    @Inject(Around) private readonly around: Around,
    @Inject(Health) private readonly health: Health,
    @Inject(TopicsCheck) private readonly topics: TopicsCheck,
    @Inject(AggregatesCheck) private readonly aggregates: AggregatesCheck,
  ) {}

  onApplicationBootstrap(): void {
    this.#loops = [
      this.#repeat('topics-check', async (term) => {
        await this.topics.round(term);
        await this.around.findings.report();
      }),
      this.#repeat('aggregates-check', () => this.aggregates.round()),
    ];
    this.health.add({
      name: 'lead',
      check: () => ({ ok: true, state: this.around.lead.isHeld ? 'compares' : 'stands by' }),
    });
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#loops);
    await this.around.lead.release().catch((error: unknown) => log.warn({ err: error }, 'the lease runs out by itself'));
  }

  async #repeat(name: string, round: (term: number) => Promise<void>): Promise<void> {
    const attempt = heartbeat(name);
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await attempt(async () => {
        const term = await this.around.lead.take();
        leads.set(this.around.lead.isHeld ? 1 : 0);
        if (term !== undefined) await round(term);
      }).catch((error: unknown) =>
        log.warn({ err: error, check: name }, 'a round came to no end; the next one begins where it began'),
      );
      await sleep(this.around.config.CHECK_ROUND, undefined, { signal }).catch(() => undefined);
    }
  }
}
