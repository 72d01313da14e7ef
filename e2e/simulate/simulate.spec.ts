import type { RecordedEvent } from '@tradecore/events';
import { Account, Order, OrderPlacement, type Settlement } from '@tradecore/trading';
import { run } from './run.ts';
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

describe('npm run simulate', () => {
  const said = (args: readonly string[], broken: Partial<Simulation> = {}) => {
    const lines: string[] = [];
    const code = run(args, (text) => lines.push(text), broken);
    return { code, text: lines.join('\n') };
  };

  it('prints the seed, what happened, and what always holds', () => {
    const { code, text } = said(['--seed', '5', '--orders', '50']);
    expect(code).toBe(0);
    expect(text).toMatch(/^Seed 5: 50 orders, \d+ events, .+ orders\/s$/m);
    expect(text).toMatch(/^ +order filled +\d+$/m);
    expect(text).toMatch(/^ {2}✓ postings sum to zero +\d+$/m);
    expect(text).not.toContain('✗');
  });

  it('prints each event with --trace', () => {
    expect(said(['--orders', '5', '--trace']).text).toMatch(/^\d\d:\d\d:\d\d\.\d{3} Order [0-9a-f]{8}\/1 OrderPlaced \{.+\}$/m);
  });

  it('ends with 1, the faults in words and the command that replays them when an invariant does not hold', () => {
    const { code, text } = said(['--seed', '3', '--orders', '200'], { classes: { Account: Keeps } });
    expect(code).toBe(1);
    expect(text).toMatch(/^ {2}✗ reserved = open orders' remaining value +\d+\n +(while orders rest: )?account .+ holds /m);
    expect(text).toContain('npm run simulate -- --seed 3 --orders 200 --trace');
  });

  it.each([
    ['--seed', 'x'],
    ['--orders', '0'],
    ['--orders', '1.5'],
  ])('refuses %s %s', (option, value) => {
    expect(() => said([option, value])).toThrow(`${option} is a whole number`);
  });
});

/** An account that frees nothing. */
class Keeps extends Account {
  override release({ orderId }: { readonly orderId: string }): void {
    super.release({ orderId: `not ${orderId}` });
  }
}

describe('the invariants notice', () => {
  it('a release that frees nothing', () => {
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
    const nameOf = (revisionId: string, attempt: number): string => (attempt === 0 ? revisionId : `${revisionId}-${attempt}`);
    expect(found({ orders: 600, nameOf })).toContain('one broker order a client order id, and none that we do not know');
  });
});
