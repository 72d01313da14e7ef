import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Health } from '@tradecore/service';
import { logger } from '@tradecore/telemetry';
import { streamUrlOf } from './broker-gateway.config.ts';
import { gatewayMetrics } from './broker-gateway.metrics.ts';
import type { VenueUpdate } from './broker-port.ts';
import { LookBack } from './look-back.ts';
import { UpdateStream } from './alpaca/update-stream.ts';
import { Updates } from './updates.ts';
import { Venue } from './venue.ts';

const log = logger('broker-updates');
/** More updates than this that wait to be stored: the stream is let go, and what it told meanwhile is found by looking back. */
const waitingLimit = 10_000;

/** Brings the broker's stream of updates to the legs; looks back after each gap. */
@Injectable()
export class UpdateDoor implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly stream: UpdateStream;
  private readonly storing = new Set<Promise<void>>();

  constructor(
    @Inject(Venue) venue: Venue,
    @Inject(Updates) private readonly updates: Updates,
    @Inject(LookBack) private readonly lookBack: LookBack,
    @Inject(Health) health: Health,
  ) {
    const { http, config } = venue;
    const { BROKER_KEY_ID: keyId, BROKER_SECRET_KEY: secretKey } = config;
    this.stream = new UpdateStream(
      { url: streamUrlOf(config), keyId, secretKey, venue: config.BROKER },
      { updated: (update) => this.updated(update), up: () => this.look() },
    );
    lookBack.onMissed(() => {
      log.warn('the stream has left something out: it is read anew');
      this.stream.restart();
    });
    // A broker that is away is no reason to take this process out: orders wait in it, and go when the broker is back.
    health.add({
      name: 'broker',
      check: () => ({
        ok: true,
        state: `${http.isOpen ? 'answers' : 'away'}, stream ${this.stream.isUp ? 'read' : 'down'}`,
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

  private updated(update: VenueUpdate): void {
    if (this.updates.waiting > waitingLimit) {
      log.error('updates come faster than they can be stored');
      this.stream.restart();
      return;
    }
    const stored = this.store(update).finally(() => this.storing.delete(stored));
    this.storing.add(stored);
  }

  private async store(update: VenueUpdate): Promise<void> {
    try {
      gatewayMetrics.updates.inc({ outcome: await this.updates.apply(update) });
    } catch (error) {
      gatewayMetrics.updates.inc({ outcome: 'failed' });
      log.error({ err: error, clientOrderId: update.order.clientOrderId }, 'an update was not stored: the look-back finds it');
      this.look();
    }
  }

  private look(): void {
    this.lookBack
      .ask()
      .catch((error: unknown) => log.warn({ err: error }, 'the look-back was not asked for: it comes in its time'));
  }
}
