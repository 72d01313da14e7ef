import { createHash } from 'node:crypto';
import { tradingControlIdFor, type InstrumentQuote, type MarketSession, type RecordedEvent } from '@tradecore/events';
import {
  assess,
  interpretReply,
  isTerminal,
  nextStep,
  Order,
  orderPlacementProcess,
  reservationOf,
  submitStep,
  TradingControl,
} from '@tradecore/trading';
import { brokerage, BrokerageLine, scriptFaults } from './brokerage-line.ts';
import { Chance } from './chance.ts';
import { invariantsAtQuiet, type Found } from './checks/at-quiet.ts';
import { Clients } from './clients.ts';
import { Clock, timeOf } from './clock.ts';
import { Door, type DoorDecisions } from './fleet/doors.ts';
import { badFaults, noFaults, type Faults } from './faults.ts';
import { Gateway, type GatewayDecisions } from './fleet/gateway.ts';
import { Journal } from './fleet/journal.ts';
import { mixOf } from './mix.ts';
import { OrderSaga, type Process } from './fleet/order-saga.ts';
import { Transport } from './fleet/transport.ts';
import { textFor } from './texts.ts';
import { Watch } from './checks/after-each-save.ts';

/** Decision functions: the fleet's own, or others in tests that show what the checks find. */
export interface Decisions extends DoorDecisions, GatewayDecisions {
  readonly process: Process;
}

/** What is simulated. */
export interface Simulation {
  readonly seed: number;
  readonly orders: number;
  /** False: no faults of brokerage, line, topics or processes. */
  readonly faults?: boolean;
  /** Whether the brokerage counts a replaced order's fills for the replacement; for every fourth seed it does not. */
  readonly carriesFills?: boolean;
  /** Other decisions than the fleet's, to show what the checks find. */
  readonly decisions?: Partial<Decisions>;
  /** The name under which a revision is sent: its id, except in a test that shows why. */
  readonly nameOf?: (brokerOrderId: string, attempt: number) => string;
  /** Gets every event as it is stored. */
  readonly trace?: (event: RecordedEvent) => void;
}

/** The result of a run. */
export interface Outcome {
  readonly seed: number;
  readonly orders: number;
  readonly events: number;
  /** Hash of all events in order: if the same seed gives another one, some code uses the real clock or randomness. */
  readonly digest: string;
  /** Simulated seconds. */
  readonly simulated: number;
  /** Counts of what happened, by name. */
  readonly mix: ReadonlyMap<string, number>;
  /** Every invariant, its number of checks, and its violations. */
  readonly invariants: readonly Found[];
}

/** The grace is longer than the stragglers of the line: only then does "no such order" prove anything. */
const patience = { graceMs: 5000, quarantineMs: 10_000, tries: 8 };
const tickMs = 250;
const usTicks = { tick: '0.01', tickBelowOne: '0.0001' };
/** Twenty seconds before the day ends, so that `day` orders expire in the middle of the run. */
const start = Date.parse('2026-11-23T23:59:40Z');
const minute = 60_000;
const control = tradingControlIdFor('all');
const theirs: Decisions = { assess, interpretReply, nextStep, reservationOf, submitStep, process: orderPlacementProcess };

/** Runs it to its end: clients trade with faults; then the faults stop, and resting orders are cancelled. */
export function simulate(simulation: Simulation): Outcome {
  const world = new World(simulation);
  world.trade();
  const resting = world.settle({ ended: false });
  world.cancelAll();
  const ended = world.settle({ ended: true });
  return world.outcome(ended.map((found) => withEarlier(found, resting)));
}

/** The same invariant at both quiet moments. */
function withEarlier(found: Found, earlier: readonly Found[]): Found {
  const before = earlier.find(({ name }) => name === found.name);
  if (!before) return found;
  const wrong = [...before.wrong.map((words) => `while orders rest: ${words}`), ...found.wrong];
  return { name: found.name, checked: before.checked + found.checked, wrong };
}

/** A hash of many short lines, by the thousand: one call per line would cost more than the line. */
class Digest {
  readonly #hash = createHash('sha256');
  #lines: string[] = [];

  add(line: string): void {
    if (this.#lines.push(line) === 1000) this.#take();
  }

  get hex(): string {
    this.#take();
    return this.#hash.copy().digest('hex').slice(0, 16);
  }

  #take(): void {
    this.#hash.update(this.#lines.join(''));
    this.#lines = [];
  }
}

class World {
  readonly #simulation: Simulation;
  readonly #clock = new Clock(start);
  readonly #chance: Chance;
  readonly #journal: Journal;
  readonly #transport: Transport;
  readonly #line: BrokerageLine;
  readonly #gateway: Gateway;
  readonly #saga: OrderSaga;
  readonly #clients: Clients;
  readonly #watch: Watch;
  readonly #quotes = new Map<string, InstrumentQuote>();
  readonly #digest = new Digest();
  readonly #faults: Faults;
  #session: MarketSession | undefined;
  #isTrading = true;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    const { seed, orders, faults = true } = simulation;
    const clock = this.#clock;
    const chance = new Chance(seed);
    this.#chance = chance;
    this.#faults = faults ? badFaults : noFaults;
    const decisions = { ...theirs, ...simulation.decisions };
    this.#transport = new Transport(clock, chance, this.#faults.transport);
    const journal = new Journal(clock, (events) => this.#stored(events));
    this.#journal = journal;
    this.#watch = new Watch(journal);
    const driving = this.#drivingParts();
    this.#line = new BrokerageLine({ clock, chance }, this.#faults.line, driving.rules.replaceCarriesFills);
    if (faults) scriptFaults(this.#line.exchange, 0.03);
    const parts = { clock, chance, journal, line: this.#line, decisions };
    this.#gateway = new Gateway({ ...parts, ...driving }, this.#faults.gateway);
    const received = this.#gateway.rows.has.bind(this.#gateway.rows);
    this.#saga = new OrderSaga({ ...parts, process: decisions.process, received, ...this.#faults.saga });
    for (const consumer of [this.#saga, this.#gateway]) this.#transport.attach(consumer);
    const market = this.#market();
    const doors = [0, 1].map(() => new Door({ ...parts, market, ...this.#faults.door }));
    // However few there are, time passes between them, so that faults can happen.
    const habits = { accounts: Math.max(4, Math.ceil(orders / 50)), orders, pause: Math.max(10, Math.ceil(30_000 / orders)) };
    this.#clients = new Clients({ ...parts, market, doors }, habits);
  }

  trade(): void {
    this.#tick();
    this.#clients.begin();
    this.#transport.breakNow(() => !this.#isTrading);
    if (this.#simulation.faults ?? true) this.#breakProcesses();
    while (!this.#clients.isDone) this.#clock.run(this.#clock.now + 1000);
    this.#clock.run(this.#clock.now + minute);
    this.#isTrading = false;
    this.#line.faults = noFaults.line;
    this.#gateway.faults = noFaults.gateway;
    this.#transport.faults = noFaults.transport;
    this.#line.exchange.faults.clear();
  }

  /** Lets everything come to rest: an unanswered step is resent for minutes. */
  settle(at: { readonly ended: boolean }): readonly Found[] {
    this.#clock.run(this.#clock.now + 12 * minute);
    const evidence = { journal: this.#journal, line: this.#line, rows: this.#gateway.rows, placed: this.#clients.placed };
    return [...this.#watch.found(), ...invariantsAtQuiet(evidence, at)];
  }

  /** Resting orders are cancelled; and the brokerage amends executions long after their orders have ended. */
  cancelAll(): void {
    for (const id of this.#clients.placed) {
      const { status } = this.#journal.live(Order, id);
      if (status !== undefined && !isTerminal(status)) this.#clients.cancel(id);
    }
    if (this.#simulation.faults ?? true) this.#line.amendSome(10);
  }

  outcome(invariants: readonly Found[]): Outcome {
    const { seed, orders } = this.#simulation;
    return {
      seed,
      orders,
      events: this.#journal.size,
      digest: this.#digest.hex,
      simulated: (this.#clock.now - start) / 1000,
      mix: mixOf({ journal: this.#journal, clients: this.#clients, line: this.#line }),
      invariants,
    };
  }

  #stored(events: readonly RecordedEvent[]): void {
    this.#watch.see(events);
    for (const event of events) {
      this.#digest.add(`${event.id} ${event.type} ${event.time}\n`);
      this.#simulation.trace?.(event);
      this.#transport.publish(event);
    }
  }

  #drivingParts() {
    const { seed, carriesFills = seed % 4 !== 0, nameOf = (brokerOrderId: string) => brokerOrderId } = this.#simulation;
    return {
      rules: { brokerage, replaceCarriesFills: carriesFills, ...patience },
      lastPrice: (symbol: string) => this.#quotes.get(symbol)?.lastPrice,
      nameOf,
    };
  }

  /** Instances die, rows are lost, the saga starts over, trading is halted; each at times during trading. */
  #breakProcesses(): void {
    const chance = this.#chance;
    const nowAndThen = (everyMs: number, happen: () => void): void => {
      this.#clock.in(chance.whole(1, 2 * everyMs), () => {
        if (!this.#isTrading) return;
        happen();
        nowAndThen(everyMs, happen);
      });
    };
    nowAndThen(10_000, () => this.#gateway.kill(chance.whole(0, 1), chance.whole(100, 12_000)));
    nowAndThen(30_000, () => this.#gateway.loseRows());
    nowAndThen(1_000, () => this.#gateway.loseOneRow());
    nowAndThen(500, () => this.#beginAgain());
    nowAndThen(3_000, () => this.#halt());
  }

  /** The saga hears one order's events again. */
  #beginAgain(): void {
    const { placed } = this.#clients;
    if (placed.length === 0) return;
    const orderId = this.#chance.pick(placed);
    const sources = this.#saga.forget(orderId);
    for (const source of sources) {
      for (const event of this.#journal.historyOf(source)) this.#transport.repeat(this.#saga.name, event);
    }
  }

  #halt(): void {
    const turn = (to: 'halt' | 'resume'): void => {
      const aggregate = this.#journal.load(TradingControl, control);
      const expected = aggregate.version;
      aggregate[to]('all', textFor('the simulation says so', aggregate));
      const decided = [{ events: aggregate.uncommittedEvents, origin: {} }];
      this.#journal.save([{ Class: TradingControl, id: control, expected, decided }]);
    };
    turn('halt');
    this.#clock.in(this.#chance.whole(1, 300), () => turn('resume'));
  }

  /** The market as the fleet sees it: as of the last tick. */
  #market() {
    const quotes = this.#quotes;
    const session = (): MarketSession | undefined => this.#session;
    return {
      quotes,
      get session() {
        return session();
      },
    };
  }

  #tick(): void {
    const { exchange } = this.#line;
    const { now } = this.#clock;
    this.#line.tick();
    for (const { symbol, lot } of exchange.instruments) {
      const { price, at, halted } = exchange.quote(symbol);
      this.#quotes.set(symbol, { kind: 'instrument', symbol, lastPrice: price, pricedAt: timeOf(at), ...usTicks, lot, halted });
    }
    const { session } = exchange;
    const next = { nextOpen: timeOf(session.nextOpen(now)), nextClose: timeOf(session.nextClose(now)) };
    this.#session = { kind: 'session', isOpen: session.isOpen(now), ...next, at: timeOf(now) };
    const isQuiet = !this.#isTrading;
    if (this.#chance.happens(isQuiet ? 0.5 : 0.1)) this.#gateway.sweep();
    this.#clock.in(isQuiet ? 20 * tickMs : tickMs, () => this.#tick());
  }
}
