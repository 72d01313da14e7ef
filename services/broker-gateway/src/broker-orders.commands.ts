import { Inject, Injectable } from '@nestjs/common';
import type { Transaction } from '@tradecore/event-sourcing';
import {
  CancellationAsked,
  CancellationRequested,
  ReplacementAsked,
  ReplacementRequested,
  SubmissionAsked,
  SubmissionRequested,
  type LegTerms,
  type RecordedEvent,
} from '@tradecore/events';
import { Handles, type CommandHandler } from '@tradecore/subscriptions';
import { BrokerOrder } from '@tradecore/trading';
import { LegWork } from './leg-work.ts';
import { Legs } from './legs.ts';

const intents: ReadonlySet<string> = new Set([SubmissionRequested.type, ReplacementRequested.type, CancellationRequested.type]);

/** Stores what the saga asks of the broker as intents, with a row of work each: nothing is called here. */
@Injectable()
export class BrokerOrderCommands implements CommandHandler {
  static readonly aggregate = BrokerOrder;

  constructor(
    @Inject(LegWork) private readonly work: LegWork,
    @Inject(Legs) private readonly legs: Legs,
  ) {}

  @Handles(SubmissionAsked)
  submit(leg: BrokerOrder, { data }: RecordedEvent<SubmissionAsked>): void {
    leg.submit(termsOf(data));
  }

  @Handles(ReplacementAsked)
  replace(leg: BrokerOrder, { data }: RecordedEvent<ReplacementAsked>): void {
    leg.replace({ ...termsOf(data), replaces: data.replaces });
  }

  @Handles(CancellationAsked)
  cancel(leg: BrokerOrder, _: RecordedEvent<CancellationAsked>): void {
    leg.cancel();
  }

  async stored(tx: Transaction, events: readonly RecordedEvent[]): Promise<void> {
    const asked = events.filter(({ type }) => intents.has(type));
    for (const event of asked) if (event.type !== CancellationRequested.type) this.legs.remember(event);
    await this.work.put(
      tx,
      asked.map(({ aggregateId }) => aggregateId),
    );
  }

  /** After the commit of what was stored. */
  committed(): void {
    this.work.wake();
  }
}

function termsOf(data: SubmissionAsked['data'] | ReplacementAsked['data']): LegTerms {
  const { accountId, symbol, side, type, quantity, limitPrice, stopPrice, timeInForce } = data;
  const { orderId, leg, collarPrice, goodUntil } = data;
  return {
    ...{ orderId, leg, accountId, symbol, side, type, quantity, timeInForce },
    ...(limitPrice !== undefined && { limitPrice }),
    ...(stopPrice !== undefined && { stopPrice }),
    ...(collarPrice !== undefined && { collarPrice }),
    ...(goodUntil !== undefined && { goodUntil }),
  };
}
