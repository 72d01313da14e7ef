import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Health } from '@tradecore/service';
import { logger } from '@tradecore/telemetry';
import { UpdateStream } from './alpaca/update-stream.ts';
import { streamUrlOf } from './broker-gateway.config.ts';
import { gatewayMetrics } from './broker-gateway.metrics.ts';
import type { Applied } from './broker-order-owner.ts';
import { BrokerOrders } from './broker-orders.ts';
import { BrokerageSweep } from './brokerage-sweep.ts';
import { Brokerage } from './brokerage.ts';

const log = logger('broker-updates');
/** With more updates than this waiting to be stored, the stream is dropped and a sweep finds what it misses. */
const waitingLimit = 10_000;

/** Passes updates from the brokerage's stream to the orders; requests a sweep after each gap. */
@Injectable()
export class UpdateListener implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly stream: UpdateStream;
  private readonly storing = new Set<Promise<void>>();

  constructor(
    @Inject(Brokerage) brokerage: Brokerage,
    @Inject(BrokerOrders) private readonly orders: BrokerOrders,
    @Inject(BrokerageSweep) private readonly sweep: BrokerageSweep,
    @Inject(Health) health: Health,
  ) {
    const { http, config } = brokerage;
    const { BROKER_KEY_ID: keyId, BROKER_SECRET_KEY: secretKey } = config;
    this.stream = new UpdateStream(
      { url: streamUrlOf(config), keyId, secretKey, brokerage: config.BROKER },
      {
        updated: (update) => this.take(() => this.orders.hear({ of: 'stream', update })),
        unreadable: (order) => (order ? this.take(() => this.orders.meet(order)) : this.sweep.ask()),
        up: () => this.sweep.ask(),
      },
    );
    sweep.onMissed(() => {
      log.warn('the update stream missed executions; reconnecting');
      this.stream.restart();
    });
    // Always ok: an unavailable brokerage must not make this process unready. Orders wait here until it is back.
    health.add({
      name: 'broker',
      check: () => ({
        ok: true,
        state: `${http.isOpen ? 'available' : 'unavailable'}, stream ${this.stream.isUp ? 'up' : 'down'}`,
      }),
    });
  }

  onApplicationBootstrap(): void {
    this.stream.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stream.stop();
    await Promise.all(this.storing);
  }

  private take(hear: () => Promise<Applied>): void {
    if (this.storing.size > waitingLimit) {
      log.error('updates arrive faster than they can be stored; reconnecting');
      this.stream.restart();
      return;
    }
    const stored = this.store(hear).finally(() => this.storing.delete(stored));
    this.storing.add(stored);
  }

  private async store(hear: () => Promise<Applied>): Promise<void> {
    try {
      gatewayMetrics.updates.inc({ outcome: await hear() });
    } catch (error) {
      gatewayMetrics.updates.inc({ outcome: 'failed' });
      log.error({ err: error }, 'could not store an update; the sweep finds it');
      this.sweep.ask();
    }
  }
}
