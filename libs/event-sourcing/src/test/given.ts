import type { Event } from '@tradecore/events';
import type { AggregateClass, AnyAggregate } from '../base-aggregate.ts';

/** An error class, for `thenThrows`. */
type ErrorClass = abstract new (...parameters: never[]) => Error;

/** The expectations on a decision. */
export interface Decided {
  /** Exactly these events were applied: types, schema versions and data. */
  then(...events: Event[]): void;
  /** The decision was refused with this error, and nothing was applied. */
  thenThrows(error: ErrorClass): void;
}

/** `given(Order, placed).when((order) => order.requestCancel()).then(cancelRequested)` */
export function given<A extends AnyAggregate>(
  type: AggregateClass<A>,
  ...history: Event[]
): { when(decide: (aggregate: A) => void): Decided } {
  return {
    when(decide) {
      const aggregate = new type('0190b3a0-0000-7000-8000-000000000001');
      aggregate.replay(history as never[]);
      let thrown: unknown;
      try {
        decide(aggregate);
      } catch (error) {
        thrown = error;
      }
      return {
        then(...events) {
          if (thrown !== undefined) throw thrown;
          expect(aggregate.uncommittedEvents.map(asPlain)).toEqual(events.map(asPlain));
        },
        thenThrows(error) {
          expect(thrown).toBeInstanceOf(error);
          expect(aggregate.uncommittedEvents).toEqual([]);
        },
      };
    },
  };
}

const asPlain = ({ type, schemaVersion, data }: Event): Event => ({ type, schemaVersion, data });
