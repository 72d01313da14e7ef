import { Inject, Injectable } from '@nestjs/common';
import type { Transaction } from '@tradecore/event-sourcing';
import {
  CancellationAsked,
  CancellationRequested,
  ReplacementAsked,
  ReplacementRequested,
  SubmissionAsked,
  SubmissionRequested,
  type RevisionTerms,
  type RecordedEvent,
} from '@tradecore/events';
import { Handles, type CommandHandler } from '@tradecore/consumers';
import { BrokerOrder } from '@tradecore/trading';
import { RevisionWork } from './revision-work.ts';
import { Revisions } from './revisions.ts';

const intents: ReadonlySet<string> = new Set([SubmissionRequested.type, ReplacementRequested.type, CancellationRequested.type]);

/** Stores what the saga asks of the broker as intents, with a row of work each: nothing is called here. */
@Injectable()
export class BrokerOrderCommands implements CommandHandler {
  static readonly aggregate = BrokerOrder;

  constructor(
    @Inject(RevisionWork) private readonly work: RevisionWork,
    @Inject(Revisions) private readonly revisions: Revisions,
  ) {}

  @Handles(SubmissionAsked)
  submit(revision: BrokerOrder, { data }: RecordedEvent<SubmissionAsked>): void {
    revision.submit(termsOf(data));
  }

  @Handles(ReplacementAsked)
  replace(revision: BrokerOrder, { data }: RecordedEvent<ReplacementAsked>): void {
    revision.replace({ ...termsOf(data), replaces: data.replaces });
  }

  @Handles(CancellationAsked)
  cancel(revision: BrokerOrder, _: RecordedEvent<CancellationAsked>): void {
    revision.cancel();
  }

  async stored(tx: Transaction, events: readonly RecordedEvent[]): Promise<void> {
    const asked = events.filter(({ type }) => intents.has(type));
    for (const event of asked) if (event.type !== CancellationRequested.type) this.revisions.remember(event);
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

function termsOf(data: SubmissionAsked['data'] | ReplacementAsked['data']): RevisionTerms {
  const { accountId, symbol, side, type, quantity, limitPrice, stopPrice, timeInForce } = data;
  const { orderId, revision, collarPrice, goodUntil } = data;
  return {
    ...{ orderId, revision, accountId, symbol, side, type, quantity, timeInForce },
    ...(limitPrice !== undefined && { limitPrice }),
    ...(stopPrice !== undefined && { stopPrice }),
    ...(collarPrice !== undefined && { collarPrice }),
    ...(goodUntil !== undefined && { goodUntil }),
  };
}
