import type { PostgresEventStore, Transaction } from '@tradecore/event-sourcing';
import type { Decider, DecisionRun, Task } from './decision-run.ts';
import type { Failed } from './decisions.ts';
import { savepoint } from '../offsets/transaction.ts';
import { parkedReason } from '../offsets/errors.ts';
import { parkedMessages, settleParked, type Pair } from './parked-messages.ts';

/** What only sagas have: deadlines. */
export interface Deadlines {
  /** Hears a deadline that was held once more. */
  retry(tx: Transaction, sagaId: string): Promise<Failed | undefined>;
  /** Lets the deadlines of a saga that is not parked any more go on. */
  restore(tx: Transaction, sagaId: string): Promise<void>;
}

/** What a redrive works with. */
export interface RedriveParts {
  readonly store: PostgresEventStore;
  readonly running: DecisionRun;
  readonly decider: Decider;
  readonly schema: string;
  readonly deadlines: Deadlines | undefined;
}

/** What a redrive of a pair came to. */
export interface RedrivenPair {
  /** How many items are free. */
  readonly done: number;
  /** Why the next one failed again, when it did. */
  readonly reason: string | undefined;
  /** To be called after the commit. */
  readonly committed: readonly (() => void)[];
}

/** Tries what is held of a pair, in order, up to the first that fails. */
export async function redrivePair(tx: Transaction, pair: Pair, parts: RedriveParts): Promise<RedrivenPair> {
  const { decider, schema } = parts;
  const items = await parkedMessages(tx, schema, pair);
  const tasks = await tasksFor(
    tx,
    parts,
    items.flatMap(({ eventId }) => eventId ?? []),
  );
  const committed: (() => void)[] = [];
  let done = 0;
  let reason: string | undefined;
  for (const { eventId } of items) {
    reason =
      eventId === null
        ? await deadline(tx, pair, parts)
        : await again(tx, pair, { ...parts, committed, task: tasks.get(eventId) });
    if (reason !== undefined) break;
    done += 1;
  }
  await settleParked(tx, schema, pair, { done, reason });
  if (reason === undefined) await parts.deadlines?.restore(tx, pair.sagaId);
  else await decider.parked(tx, [pair]);
  return { done, reason, committed };
}

async function tasksFor(
  tx: Transaction,
  { store, decider }: RedriveParts,
  eventIds: readonly string[],
): Promise<Map<string, Task>> {
  const { events } = await store.within(tx).loadMany([], eventIds);
  const tasks = new Map<string, Task>();
  for (const [id, event] of events) {
    const task = decider.taskOf(event);
    if (task) tasks.set(id, task);
  }
  return tasks;
}

async function deadline(tx: Transaction, { sagaId }: Pair, { deadlines }: RedriveParts): Promise<string | undefined> {
  const failed = await deadlines?.retry(tx, sagaId);
  return failed && parkedReason('handler-failed', failed.error);
}

/** One item behind a savepoint. Nobody of this build handles it: it is free. */
async function again(
  tx: Transaction,
  pair: Pair,
  { running, task, committed }: RedriveParts & { readonly task: Task | undefined; readonly committed: (() => void)[] },
): Promise<string | undefined> {
  if (!task) return undefined;
  return savepoint(
    tx,
    async () => {
      const result = await running.run(tx, [task], { redriven: pair });
      committed.push(() => result.committed());
      return result.items[0]?.reason;
    },
    (error) => parkedReason('row-refused', error),
  );
}
