import { causedEventId, type Catalogue, type RecordedEvent } from '@tradecore/events';
import type { AggregateClass, AnyAggregate, Transaction } from '@tradecore/event-sourcing';
import { causedBy, isDeclared } from './caused-by.ts';
import type { Decider, Session, Task } from './decision-run.ts';
import type { Decision, Decisions } from './decisions.ts';
import { parkedPairs } from './parked-messages.ts';
import { schemaOf } from '../offsets/schema.ts';
import { handlersOf, type CommandHandler, type CommandHandlerClass, type Decide } from './handles.ts';

/** Which commands, from where. */
export interface CommandDeciderOptions {
  /** Name of the service. */
  readonly name: string;
  readonly topics: readonly string[];
  /** Instances with `@Handles`; two that handle the same step are a bug. */
  readonly handlers: readonly object[];
  readonly catalogue: Catalogue;
}

interface Handler {
  readonly instance: CommandHandler;
  readonly aggregate: AggregateClass<AnyAggregate>;
  readonly decide: Decide;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const isId = (value: unknown): value is string => typeof value === 'string' && uuid.test(value);

/** Commands: each step asks one aggregate, and its command id names what it causes, whatever the attempt. */
export class CommandDecider implements Decider {
  readonly name: string;
  readonly topics: readonly string[];
  readonly mustStore = true;
  private readonly catalogue: Catalogue;
  private readonly handlers = new Map<string, Handler>();

  constructor({ name, topics, handlers, catalogue }: CommandDeciderOptions) {
    this.name = name;
    this.topics = topics;
    this.catalogue = catalogue;
    for (const instance of handlers) this.add(instance);
  }

  private add(instance: object): void {
    const { aggregate } = instance.constructor as unknown as CommandHandlerClass;
    for (const [type, decide] of handlersOf(instance) ?? []) {
      if (this.handlers.has(type)) throw new TypeError(`${instance.constructor.name}: somebody else handles ${type} already`);
      this.handlers.set(type, { instance, aggregate, decide });
    }
  }

  /** A type that nobody declared may be one for us, from a newer saga: it is parked, so that what comes behind it waits. */
  taskOf(event: RecordedEvent): Task | undefined {
    const handler = this.handlers.get(event.type);
    if (!handler && isDeclared(this.catalogue, event)) return undefined;
    const { target, commandId } = event.data as { readonly target?: unknown; readonly commandId?: unknown };
    const targetId = isId(target) ? target : event.aggregateId;
    const isWhole = handler && isId(target) && isId(commandId);
    return {
      event,
      sagaId: event.aggregateId,
      targetId,
      firstId: causedEventId(isId(commandId) ? commandId : event.id, targetId, 0),
      ...(isWhole && { wanted: { type: handler.aggregate, id: target } }),
    };
  }

  async session(tx: Transaction, _: Decisions, tasks: readonly Task[]): Promise<Session> {
    const stored: CommandHandler[] = [];
    const targetIds = [...new Set(tasks.map(({ targetId }) => targetId))];
    return {
      held: await parkedPairs(tx, schemaOf(this.name), targetIds),
      settled: () => undefined,
      decision: (_task, event) => this.decision(event),
      decided: () => undefined,
      write: async (events) => {
        for (const [handler, own] of this.byHandler(tasks, events)) {
          await handler.stored?.(tx, own);
          stored.push(handler);
        }
      },
      committed: () => {
        for (const handler of stored) handler.committed?.();
      },
    };
  }

  parked(): Promise<void> {
    return Promise.resolve();
  }

  private decision(step: RecordedEvent): Decision {
    const { commandId } = step.data as { readonly commandId: string };
    return {
      context: causedBy(step, { commandId, sagaId: step.aggregateId }),
      decide: (aggregate) => {
        const answer: unknown = (this.handlers.get(step.type) as Handler).decide(aggregate, step);
        if (answer !== undefined) throw new TypeError(`the handler of ${step.type} returned something: it has to decide at once`);
      },
    };
  }

  /** What came of the steps of each handler. */
  private byHandler(tasks: readonly Task[], events: readonly RecordedEvent[]): Map<CommandHandler, RecordedEvent[]> {
    const handlers = new Map(tasks.map(({ event }) => [event.id, this.handlers.get(event.type)?.instance]));
    const found = new Map<CommandHandler, RecordedEvent[]>();
    for (const event of events) {
      const handler = handlers.get(event.causationId ?? '');
      if (!handler) continue;
      const own = found.get(handler) ?? [];
      own.push(event);
      found.set(handler, own);
    }
    return found;
  }
}
