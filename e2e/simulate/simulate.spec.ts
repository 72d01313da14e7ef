import type { RecordedEvent } from '@tradecore/events';
import { Account, Order, OrderPlacement, type Settlement } from '@tradecore/trading';
import { simulate, type Outcome, type Simulation } from './simulate.ts';

const seeds = Array.from({ length: 20 }, (_, index) => index + 1);
const wrongIn = ({ invariants }: Outcome): string[] =>
  invariants.flatMap(({ name, wrong }) => wrong.map((words) => `${name}: ${words}`));

describe('thousands of orders while everything goes wrong', () => {
  const met = new Map<string, number>();

  it.each(seeds)('keep every invariant: seed %i', (seed) => {
    const outcome = simulate({ seed, orders: 300 });
    for (const [name, times] of outcome.mix) met.set(name, (met.get(name) ?? 0) + times);
    expect(wrongIn(outcome)).toEqual([]);
    expect(outcome.invariants.filter(({ checked }) => checked === 0)).toEqual([]);
  });

  it('have met every trouble that there is, and every end', () => {
    const ends = ['filled', 'canceled', 'expired', 'rejected', 'denied'].map((status) => `order ${status}`);
    const troubles = ['outcome unknown for a while', 'found by looking up', 'step asked again', 'reservation refused'];
    const races = ['replaced', 'replace refused', 'cancel refused', 'refused at once: order-not-cancelable'];
    expect([...ends, ...troubles, ...races].filter((name) => !met.has(name))).toEqual([]);
  });
});

describe('a seed', () => {
  it('replays exactly: the same events in the same order at the same time', () => {
    const traceOf = (seed: number): string[] => {
      const events: string[] = [];
      simulate({ seed, orders: 60, trace: (event: RecordedEvent) => events.push(JSON.stringify(event)) });
      return events;
    };
    const first = traceOf(7);
    expect(first.length).toBeGreaterThan(500);
    expect(traceOf(7)).toEqual(first);
    expect(traceOf(8)).not.toEqual(first);
  });
});

/** What the checks say when one thing is built wrong. */
const found = (broken: Partial<Simulation>): string[] =>
  simulate({ seed: 3, orders: 200, ...broken })
    .invariants.filter(({ wrong }) => wrong.length > 0)
    .map(({ name }) => name);

describe('the invariants notice', () => {
  it('a release that frees nothing', () => {
    class Keeps extends Account {
      override release({ orderId }: { readonly orderId: string }): void {
        super.release({ orderId: `not ${orderId}` });
      }
    }
    expect(found({ classes: { Account: Keeps } })).toContain("reserved = open orders' remaining value");
  });

  it('an execution that is booked at another price', () => {
    class Rounds extends Account {
      override settle(fill: Settlement): void {
        super.settle({ ...fill, price: String(Math.ceil(Number(fill.price))) });
      }
    }
    expect(found({ classes: { Account: Rounds } })).toEqual(['money = deposits and fills, shares = signed fills']);
  });

  it('a saga that misses an execution', () => {
    class Deaf extends OrderPlacement {
      override hear(event: RecordedEvent, now: string): void {
        if (event.type !== 'ExecutionReported' || !event.id.endsWith('0')) super.hear(event, now);
      }
    }
    expect(found({ classes: { OrderPlacement: Deaf } })).toContain('every fill is settled once');
  });

  it('an order that keeps state beside its events', () => {
    class Counts extends Order {
      asked = 0;
      override requestCancel(reason?: string): void {
        this.asked += 1;
        super.requestCancel(reason);
      }
    }
    expect(found({ classes: { Order: Counts } })).toEqual(['what is replayed is what is alive']);
  });

  it('a gateway that sends again under a new name', () => {
    const nameOf = (legId: string, attempt: number): string => (attempt === 0 ? legId : `${legId}-${attempt}`);
    expect(found({ orders: 600, nameOf })).toContain('one broker order a client order id, and none that we do not know');
  });
});
