import { FillSettled, OrderExecuted, type AccountEvent, type OrderEvent, type RecordedEvent } from '@tradecore/events';
import { assess, interpretReply, nextStep, orderPlacementProcess, reservationOf, type Account } from '@tradecore/trading';
import { run } from './run.ts';
import { simulate, type Decisions, type Outcome, type Simulation } from './simulate.ts';

const seeds = Array.from({ length: 20 }, (_, index) => index + 1);
const wrongIn = ({ invariants }: Outcome): string[] =>
  invariants.flatMap(({ name, wrong }) => wrong.map((words) => `${name}: ${words}`));

describe('thousands of orders with every fault', () => {
  const met = new Map<string, number>();

  it.each(seeds)('keep every invariant: seed %i', (seed) => {
    const outcome = simulate({ seed, orders: 300 });
    for (const [name, times] of outcome.mix) met.set(name, (met.get(name) ?? 0) + times);
    expect(wrongIn(outcome)).toEqual([]);
    expect(outcome.invariants.filter(({ checked }) => checked === 0)).toEqual([]);
  });

  it('have met every fault and every end', () => {
    const ends = ['filled', 'overfilled', 'busted', 'canceled', 'expired', 'rejected', 'denied'].map((each) => `order ${each}`);
    const troubles = ['outcome unknown for a while', 'found by looking up', 'step asked again', 'saves refused by a version'];
    const changes = ['executions taken back', 'executions corrected', 'done for the day', 'worked again after a pause'];
    const races = [
      'replaced',
      'replaced by a cancel and the rest',
      'replace rejected',
      'ended while its replacement was on its way',
    ];
    const answers = ['order-not-cancelable', 'order-already-placed', 'denied: insufficient-funds', 'denied: trading-halted'];
    const wanted = [...ends, ...troubles, ...changes, ...races, ...answers.map((code) => `answer: ${code}`)];
    expect([...wanted, 'orders of others at the brokerage'].filter((name) => !met.get(name))).toEqual([]);
  });

  it.each([
    ['carries fills over to a replacement', true],
    ['does not', false],
  ])('keep every invariant at a brokerage that %s', (_, carriesFills) => {
    expect(wrongIn(simulate({ seed: 21, orders: 300, carriesFills }))).toEqual([]);
  });

  it('all trade without faults', () => {
    const outcome = simulate({ seed: 2, orders: 200, faults: false });
    expect(wrongIn(outcome)).toEqual([]);
    const { mix } = outcome;
    expect(['outcome unknown for a while', 'step asked again', 'operator called'].filter((name) => mix.has(name))).toEqual([]);
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
    expect(first.length).toBeGreaterThan(400);
    expect(traceOf(7)).toEqual(first);
    expect(traceOf(8)).not.toEqual(first);
  });
});

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
    expect(text).toMatch(/^ {2}✓ postings of each event sum to zero +\d+$/m);
    expect(text).not.toContain('✗');
  });

  it('prints each event with --trace', () => {
    expect(said(['--orders', '5', '--trace']).text).toMatch(/^\d\d:\d\d:\d\d\.\d{3} Order [0-9a-f]{8}\/1 OrderPlaced \{.+\}$/m);
  });

  it('ends with 1, the faults in words and the command that replays them when an invariant does not hold', () => {
    const { code, text } = said(['--seed', '3', '--orders', '200'], { decisions: { process: deciding(withoutMoney) } });
    expect(code).toBe(1);
    expect(text).toMatch(/^ {2}✗ no decision is half stored +\d+\n +(while orders rest: )?OrderExecuted .+: no FillSettled/m);
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

type Decide = typeof orderPlacementProcess.decide;

/** The saga with another decision. */
const deciding = (change: (decide: Decide) => Decide): Decisions['process'] => ({
  ...orderPlacementProcess,
  decide: change(orderPlacementProcess.decide),
});

/** A decision whose account part is not stored. */
const withoutMoney =
  (decide: Decide): Decide =>
  (...about) => {
    const [order = [], , placement = []] = decide(...about);
    return [order, [], placement];
  };

/** The checks' findings when one part is wrong. */
const found = (decisions: Partial<Decisions>, broken: Partial<Simulation> = {}): string[] =>
  simulate({ seed: 3, orders: 300, ...broken, decisions })
    .invariants.filter(({ wrong }) => wrong.length > 0)
    .map(({ name }) => name);

/** The saga with other account events. */
const booking = (change: (event: AccountEvent, input: RecordedEvent) => readonly AccountEvent[]): Partial<Decisions> => ({
  process: deciding((decide) => (input, ...about) => {
    const [order = [], account = [], placement = []] = decide(input, ...about);
    return [order, account.flatMap((event) => change(event as AccountEvent, input)), placement];
  }),
});

describe('the invariants notice', () => {
  it('a decision whose money is not stored with it', () => {
    expect(found({ process: deciding(withoutMoney) })).toEqual(
      expect.arrayContaining([
        'no decision is half stored',
        'reserved = what the order needs, after every event',
        "reserved = open orders' remaining value",
        'money and shares = deposits and executions as they stand',
        'every execution is booked once, as it stands',
      ]),
    );
  });

  it('lines of an entry that do not sum to zero', () => {
    const uneven = booking((event) =>
      event.type === 'FillSettled' ? [new FillSettled({ ...event.data, postings: event.data.postings.slice(1) })] : [event],
    );
    expect(found(uneven)).toEqual(
      expect.arrayContaining(['postings of each event sum to zero', 'the books of each account sum to zero']),
    );
  });

  it('an execution that is booked twice', () => {
    const twice = booking((event, { id }) => (event.type === 'FillSettled' && id.endsWith('0') ? [event, event] : [event]));
    expect(found(twice)).toContain('every execution is booked once, as it stands');
  });

  it('a fee that is reported but not booked', () => {
    const told = booking((event) => (event.type === 'FillSettled' ? [new FillSettled({ ...event.data, fee: '1000' })] : [event]));
    expect(found(told)).toEqual(['cash + cost - realised = deposits - withdrawals']);
  });

  it('a replace that reserves only for the old terms', () => {
    const oldTerms: typeof reservationOf = ({ requested: _, ...order }) => reservationOf(order);
    expect(found({ reservationOf: oldTerms })).toEqual(['reserved = what the order needs, after every event']);
  });

  it('an API that ignores the kill switch', () => {
    const blind: typeof assess = (terms, { controls: { limits }, ...facts }) => assess(terms, { ...facts, controls: { limits } });
    expect(found({ assess: blind })).toEqual(['nothing is approved while trading is halted']);
  });

  it('a saga that misses executions', () => {
    const deaf =
      (decide: Decide): Decide =>
      (event, ...about) =>
        event.type === 'ExecutionReported' && event.id.endsWith('0') ? [[], [], []] : decide(event, ...about);
    expect(found({ process: deciding(deaf) })).toEqual(
      expect.arrayContaining([
        "an order's filled quantity is the brokerage's",
        'money and shares = deposits and executions as they stand',
      ]),
    );
  });

  it('a saga that outlives its order', () => {
    const endless =
      (decide: Decide): Decide =>
      (...about) => {
        const [order = [], account = [], placement = []] = decide(...about);
        return [order, account, placement.filter(({ type }) => type !== 'PlacementEnded')];
      };
    expect(found({ process: deciding(endless) })).toEqual(
      expect.arrayContaining(['no decision is half stored', 'a placement ends when its order does']),
    );
  });

  it('a saga that changes what it reads', () => {
    const touching =
      (decide: Decide): Decide =>
      (event, aggregates, now) => {
        (aggregates[1] as unknown as Account).deposit('1');
        return decide(event, aggregates, now);
      };
    expect(() => found({ process: deciding(touching) })).toThrow(/what was read is what is there|a lock did not hold/);
  });

  it('state kept outside the events', () => {
    const counting =
      (decide: Decide): Decide =>
      (event, aggregates, now) =>
        decide(event, Object.assign(aggregates, [Object.assign(aggregates[0] as object, { heard: event.id })]), now);
    expect(found({ process: deciding(counting) })).toEqual(['what is replayed is what is alive']);
  });

  it('a saga that never resends a step', () => {
    const patient = { ...orderPlacementProcess, dueAt: () => undefined };
    expect(found({ process: patient }, { seed: 30, orders: 60 })).toContain('every open step has a row or an answer');
  });

  it('an order that trades more than its total and does not say so', () => {
    const silent =
      (decide: Decide): Decide =>
      (...about) => {
        const [order = [], account = [], placement = []] = decide(...about);
        return [order.map((event) => withoutExcess(event as OrderEvent)), account, placement];
      };
    expect(found({ process: deciding(silent) }, { orders: 600 })).toContain(
      'an order never trades beyond its total without saying so',
    );
  });

  it('a gateway that sends again under a new name', () => {
    const nameOf = (id: string, attempt: number): string => (attempt === 0 ? id : `${id}-${attempt}`);
    expect(found({}, { orders: 600, nameOf })).toContain('one brokerage order a client order id, and none that we do not know');
  });

  it('a gateway that never checks ended orders', () => {
    const credulous: typeof interpretReply = (revision, reply, rules, now) =>
      reply.of === 'list' || (reply.of === 'look-up' && !revision.order.isOpen)
        ? { state: {}, again: 'when-asked' }
        : interpretReply(revision, reply, rules, now);
    expect(found({ interpretReply: credulous }, { seed: 7 })).toEqual(
      expect.arrayContaining(['every execution is booked once, as it stands', "an order's filled quantity is the brokerage's"]),
    );
  });

  it('a gateway that misses ends', () => {
    const deaf: typeof interpretReply = (revision, reply, rules, now) =>
      endsIn(reply) ? { state: {}, again: 'when-asked' } : interpretReply(revision, reply, rules, now);
    expect(found({ interpretReply: deaf })).toContain('a revision is open here as it is at the brokerage, or ended as there');
  });

  it('a gateway that loses cancels', () => {
    const lazy: typeof nextStep = (...about) => {
      const step = nextStep(...about);
      return step.do === 'cancel' ? { do: 'wait', ms: 60_000 } : step;
    };
    expect(found({ nextStep: lazy })).toEqual(['every order is terminal', 'nothing of ours is open at the brokerage in the end']);
  });
});

/** Whether a reply reports that an order has expired. */
function endsIn(reply: Parameters<typeof interpretReply>[1]): boolean {
  if (reply.of === 'list') return reply.order.status === 'expired';
  if (reply.of === 'stream') return reply.update.order.status === 'expired';
  return reply.of === 'look-up' && reply.own?.answer.kind === 'order' && reply.own.answer.order.status === 'expired';
}

function withoutExcess(event: OrderEvent): OrderEvent {
  if (event.type !== 'OrderExecuted') return event;
  const { excessQuantity: _, ...data } = event.data;
  return new OrderExecuted(data);
}
