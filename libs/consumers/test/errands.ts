import {
  causedEventId,
  derivedId,
  event,
  stepIdFor,
  topics,
  writtenBy,
  type Catalogue,
  type RecordedEvent,
  type TopicDeclaration,
} from '@tradecore/events';
import { BaseAggregate, type Transaction } from '@tradecore/event-sourcing';
import { commandsMigration, Handles, sagaMigration, type CommandHandler } from '@tradecore/consumers';

/** Somebody wants something paid. `deadlineMs`: how long an answer may take. */
export class JobOpened extends event('JobOpened', 1)<{
  readonly purseId: string;
  readonly amount: number;
  readonly deadlineMs: number;
}> {}
/** Means nothing to an errand, or spoils it. */
export class JobNudged extends event('JobNudged', 1)<{ readonly spoil?: boolean }> {}

/** A step: asks the purse. */
export class PaymentAsked extends event('PaymentAsked', 1)<{
  readonly target: string;
  readonly commandId: string;
  readonly attempt: number;
  readonly amount: number;
  readonly dueAt: string;
}> {}
/** The purse paid, or refused. */
export class ErrandEnded extends event('ErrandEnded', 1)<{ readonly outcome: string }> {}

/** The purse's answers. */
export class PursePaid extends event('PursePaid', 1)<{ readonly amount: number }> {}
/** Thanks, for what it paid. */
export class PurseThanked extends event('PurseThanked', 1)<Record<never, never>> {}

export const names = { jobs: 'transport.job-events', purses: 'transport.purse-events', steps: 'saga.errands' };
const stored = (name: string): TopicDeclaration => ({
  name,
  key: 'aggregate id',
  carries: 'test events',
  writer: 'relay',
  partitions: 3,
  retentionMs: 86_400_000,
});

/** The topics of errands, and the dead letters. */
export const declarations: TopicDeclaration[] = [...Object.values(names).map((name) => stored(name)), topics.deadLetters];

export const errands: Catalogue = {
  Job: { type: 'Job', topic: names.jobs, ...writtenBy('job-desk', [JobOpened, JobNudged]) },
  Purse: { type: 'Purse', topic: names.purses, ...writtenBy('purse-keeper', [PursePaid, PurseThanked]) },
  Errand: {
    type: 'Errand',
    topic: names.steps,
    ...writtenBy('errand-saga', [PaymentAsked, ErrandEnded]),
    keyOf: ({ data }, id) => (data as { target?: string }).target ?? id,
  },
};

export const errandIdFor = (jobId: string): string => derivedId('errand', jobId);

/** A job, as its client sees it. */
export class Job extends BaseAggregate<JobOpened | JobNudged> {
  static readonly type = 'Job';
  open(data: JobOpened['data']): this {
    this.apply(new JobOpened(data));
    return this;
  }
  nudge(spoil = false): this {
    this.apply(new JobNudged(spoil ? { spoil } : {}));
    return this;
  }
  onJobOpened(): void {}
  onJobNudged(): void {}
}

/** Pays what it is asked. A negative amount makes it throw half way, nought makes it say nothing, 666 is refused by the table of payments. */
export class Purse extends BaseAggregate<PursePaid | PurseThanked> {
  static readonly type = 'Purse';
  paid = 0;
  static mends = false;
  pay(amount: number): void {
    if (amount === 0 && !Purse.mends) return;
    this.apply(new PursePaid({ amount }));
    if (amount < 0 && !Purse.mends) throw new Error(`a purse can't pay ${amount}`);
    this.apply(new PurseThanked({}));
  }
  onPursePaid({ data }: PursePaid): void {
    this.paid += data.amount;
  }
  onPurseThanked(): void {}
}

/** Asks a purse once, and again after each deadline. */
export class Errand extends BaseAggregate<PaymentAsked | ErrandEnded> {
  static readonly type = 'Errand';
  static mends = false;
  asked: PaymentAsked['data'] | undefined;
  isEnded = false;

  static sagaIdOf({ aggregateType, aggregateId, sagaId }: RecordedEvent): string | undefined {
    return aggregateType === 'Job' ? errandIdFor(aggregateId) : (sagaId ?? undefined);
  }
  static starts({ type }: RecordedEvent): boolean {
    return type === 'JobOpened';
  }

  get isStuck(): boolean {
    return !this.isEnded && (this.asked?.attempt ?? 0) > 1;
  }
  get dueAt(): string | undefined {
    return this.isEnded ? undefined : this.asked?.dueAt;
  }
  hear(heard: RecordedEvent, now: string): void {
    if (heard.type === 'JobNudged' && (heard.data as JobNudged['data']).spoil && !Errand.mends) throw new Error('spoilt');
    if (heard.type === 'JobOpened') {
      const { purseId, amount, deadlineMs } = heard.data as JobOpened['data'];
      this.ask({ target: purseId, amount, deadlineMs, attempt: 1, now });
    }
    if (this.asked && heard.id === causedEventId(this.asked.commandId, this.asked.target, 0)) {
      this.apply(new ErrandEnded({ outcome: heard.type }));
    }
  }
  wake(now: string): void {
    if (!this.asked) return;
    const { target, amount, attempt } = this.asked;
    if (amount === 13 && !Errand.mends) throw new Error('unlucky');
    if (amount !== 14) this.ask({ target, amount, attempt: attempt + 1, deadlineMs: 60_000, now });
  }
  private ask({ deadlineMs, now, ...what }: Asking): void {
    const dueAt = new Date(Date.parse(now) + deadlineMs).toISOString();
    this.apply(new PaymentAsked({ ...what, commandId: stepIdFor(this.id, 'pay', what.target), dueAt }));
  }
  onPaymentAsked({ data }: PaymentAsked): void {
    this.asked = data;
  }
  onErrandEnded(): void {
    this.isEnded = true;
  }
}

interface Asking {
  readonly target: string;
  readonly amount: number;
  readonly deadlineMs: number;
  readonly attempt: number;
  readonly now: string;
}

/** The handler of the purse's commands; writes down each payment in the same transaction. */
export class PurseCommands implements CommandHandler {
  static readonly aggregate = Purse;
  readonly told: string[] = [];

  @Handles(PaymentAsked)
  pay(purse: Purse, { data }: RecordedEvent<PaymentAsked>): void {
    purse.pay(data.amount);
  }
  async stored(tx: Transaction, events: readonly RecordedEvent[]): Promise<void> {
    const payments = events.filter(({ type }) => type === 'PursePaid');
    await tx.query(
      `insert into purse_keeper.payments (event_id, amount)
       select (p->>'id')::uuid, (p->'data'->>'amount')::int from jsonb_array_elements($1::jsonb) p`,
      [JSON.stringify(payments)],
    );
  }
  committed(): void {
    this.told.push('committed');
  }
}

export const migrations = [
  commandsMigration({ number: 210, service: 'purse-keeper' }),
  sagaMigration({ number: 212, service: 'errand-saga' }),
  {
    number: 300,
    name: 'payments',
    sql: `create table purse_keeper.payments (event_id uuid primary key, amount int check (amount <> 666));
      grant select, insert on purse_keeper.payments to :role(purse-keeper);`,
  },
];
