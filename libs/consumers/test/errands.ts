import {
  causedEventId,
  derivedId,
  event,
  stepIdFor,
  topics,
  writtenBy,
  type Catalogue,
  type Event,
  type EventClass,
  type RecordedEvent,
  type TopicDeclaration,
} from '@tradecore/events';
import { BaseAggregate, type AnyAggregate, type Transaction } from '@tradecore/event-sourcing';
import { intakeMigration, processMigration, type Intake, type OpenStep, type Process, type Received } from '@tradecore/consumers';

/** A client wants something paid from a wallet. `deadlineMs`: how long an answer may take. */
export class JobOpened extends event('JobOpened', 1)<{
  readonly walletId: string;
  readonly purseId: string;
  readonly amount: number;
  readonly deadlineMs: number;
}> {}
/**
 * Irrelevant to an errand, or makes its decision fail: `spoil` before anything is applied, `halve` between two
 * aggregates.
 */
export class JobNudged extends event('JobNudged', 1)<{
  readonly walletId: string;
  readonly spoil?: boolean;
  readonly halve?: boolean;
}> {}
/** The errand tells the job that it is done. */
export class JobDone extends event('JobDone', 1)<{ readonly paid: number }> {}

/** The desk adds money, */
export class WalletFilled extends event('WalletFilled', 1)<{ readonly amount: number }> {}
/** it is held when a payment is requested, and paid when the payment is made. */
export class WalletHeld extends event('WalletHeld', 1)<{ readonly jobId: string; readonly amount: number }> {}
export class WalletPaid extends event('WalletPaid', 1)<{ readonly jobId: string; readonly amount: number }> {}

/** A step: asks the purse. */
export class PaymentRequested extends event('PaymentRequested', 1)<{
  readonly target: string;
  readonly commandId: string;
  readonly attempt: number;
  readonly amount: number;
  readonly dueAt: string;
  readonly jobId: string;
  readonly walletId: string;
}> {}
export class ErrandEnded extends event('ErrandEnded', 1)<Record<never, never>> {}

/** The purse's answer. */
export class PursePaid extends event('PursePaid', 1)<{
  readonly amount: number;
  readonly jobId: string;
  readonly walletId: string;
}> {}
/** An event that is irrelevant to every consumer. */
export class PurseSealed extends event('PurseSealed', 1)<Record<never, never>> {}

export const names = {
  jobs: 'transport.job-events',
  purses: 'transport.purse-events',
  wallets: 'transport.wallet-events',
  steps: 'saga.errands',
};
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

const shared = (...writers: [string, readonly EventClass[]][]) => ({
  events: writers.flatMap(([, events]) => events),
  writers: Object.fromEntries(writers),
});

export const errands: Catalogue = {
  Job: { type: 'Job', topic: names.jobs, ...shared(['job-desk', [JobOpened, JobNudged]], ['errand-saga', [JobDone]]) },
  Wallet: {
    type: 'Wallet',
    topic: names.wallets,
    ...shared(['job-desk', [WalletFilled]], ['errand-saga', [WalletHeld, WalletPaid]]),
  },
  Purse: { type: 'Purse', topic: names.purses, ...writtenBy('purse-keeper', [PursePaid, PurseSealed]) },
  Errand: {
    type: 'Errand',
    topic: names.steps,
    ...writtenBy('errand-saga', [PaymentRequested, ErrandEnded]),
    keyOf: ({ data }, id) => (data as { target?: string }).target ?? id,
  },
};

export const errandIdFor = (jobId: string): string => derivedId('errand', jobId);

/** A job, as its client sees it. */
export class Job extends BaseAggregate<JobOpened | JobNudged | JobDone> {
  static readonly type = 'Job';
  walletId = '';
  isDone = false;
  open(data: JobOpened['data']): this {
    this.apply(new JobOpened(data));
    return this;
  }
  nudge(how: { spoil?: boolean; halve?: boolean } = {}): this {
    this.apply(new JobNudged({ walletId: this.walletId, ...how }));
    return this;
  }
  onJobOpened({ data }: JobOpened): void {
    this.walletId = data.walletId;
  }
  onJobNudged(): void {}
  onJobDone(): void {
    this.isDone = true;
  }
}

/** Money of many jobs. */
export class Wallet extends BaseAggregate<WalletFilled | WalletHeld | WalletPaid> {
  static readonly type = 'Wallet';
  held = 0;
  paid = 0;
  fill(amount: number): this {
    this.apply(new WalletFilled({ amount }));
    return this;
  }
  onWalletFilled(): void {}
  onWalletHeld({ data }: WalletHeld): void {
    this.held += data.amount;
  }
  onWalletPaid({ data }: WalletPaid): void {
    this.held -= data.amount;
    this.paid += data.amount;
  }
}

/** Pays once for each command. */
export class Purse extends BaseAggregate<PursePaid | PurseSealed> {
  static readonly type = 'Purse';
  pay(data: PursePaid['data']): this {
    this.apply(new PursePaid(data));
    return this;
  }
  seal(): this {
    this.apply(new PurseSealed({}));
    return this;
  }
  onPursePaid(): void {}
  onPurseSealed(): void {}
}

/** What the process remembers. */
export class Errand extends BaseAggregate<PaymentRequested | ErrandEnded> {
  static readonly type = 'Errand';
  /** A handler that throws: an earlier aggregate has already recorded its part. */
  static breaks = false;
  step: PaymentRequested['data'] | undefined;
  isEnded = false;
  onPaymentRequested({ data }: PaymentRequested): void {
    this.step = data;
  }
  onErrandEnded(): void {
    if (Errand.breaks) throw new TypeError('half way');
    this.isEnded = true;
  }
}

type Decision = readonly (readonly Event[])[];
const nothing: Decision = [];
const later = (now: string, ms: number): string => new Date(Date.parse(now) + ms).toISOString();

/** Holds money, asks a purse once and again after each deadline; pays and ends when the purse has paid. */
export class ErrandProcess implements Process {
  static mends = false;
  readonly aggregates = [Job, Wallet, Errand];

  idsOf({ aggregateId, type, data }: RecordedEvent): readonly string[] | undefined {
    const { jobId = aggregateId, walletId } = data as { jobId?: string; walletId?: string };
    if (type === 'JobNudged' && walletId === 'nowhere') throw new TypeError('it names no wallet');
    return ['JobOpened', 'JobNudged', 'PursePaid'].includes(type) ? [jobId, walletId as string, errandIdFor(jobId)] : undefined;
  }

  decide({ type, data, aggregateId, id }: RecordedEvent, aggregates: readonly AnyAggregate[], now: string): Decision {
    const errand = aggregates[2] as Errand;
    if (type === 'JobNudged') return this.nudged(data as JobNudged['data'], errand);
    if (type === 'JobOpened') {
      const { purseId: target, amount, deadlineMs, walletId } = data as JobOpened['data'];
      const commandId = stepIdFor(errand.id, 'pay', target);
      const step = { target, commandId, attempt: 1, amount, jobId: aggregateId, walletId, dueAt: later(now, deadlineMs) };
      return [[], [new WalletHeld({ jobId: aggregateId, amount })], [new PaymentRequested(step)]];
    }
    const { step, isEnded } = errand;
    if (!step || isEnded || id !== causedEventId(step.commandId, step.target, 0)) return nothing;
    return [[new JobDone({ paid: step.amount })], [new WalletPaid(step)], [new ErrandEnded({})]];
  }

  private nudged({ spoil, halve }: JobNudged['data'], errand: Errand): Decision {
    if (spoil && !ErrandProcess.mends) throw new Error('spoilt');
    return halve && !errand.isEnded ? [[new JobDone({ paid: 0 })], [], [new ErrandEnded({})]] : nothing;
  }

  dueAt(process: AnyAggregate): string | undefined {
    const { isEnded, step } = process as Errand;
    return isEnded ? undefined : step?.dueAt;
  }

  openSteps(process: AnyAggregate): readonly OpenStep[] {
    const { isEnded, step } = process as Errand;
    return isEnded || !step ? [] : [step];
  }

  onDeadline(aggregates: readonly AnyAggregate[], _: ReadonlySet<string>, now: string): Decision {
    const { step } = aggregates[2] as Errand;
    if (!step) return nothing;
    if (step.amount === 13 && !ErrandProcess.mends) throw new Error('unlucky');
    if (step.amount === 14) return nothing;
    if (step.amount === 15) return [[new JobDone({ paid: 0 })], [], [new ErrandEnded({})]];
    return [[], [], [new PaymentRequested({ ...step, attempt: step.attempt + 1, dueAt: later(now, 60_000) })]];
  }

  isEnded(process: AnyAggregate): boolean {
    return (process as Errand).isEnded;
  }

  isStuck(process: AnyAggregate): boolean {
    return !(process as Errand).isEnded && ((process as Errand).step?.attempt ?? 0) > 1;
  }
}

/** Which steps the purse-keeper has received, from the view that it exports. */
export const received: Received = async (tx, steps) => {
  const rows = (await tx.query('select command_id from purse_keeper.received where command_id = any($1::uuid[])', [
    steps.map(({ commandId }) => commandId),
  ])) as { command_id: string }[];
  return new Set(rows.map(({ command_id: id }) => id));
};

/** Keeps a row for each payment requested. */
export class Payments implements Intake {
  readonly steps = [PaymentRequested];
  notified = 0;
  async take(tx: Transaction, steps: readonly RecordedEvent[]): Promise<void> {
    await tx.query(
      `insert into purse_keeper.payments (step_id, saga_id, command_id, purse_id, data)
       select (s->>'id')::uuid, (s->>'aggregateId')::uuid, (s->'data'->>'commandId')::uuid, (s->'data'->>'target')::uuid, s->'data'
         from jsonb_array_elements($1::jsonb) s
       on conflict do nothing`,
      [JSON.stringify(steps)],
    );
  }
  taken(): void {
    this.notified += 1;
  }
}

export const migrations = [
  intakeMigration({ number: 210, service: 'purse-keeper' }),
  processMigration({ number: 212, service: 'errand-saga' }),
  {
    number: 300,
    name: 'payments',
    sql: `create table purse_keeper.payments (
        n bigint generated always as identity primary key, step_id uuid not null unique, saga_id uuid not null, command_id uuid not null,
        purse_id uuid not null, data jsonb not null check (data->>'amount' <> '666'), done boolean not null default false);
      create view purse_keeper.received as select command_id from purse_keeper.payments;
      grant select, insert, update on purse_keeper.payments to :role(purse-keeper);
      grant usage on schema purse_keeper to :role(errand-saga);
      grant select on purse_keeper.received to :role(errand-saga);`,
  },
];
