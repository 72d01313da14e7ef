import { causedEventId, type Catalogue, type RecordedEvent } from '@tradecore/events';
import type { Transaction } from '@tradecore/event-sourcing';
import { logger } from '@tradecore/telemetry';
import { causedBy } from './caused-by.ts';
import type { RecordOutcome } from './consumer-metrics.ts';
import type { Decider, Session, Task } from './decision-run.ts';
import type { Decision, Decisions } from './decisions.ts';
import { pairKey, type Pair } from './parked-messages.ts';
import type { Saga, SagaClass } from './saga.ts';
import { keepSagas, readSagas, suspend, type KnownSagas, type SagaOrigin, type SagaRow } from './saga-rows.ts';
import { schemaOf } from '../offsets/schema.ts';

const log = logger('consumers');

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
    return { event, sagaId, targetId: sagaId, firstId, wanted: { type: this.saga, id: sagaId } };
  }

  async session(tx: Transaction, decisions: Decisions, tasks: readonly Task[]): Promise<Session> {
    const sagaIds = [...new Set(tasks.map(({ sagaId }) => sagaId))];
    const known = await readSagas(tx, this.schema, sagaIds, decisions.now);
    return new SagaSession(this, decisions, known, (touched) => keepSagas(tx, this.schema, decisions, touched));
  }

  async parked(tx: Transaction, pairs: readonly Pair[]): Promise<void> {
    await suspend(
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
  private readonly touched = new Map<string, Touched>();
  private stuck: readonly string[] = [];

  constructor(
    private readonly decider: SagaDecider,
    private readonly decisions: Decisions,
    { rows, parked }: KnownSagas,
    private readonly keep: (touched: readonly Touched[]) => Promise<readonly string[]>,
  ) {
    this.rows = rows;
    this.held = new Set(parked.map((sagaId) => pairKey({ sagaId, targetId: sagaId })));
  }

  settled({ sagaId, event }: Task): RecordOutcome | undefined {
    const saga = this.decisions.aggregate(sagaId);
    if (!(saga instanceof Error) && saga.version === 0 && !this.decider.saga.starts(event)) return 'skipped';
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
    this.touched.set(sagaId, { sagaId, heard, origin: known?.origin ?? originOf(event), isStuck: known?.isStuck ?? false });
  }

  /** What an ended saga hears later is known again by the ids of what it caused: its row goes. */
  async write(): Promise<void> {
    this.stuck = await this.keep([...this.touched.values()]);
  }

  committed(): void {
    tellStuck(this.decider.name, this.stuck);
  }
}

type Touched = Pick<SagaRow, 'sagaId' | 'heard' | 'origin' | 'isStuck'>;

/** Says of sagas that somebody has to look, once for each. */
export function tellStuck(saga: string, sagaIds: readonly string[]): void {
  for (const sagaId of sagaIds) log.error({ saga, sagaId }, 'a saga is stuck: what it waits for has not come within its budget');
}

const originOf = ({ id, correlationId, metadata: { account, actor } }: RecordedEvent): SagaOrigin => ({
  correlationId: correlationId ?? id,
  account,
  actor,
});
