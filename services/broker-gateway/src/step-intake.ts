import { Inject, Injectable } from '@nestjs/common';
import type { Intake, PutWork } from '@tradecore/consumers';
import type { Transaction } from '@tradecore/event-sourcing';
import { CancelBrokerOrder, CorrectionApplied, stepClasses, type RecordedEvent, type StepEvent } from '@tradecore/events';
import { interrupted } from '@tradecore/trading';
import { BrokerOrderQueue } from './broker-order-queue.ts';
import { Brokerage } from './brokerage.ts';
import { stepOf, Steps } from './steps.ts';

/** A step this late may have been carried out already and its row lost: its order is looked up before it is sent. */
const lateMs = 10_000;
const nothing: PutWork = { claimed: [], isAll: true };

/**
 * Takes in the saga's steps: one row each, with the offset. No call, no event: the step is the intent. A correction makes
 * its BrokerOrder be looked up, with all its executions, by the worker that holds its row.
 */
@Injectable()
export class StepIntake implements Intake {
  readonly steps = [...stepClasses, CorrectionApplied];
  /** What the transaction put, to begin with once it is committed. */
  private work: PutWork = nothing;

  constructor(
    @Inject(Steps) private readonly rows: Steps,
    @Inject(BrokerOrderQueue) private readonly queue: BrokerOrderQueue,
    @Inject(Brokerage) private readonly brokerage: Brokerage,
  ) {}

  async take(tx: Transaction, events: readonly RecordedEvent[]): Promise<void> {
    const steps = events.filter((event): event is RecordedEvent<StepEvent> => !isCorrection(event));
    const queries = events.filter(isCorrection).filter(({ data }) => data.kind === 'query' && data.owner === 'broker-gateway');
    const now = this.brokerage.now();
    const targets = (fits: (step: RecordedEvent<StepEvent>) => boolean) =>
      new Set(steps.filter(fits).map(({ data }) => data.target));
    const late = targets((step) => isLate(step, now));
    const canceled = targets(({ type }) => type === CancelBrokerOrder.type);
    const lanes = new Map(steps.map(({ data }) => [data.target, data.accountId]));
    this.work = nothing;
    const taken = await this.rows.put(tx, steps.map(stepOf));
    this.work = await this.queue.rows.putClaimed(tx, [
      ...queries.map(({ data }) => ({ key: data.target, urgent: true, state: { ...interrupted({ list: true }, now) } })),
      ...taken.map((key) => ({
        ...{ key, lane: lanes.get(key) ?? '', urgent: canceled.has(key) },
        state: late.has(key) ? { ...interrupted({}, now) } : {},
      })),
    ]);
  }

  taken(): void {
    this.queue.rows.begin(this.work);
    this.work = nothing;
  }
}

const isCorrection = (event: RecordedEvent): event is RecordedEvent<CorrectionApplied> => event.type === CorrectionApplied.type;

/** Whether a step is old or repeated: the saga repeats a step that the gateway does not have. */
const isLate = ({ data, time }: RecordedEvent<StepEvent>, now: string): boolean =>
  data.attempt > 1 || Date.parse(now) - Date.parse(time) > lateMs;
