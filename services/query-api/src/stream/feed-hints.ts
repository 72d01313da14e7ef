import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { feedHintChannel } from '@tradecore/read-models';
import { tokens, type Config } from '@tradecore/service';
import { counter } from '@tradecore/telemetry';
import { Redis } from 'ioredis';
import { FeedPump } from './feed-pump.ts';

const heard = counter({ name: 'tradecore_stream_hints_total', help: 'Hints received that the feed of an account has grown.' });

/** Listens for hints on Redis. Without Redis the pump polls: nothing is lost, but entries are up to 100 ms later. */
@Injectable()
export class FeedHints implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #subscriber: Redis;
  readonly #channel: string;

  constructor(
    @Inject(Redis) redis: Redis,
    @Inject(tokens.config) config: Config,
    @Inject(FeedPump) private readonly pump: FeedPump,
  ) {
    this.#channel = feedHintChannel(config.NAMESPACE);
    this.#subscriber = redis.duplicate({ autoResubscribe: false });
  }

  onApplicationBootstrap(): void {
    this.#subscriber.on('message', (_: string, accountId: string) => {
      heard.inc();
      this.pump.hint(accountId);
    });
    // On every connection: a lost connection loses its subscriptions.
    this.#subscriber.on('ready', () => void this.#subscriber.subscribe(this.#channel).catch(() => undefined));
    this.#subscriber.on('error', () => undefined); // counted by the other connection
    this.#subscriber.connect().catch(() => undefined);
  }

  beforeApplicationShutdown(): void {
    this.#subscriber.disconnect();
  }
}
