import { causedEventId, type Catalogue, type RecordedEvent } from '@tradecore/events';
import type { Transaction } from '@tradecore/event-sourcing';
import { causedBy } from './caused-by.ts';
import type { RecordOutcome } from './consumer-metrics.ts';
import type { Decider, Session, Task } from './decision-run.ts';
import type { Decision, Decisions } from './decisions.ts';
import { pairKey, type Pair } from './held.ts';
import type { Saga, SagaClass } from './saga.ts';
import { readSagas, silence, writeSagas, type KnownSagas, type OpenSaga, type SagaOrigin, type SagaRow } from './saga-rows.ts';
import { schemaOf } from './schema.ts';

/** Which saga, hearing what. */
export interface SagaDeciderOptions {
  /** Name of the service. */
  readonly name: string;
  readonly topics: readonly string[];
  readonly saga: SagaClass;
  readonly catalogue: Catalogue;
}

/** A saga's inputs: each event is heard once, in the order of its aggregate; what it causes is named after it. */
export class SagaDecider implements Decider {
  readonly name: string;
  readonly topics: readonly string[];
  readonly mustStore = false;
  readonly saga: SagaClass;
  private readonly schema: string;

  constructor({ name, topics, saga }: SagaDeciderOptions) {
    this.name = name;
    this.topics = topics;
    this.saga = saga;
    this.schema = schemaOf(name);
  }

  taskOf(event: RecordedEvent): Task | undefined {
    const sagaId = this.saga.sagaIdOf(event);
    if (sagaId === undefined) return undefined;
    const firstId = causedEventId(event.id, sagaId, 0);
    return { event, sagaId, askedId: sagaId, firstId, wanted: { type: this.saga, id: sagaId } };
  }

  async session(tx: Transaction, decisions: Decisions, tasks: readonly Task[]): Promise<Session> {
    const sagaIds = [...new Set(tasks.map(({ sagaId }) => sagaId))];
    const known = await readSagas(tx, this.schema, sagaIds, decisions.now);
    return new SagaSession(this.saga, decisions, known, (open, ended) => writeSagas(tx, this.schema, open, ended));
  }

  async parked(tx: Transaction, pairs: readonly Pair[]): Promise<void> {
    await silence(
      tx,
      this.schema,
      pairs.map(({ sagaId }) => sagaId),
    );
  }
}

/** The sagas of one transaction. */
class SagaSession implements Session {
  readonly held: Set<string>;
  private readonly rows: ReadonlyMap<string, SagaRow>;
  private readonly touched = new Map<string, { heard: Record<string, number>; origin: SagaOrigin }>();

  constructor(
    private readonly saga: SagaClass,
    private readonly decisions: Decisions,
    { rows, parked }: KnownSagas,
    private readonly writeRows: (open: OpenSaga[], ended: string[]) => Promise<void>,
  ) {
    this.rows = rows;
    this.held = new Set(parked.map((sagaId) => pairKey({ sagaId, askedId: sagaId })));
  }

  settled({ sagaId, event }: Task): RecordOutcome | undefined {
    const saga = this.decisions.aggregate(sagaId);
    if (!(saga instanceof Error) && saga.version === 0 && !this.saga.starts(event)) return 'skipped';
    const { heard } = this.touched.get(sagaId) ?? this.rows.get(sagaId) ?? {};
    return event.aggregateVersion <= (heard?.[event.aggregateId] ?? 0) ? 'repeated' : undefined;
  }

  decision({ sagaId }: Task, event: RecordedEvent): Decision {
    return {
      context: causedBy(event, { commandId: event.id, sagaId }),
      decide: (aggregate) => (aggregate as Saga).hear(event, this.decisions.now),
    };
  }

  decided({ sagaId, event }: Task): void {
    const known = this.touched.get(sagaId) ?? this.rows.get(sagaId);
    const heard = { ...known?.heard, [event.aggregateId]: event.aggregateVersion };
    this.touched.set(sagaId, { heard, origin: known?.origin ?? originOf(event) });
  }

  /** What an ended saga hears later is known again by the ids of what it caused: its row goes. */
  async write(): Promise<void> {
    const open: OpenSaga[] = [];
    const ended: string[] = [];
    for (const [sagaId, { heard, origin }] of this.touched) {
      const saga = this.decisions.aggregate(sagaId) as Saga;
      if (saga.version === 0) continue;
      if (saga.isEnded) ended.push(sagaId);
      else open.push({ sagaId, heard, origin, dueAt: saga.dueAt });
    }
    await this.writeRows(open, ended);
  }
}

const originOf = ({ id, correlationId, metadata: { account, actor } }: RecordedEvent): SagaOrigin => ({
  correlationId: correlationId ?? id,
  account,
  actor,
});
