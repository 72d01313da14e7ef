import { OrderAccepted, OrderApproved, OrderCancelRequested, OrderPlaced, type RecordedEvent } from '@tradecore/events';
import { recordedSample } from '@tradecore/events/testing';
import { fold, On, Projector } from '../index.ts';
import { givenEvents } from '../testing.ts';

interface Row {
  readonly orderId: string;
  readonly seen: number;
}

@Projector({ name: 'sample-projector', topics: ['transport.order-events'], version: 1, table: 'samples' })
class Samples {
  @On(OrderPlaced)
  onOrderPlaced(row: Row | undefined, event: RecordedEvent<OrderPlaced>): Row {
    return { orderId: event.aggregateId, seen: (row?.seen ?? 0) + 1 };
  }
}

const placed = recordedSample();
const ignored = recordedSample(new OrderCancelRequested({}), { aggregateId: placed.aggregateId, aggregateVersion: 2 });

describe('a projector', () => {
  it('is a fold of its own events', () =>
    givenEvents(Samples, placed, ignored, placed).thenRow({ orderId: placed.aggregateId, seen: 2 }));

  it('makes no row from events that it ignores', () => givenEvents(Samples, ignored).thenNothing());

  it('continues from a row', () => expect(fold(Samples, [placed], { orderId: 'x', seen: 41 })).toMatchObject({ seen: 42 }));

  it('fails its test when the row differs', () =>
    expect(() => givenEvents(Samples, placed).thenRow({ orderId: placed.aggregateId, seen: 2 })).toThrow('seen: 2'));

  it('does not compile for another event, and cannot fold the same event twice', () => {
    expect(() => {
      class Twice {
        @On(OrderPlaced)
        once(_: Row | undefined, event: RecordedEvent<OrderPlaced>): Row {
          return { orderId: event.aggregateId, seen: 1 };
        }

        // @ts-expect-error a method that folds OrderCancelRequested can't be declared for OrderPlaced
        @On(OrderPlaced)
        twice(_: Row | undefined, event: RecordedEvent<OrderCancelRequested>): Row {
          return { orderId: event.aggregateId, seen: 2 };
        }
      }
      return Twice;
    }).toThrow('folds OrderPlaced twice');
  });

  it('folds events of several classes with one method', () => {
    @Projector({ name: 'both-projector', topics: ['transport.order-events'], version: 1, table: 'both' })
    class Both {
      @On(OrderPlaced, OrderCancelRequested)
      onEither(row: Row | undefined, event: RecordedEvent<OrderPlaced | OrderCancelRequested>): Row {
        return { orderId: event.aggregateId, seen: (row?.seen ?? 0) + 1 };
      }

      // @ts-expect-error a method that folds OrderApproved alone can't be declared for OrderAccepted too
      @On(OrderApproved, OrderAccepted)
      onOther(row: Row | undefined, event: RecordedEvent<OrderApproved>): Row {
        return { orderId: event.aggregateId, seen: row?.seen ?? 0 };
      }
    }
    givenEvents(Both, ignored, placed).thenRow({ orderId: placed.aggregateId, seen: 2 });
  });

  it('may not change its input, in its tests', () => {
    @Projector({ name: 'impure-projector', topics: [], version: 1, table: 'impure' })
    class Impure {
      @On(OrderPlaced)
      onOrderPlaced(row: { seen: number } | undefined): { seen: number } {
        const kept = row ?? { seen: 0 };
        kept.seen += 1;
        return kept;
      }
    }
    expect(() => givenEvents(Impure, placed, placed).thenRow({ seen: 2 })).toThrow(TypeError);
  });

  it('must declare its rows shared when its key is not the aggregate', () => {
    class Keyed {
      key(event: RecordedEvent): string {
        return event.type;
      }
    }
    expect(() => Projector({ name: 'keyed', topics: [], version: 1, table: 'keyed' })(Keyed)).toThrow('shared: true');
    expect(() => Projector({ name: 'keyed', topics: [], version: 1, table: 'keyed', shared: true })(Keyed)).not.toThrow();
    expect(() => Projector({ name: 'samples', topics: [], version: 1, table: 'x', shared: true })(class {})).toThrow(
      'shared: true',
    );
  });

  it('refuses names that are not table names', () =>
    expect(() => Projector({ name: 'x', topics: [], version: 1, table: 'drop table' })(class {})).toThrow(
      'not a valid name of a schema or table',
    ));

  it('cannot be just any class', () => expect(() => fold(class {}, [])).toThrow('has no @Projector'));
});
