import { isDeepStrictEqual } from 'node:util';
import { upcast, UnknownEvent, type Catalogue, type RecordedEvent } from '@tradecore/events';
import type { PostgresEventStore, Transaction, Wanted } from '@tradecore/event-sourcing';
import type { AggregateCache } from './aggregate-cache.ts';
import type { MessageParkReason, RecordOutcome } from './consumer-metrics.ts';
import { Decisions, Failed, type Decision } from './decisions.ts';
import { parkedReason } from '../offsets/errors.ts';
import { hold, pairKey, type ParkedMessage, type Pair } from './parked-messages.ts';
import type { DeadLetter, EventRecord } from '../offsets/subscription.ts';

/** An event that asks for a decision. */
export interface Task extends Pair {
  readonly event: RecordedEvent;
  /** The record that it came in; absent when it comes from the store. */
  readonly record?: EventRecord;
  /** Who decides; absent when that can't be told: then it is parked. */
  readonly wanted?: Wanted | undefined;
  /** The id of the first event that the decision would store: there = handled. */
  readonly firstId: string;
}

/** What a kind of consumer adds to the decisions of one transaction. */
export interface Session {
  /** The pairs of which something is held, by `pairKey`: what comes for them waits. */
  readonly held: Set<string>;
  /** What becomes of a task without a decision; `undefined` when it has to be decided. */
  settled(task: Task): RecordOutcome | undefined;
  /** The decision, for an event in its newest shape. */
  decision(task: Task, event: RecordedEvent): Decision;
  /** Told after each decision that did not fail. */
  decided(task: Task): void;
  /** Writes rows beside the events. */
  write(events: readonly RecordedEvent[]): Promise<void>;
  /** After the commit. */
  committed?(): void;
}

/** A kind of consumer: of commands, of a saga's inputs. */
export interface Decider {
  /** Name of the service, the consumer group and (`-` as `_`) the schema. */
  readonly name: string;
  readonly topics: readonly string[];
  /** Whether a decision must come to at least one event. */
  readonly mustStore: boolean;
  /** What an event asks for; `undefined` when it is none of ours. */
  taskOf(event: RecordedEvent): Task | undefined;
  /** Reads what it needs under the locks. */
  session(tx: Transaction, decisions: Decisions, tasks: readonly Task[]): Promise<Session>;
  /** Told of what is parked from now on. */
  parked(tx: Transaction, pairs: readonly Pair[]): Promise<void>;
}

/** What some tasks came to. Counted when their transaction is committed, not before. */
export interface RunResult {
  readonly outcomes: RecordOutcome[];
  readonly items: ParkedMessage[];
  readonly reasons: MessageParkReason[];
  readonly foreign: DeadLetter[];
  /** How many events the decisions came to. */
  events: number;
  /** After the commit: aggregates are kept for the next batch, handlers told. */
  committed(): void;
}

/** How tasks are run. */
export interface RunOptions {
  /** Aggregates of earlier batches. */
  readonly cache?: AggregateCache | undefined;
  /** What is held of this pair is tried, not left to wait; and the caller keeps the books of what is held. */
  readonly redriven?: Pair;
}

/** An empty result. */
export const nothingRun = (): RunResult => ({
  outcomes: [],
  items: [],
  reasons: [],
  foreign: [],
  events: 0,
  committed: () => undefined,
});

/** Holds these. */
export async function parkAll(tx: Transaction, decider: Decider, schema: string, items: readonly ParkedMessage[]): Promise<void> {
  await hold(tx, schema, items);
  const failed = items.filter(({ reason }) => reason !== undefined);
  if (failed.length > 0) await decider.parked(tx, failed);
}

/** Makes decisions for tasks, in order, in a caller's transaction: all locked, all loaded, all stored together. */
export class DecisionRun {
  constructor(
    private readonly decider: Decider,
    private readonly parts: { readonly store: PostgresEventStore; readonly catalogue: Catalogue; readonly schema: string },
  ) {}

  /** Throws what PostgreSQL refuses, `ConcurrencyException` and `Busy`: roll back. */
  async run(tx: Transaction, tasks: readonly Task[], { cache, redriven }: RunOptions = {}): Promise<RunResult> {
    const result = nothingRun();
    if (tasks.length === 0) return result;
    const { store, schema } = this.parts;
    const wanted = new Map(tasks.flatMap((task) => (task.wanted ? [[task.targetId, task.wanted] as const] : [])));
    const lookups = tasks.flatMap(({ event, firstId }) => [event.id, firstId]);
    const decisions = await Decisions.open(store.within(tx), { wanted: [...wanted.values()], lookups, cache });
    const session = await this.decider.session(tx, decisions, tasks);
    if (redriven) session.held.delete(pairKey(redriven));
    const running = { decisions, session, done: new Set<string>(), result };
    for (const task of tasks) result.outcomes.push(await this.step(task, running));
    const events = await decisions.save();
    await session.write(events);
    if (!redriven) await parkAll(tx, this.decider, schema, result.items);
    result.events = events.length;
    result.committed = () => {
      if (cache) decisions.keep(cache);
      session.committed?.();
    };
    return result;
  }

  private async step(task: Task, running: Running): Promise<RecordOutcome> {
    const { decisions, session, done, result } = running;
    const stored = decisions.event(task.event.id);
    if (!stored || !isSame(stored, task.event)) return foreign(task, result);
    if (done.has(task.firstId) || decisions.event(task.firstId)) return 'repeated';
    const settled = session.settled(task);
    if (settled) return settled;
    if (session.held.has(pairKey(task))) {
      result.items.push(itemOf(task));
      return 'waiting';
    }
    const failed = await this.decide(task, running);
    if (failed) return park(task, failed, running);
    done.add(task.firstId);
    session.decided(task);
    return 'handled';
  }

  private async decide(task: Task, { decisions, session }: Running): Promise<Failed | undefined> {
    let event: RecordedEvent;
    try {
      event = upcast(this.parts.catalogue, task.event);
    } catch (error) {
      return new Failed(error);
    }
    if (!task.wanted) return new Failed(new Malformed('it names nobody who could decide'));
    const count = await decisions.add(task.targetId, session.decision(task, event));
    if (count instanceof Failed) return count;
    return count === 0 && this.decider.mustStore ? new Failed(new Error('the handler stored nothing')) : undefined;
  }
}

interface Running {
  readonly decisions: Decisions;
  readonly session: Session;
  /** First ids of what was decided in this run. */
  readonly done: Set<string>;
  readonly result: RunResult;
}

/** A record that says too little. */
class Malformed extends Error {}

/** What is held of a task. */
export const itemOf = ({ sagaId, targetId, event }: Task): ParkedMessage => ({ sagaId, targetId, eventId: event.id });

function park(task: Task, { error }: Failed, { decisions, session, result }: Running): RecordOutcome {
  session.held.add(pairKey(task));
  const reason = reasonOf(error, task, decisions);
  result.reasons.push(reason);
  result.items.push({ ...itemOf(task), reason: parkedReason(reason, error) });
  return 'parked';
}

function reasonOf(error: unknown, task: Task, decisions: Decisions): MessageParkReason {
  if (error instanceof UnknownEvent) return 'unknown-event';
  if (error instanceof Malformed) return 'malformed';
  return decisions.aggregate(task.targetId) instanceof Error ? 'history-unreadable' : 'handler-failed';
}

function foreign({ event, record }: Task, result: RunResult): RecordOutcome {
  const detail = `the store holds no such event ${event.id} as version ${event.aggregateVersion} of ${event.aggregateId}`;
  if (record) result.foreign.push({ message: record.message, note: { reason: 'foreign', detail, attempts: 1 } });
  return 'foreign';
}

/** Nothing from a topic counts before the store has said that it holds just this. */
const isSame = (stored: RecordedEvent, { aggregateId, aggregateVersion, type, data }: RecordedEvent): boolean =>
  stored.aggregateId === aggregateId &&
  stored.aggregateVersion === aggregateVersion &&
  stored.type === type &&
  isDeepStrictEqual(stored.data, data);
