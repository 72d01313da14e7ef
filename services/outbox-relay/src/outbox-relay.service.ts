import { hostname } from 'node:os';
import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Outbox, OutboxListener, readBacklog, type Backlog } from '@tradecore/event-sourcing';
import { freshId } from '@tradecore/events';
import type { KafkaClient } from '@tradecore/messaging';
import { Health, tokens, type CheckResult, type Config } from '@tradecore/service';
import { heartbeat } from '@tradecore/telemetry';
import { DataSource } from 'typeorm';
import { Relay } from './relay.ts';
import { WakeUp } from './wake-up.ts';

const backlogEveryMs = 2_000;
/** An event that waits longer than this counts as not being published. */
const backlogWithinSeconds = 30;

/** The relay in a process: its sessions, readiness and shutdown. */
@Injectable()
export class OutboxRelay implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly relay: Relay;
  private readonly listener: OutboxListener;
  private readonly attempt = heartbeat('relay-backlog');
  private backlog: Backlog | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(tokens.config) config: Config,
    @Inject(tokens.kafka) kafka: KafkaClient,
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Health) health: Health,
  ) {
    const url = config.DATABASE_URL;
    const owner = `${hostname()} ${process.pid} ${freshId()}`;
    const wakeUp = new WakeUp();
    this.relay = new Relay({ connect: () => Outbox.connect({ url, owner }), kafka, wakeUp });
    this.listener = new OutboxListener(url, () => wakeUp.notify());
    health.add({ name: 'relay', check: () => this.readiness() });
    health.add({ name: 'backlog', check: () => this.backlogReadiness() });
  }

  onApplicationBootstrap(): void {
    void this.listener.open();
    this.relay.start();
    void this.measure();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearTimeout(this.timer);
    await this.relay.stop();
    await this.listener.close();
  }

  /** Leading and standing by are both ready: a relay that stands by will take over. */
  private readiness(): CheckResult {
    const { state } = this.relay;
    if (state.kind === 'halted') return { ok: false, state: `halted, an operator must decide: ${state.reason.why}` };
    return { ok: state.kind === 'leading' || state.kind === 'standing-by', state: state.kind };
  }

  private backlogReadiness(): CheckResult {
    if (!this.backlog) return { ok: false, state: 'not measured yet' };
    const { depth, oldestSeconds } = this.backlog;
    return {
      ok: oldestSeconds <= backlogWithinSeconds,
      state: `${depth} events, the oldest is ${oldestSeconds.toFixed(1)} s old`,
    };
  }

  private async measure(): Promise<void> {
    this.backlog = await this.attempt(() => readBacklog(this.dataSource)).catch(() => undefined);
    this.timer = setTimeout(() => void this.measure(), backlogEveryMs).unref();
  }
}
