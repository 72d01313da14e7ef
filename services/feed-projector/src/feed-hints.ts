import { Inject, Injectable } from '@nestjs/common';
import { feedHintChannel } from '@tradecore/read-models';
import { tokens, type Config } from '@tradecore/service';
import { CommitListener } from '@tradecore/consumers';
import { counter } from '@tradecore/telemetry';
import { Redis } from 'ioredis';

const hints = counter({
  name: 'tradecore_feed_hints_total',
  help: 'Hints that the feed of an account grew, by whether Redis took them.',
  labels: { outcome: ['sent', 'lost'] },
});

/** Publishes on Redis whose feed grew, after the commit. Only a hint: a reader that misses it finds the rows by polling. */
@Injectable()
export class FeedHints extends CommitListener {
  private readonly channel: string;

  constructor(
    @Inject(Redis) private readonly redis: Redis,
    @Inject(tokens.config) config: Config,
  ) {
    super();
    this.channel = feedHintChannel(config.NAMESPACE);
  }

  /** One message an account. With Redis away the hints are lost, counted, and nothing waits. */
  async committed(_projector: string, feeds: ReadonlyMap<string, object> = new Map()): Promise<void> {
    const results = await Promise.allSettled([...feeds.keys()].map((account) => this.redis.publish(this.channel, account)));
    const sent = results.filter(({ status }) => status === 'fulfilled').length;
    hints.inc({ outcome: 'sent' }, sent);
    hints.inc({ outcome: 'lost' }, results.length - sent);
  }
}
