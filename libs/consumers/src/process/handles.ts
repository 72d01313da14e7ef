import type { Event, EventClass, RecordedEvent } from '@tradecore/events';
import type { AggregateClass, AnyAggregate, Transaction } from '@tradecore/event-sourcing';

/**
 * Handles commands of one type of aggregate: methods with `@Handles` decide, `aggregate` says on what. A provider of a service with
 * `CommandsModule`, which finds it.
 */
export interface CommandHandler {
  /**
   * Called once a batch in its transaction, with what these handlers decided, as it is stored: for rows that must be there when, and only
   * when, the events are. What it throws rolls the batch back; a value that PostgreSQL refuses parks the command.
   */
  stored?(tx: Transaction, events: readonly RecordedEvent[]): Promise<void>;
  /** Called after the commit of a batch for which `stored` was called: to wake who waits for the rows. It may be missed; never throws. */
  committed?(): void;
}

/** The class of a `CommandHandler`. */
export interface CommandHandlerClass {
  readonly aggregate: AggregateClass<AnyAggregate>;
}

/** A method with `@Handles`: decides on the aggregate that the step asks, at once and without I/O. */
export type Decide = (aggregate: AnyAggregate, step: RecordedEvent) => void;

const handlers = new WeakMap<object, Map<string, string>>();

/**
 * Declares that the method handles steps of this class: `reserve(account: Account, step: RecordedEvent<ReservationAsked>): void`.
 * It stores at least one event of the asked aggregate, refusals too; the runtime knows a repeat by it. What it throws parks
 * the command. A method that takes another step does not compile; the same step twice in one class throws at load.
 */
export const Handles =
  <E extends Event>(eventClass: EventClass<E>) =>
  <M extends (aggregate: never, step: RecordedEvent<E>) => void>(
    target: object,
    method: string,
    _: TypedPropertyDescriptor<M>,
  ): void => {
    const own = handlers.get(target) ?? new Map<string, string>();
    if (own.has(eventClass.type)) throw new TypeError(`${target.constructor.name} handles ${eventClass.type} twice`);
    handlers.set(target, own.set(eventClass.type, method));
  };

/** The methods of an instance by the type of step that they handle; `undefined` when it has none. */
export function handlersOf(instance: unknown): ReadonlyMap<string, Decide> | undefined {
  if (typeof instance !== 'object' || instance === null) return undefined;
  const own = handlers.get(Object.getPrototypeOf(instance) as object);
  if (!own) return undefined;
  const bound = [...own].map(([type, method]): [string, Decide] => [
    type,
    (Reflect.get(instance, method) as Decide).bind(instance),
  ]);
  return new Map(bound);
}
