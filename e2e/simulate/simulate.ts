import { createHash } from 'node:crypto';
import type { InstrumentQuote, MarketSession, RecordedEvent } from '@tradecore/events';
import { isTerminal } from '@tradecore/trading';
import { BrokerLine, scriptFaults, type LineFaults } from './broker-line.ts';
import { Chance } from './chance.ts';
import { invariantsAtQuiet, type Found } from './checks.ts';
import { Clients } from './clients.ts';
import { Clock, timeOf } from './clock.ts';
import { Gateway } from './gateway.ts';
import { Journal } from './journal.ts';
import { mixOf } from './mix.ts';
import { accountCommands, brokerCommands, deciders, orderCommands, sagaConsumer, type Deciders } from './participants.ts';
import { Transport, type TransportFaults } from './transport.ts';

/** What is simulated. */
export interface Simulation {
  readonly seed: number;
  readonly orders: number;
  /** Everything goes well when false: no faults of broker, line or topics. */
  readonly faults?: boolean;
  /** Other deciders than the fleet's, to show what the checks find. */
  readonly classes?: Partial<Deciders>;
  /** The name under which a revision is sent; its id, always, but in a test that shows why. */
  readonly nameOf?: (revisionId: string, attempt: number) => string;
  /** Gets every event as it is stored. */
  readonly trace?: (event: RecordedEvent) => void;
}

/** What came of it. */
export interface Outcome {
  readonly seed: number;
  readonly orders: number;
  readonly events: number;
  /** Hash of every event in its order: the same seed gives the same, or something asks clock or chance behind our back. */
  readonly digest: string;
  /** Simulated seconds. */
  readonly simulated: number;
  /** How often what happened, by name. */
  readonly mix: ReadonlyMap<string, number>;
  /** Every invariant, how much it looked at, and what it found wrong. */
  readonly invariants: readonly Found[];
}

const noFaults: LineFaults & TransportFaults = {
  ...{ slowest: 10, timeout: 2000, stragglers: 0, lostRequests: 0, lostReplies: 0, lateRequests: 0, busy: 0, failing: 0 },
  ...{
    failingAfter: 0,
    lostUpdates: 0,
    repeatedUpdates: 0,
    shuffledUpdates: 0,
    repeated: 0,
    outages: 0,
    outage: 0,
    longOutage: 0,
  },
};

const lineFaults: LineFaults = {
  ...{ slowest: 40, timeout: 2000, stragglers: 2500, lostRequests: 0.01, lostReplies: 0.02, lateRequests: 0.01 },
  ...{ busy: 0.02, failing: 0.01, failingAfter: 0.01, lostUpdates: 0.02, repeatedUpdates: 0.05, shuffledUpdates: 0.05 },
};

const transportFaults: TransportFaults = { slowest: 20, repeated: 0.05, outages: 2, outage: 400, longOutage: 25_000 };

/** The grace is longer than the stragglers of the line: only then does "no such order" prove anything. */
const patience = { graceMs: 5000, quarantineMs: 10_000 };
const tickMs = 250;
/** Twenty seconds before the day ends, so that `day` orders expire in the middle of the run. */
const start = Date.parse('2026-11-23T23:59:40Z');
const minute = 60_000;

/** Runs it to its end: people trade while things go wrong; then all is well again, and what still rests is cancelled. */
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

/** A hash of many short lines, taken by the thousand: a call a line would take longer than the line. */
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
  readonly #journal: Journal;
  readonly #transport: Transport;
  readonly #line: BrokerLine;
  readonly #gateway: Gateway;
  readonly #clients: Clients;
  readonly #classes: Deciders;
  readonly #chance: Chance;
  readonly #quotes = new Map<string, InstrumentQuote>();
  readonly #digest = new Digest();
  #session: MarketSession | undefined;
  #isTrading = true;

  constructor(simulation: Simulation) {
    const { seed, orders, faults = true, trace, nameOf = (revisionId: string) => revisionId } = simulation;
    this.#simulation = simulation;
    const clock = this.#clock;
    const chance = new Chance(seed);
    this.#chance = chance;
    this.#classes = { ...deciders, ...simulation.classes };
    this.#transport = new Transport(clock, chance, faults ? transportFaults : noFaults);
    this.#journal = new Journal(clock, (event) => {
      this.#digest.add(`${event.id} ${event.type} ${event.time}\n`);
      trace?.(event);
      this.#transport.publish(event);
    });
    this.#line = new BrokerLine(clock, chance, faults ? lineFaults : noFaults);
    if (faults) scriptFaults(this.#line.exchange, 0.03);
    const parts = { clock, chance, journal: this.#journal, classes: this.#classes, line: this.#line };
    this.#gateway = new Gateway({ ...parts, lastPrice: (symbol) => this.#quotes.get(symbol)?.lastPrice, nameOf }, patience);
    this.#attach();
    this.#clients = new Clients(
      { ...parts, market: this.#market() },
      { accounts: Math.max(4, Math.ceil(orders / 50)), orders, pause: 10 },
    );
  }

  trade(): void {
    this.#tick();
    this.#clients.begin();
    this.#transport.breakNow(() => !this.#isTrading);
    while (!this.#clients.isDone) this.#clock.run(this.#clock.now + 1000);
    this.#clock.run(this.#clock.now + minute);
    this.#isTrading = false;
    this.#line.faults = noFaults;
    this.#line.exchange.faults.clear();
  }

  /** Lets everything come to rest: an unanswered step is asked again for minutes. */
  settle(at: { readonly ended: boolean }): readonly Found[] {
    this.#clock.run(this.#clock.now + 12 * minute);
    const evidence = { journal: this.#journal, line: this.#line, classes: this.#classes, placed: this.#clients.placed };
    return invariantsAtQuiet(evidence, at);
  }

  cancelAll(): void {
    for (const id of this.#clients.placed) {
      const { status } = this.#journal.load(this.#classes.Order, id);
      if (status !== undefined && !isTerminal(status)) this.#clients.cancel(id);
    }
  }

  outcome(invariants: readonly Found[]): Outcome {
    const { seed, orders } = this.#simulation;
    return {
      seed,
      orders,
      events: this.#journal.size,
      digest: this.#digest.hex,
      simulated: (this.#clock.now - start) / 1000,
      mix: mixOf(this.#journal, this.#clients),
      invariants,
    };
  }

  #attach(): void {
    const { Account, BrokerOrder, Order, OrderPlacement } = this.#classes;
    this.#transport.attach(accountCommands(this.#journal, Account));
    this.#transport.attach(orderCommands(this.#journal, Order));
    this.#transport.attach(brokerCommands(this.#journal, BrokerOrder, (revisionId) => this.#gateway.attend(revisionId)));
    this.#transport.attach(sagaConsumer(this.#journal, this.#clock, OrderPlacement));
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
    for (const { symbol, tick, lot } of exchange.instruments) {
      const { price, at, halted } = exchange.quote(symbol);
      this.#quotes.set(symbol, { kind: 'instrument', symbol, lastPrice: price, pricedAt: timeOf(at), tick, lot, halted });
    }
    const { session } = exchange;
    const next = { nextOpen: timeOf(session.nextOpen(now)), nextClose: timeOf(session.nextClose(now)) };
    this.#session = { kind: 'session', isOpen: session.isOpen(now), ...next, at: timeOf(now) };
    const isQuiet = !this.#isTrading;
    if (this.#chance.happens(isQuiet ? 0.5 : 0.1)) this.#gateway.reconcile();
    this.#clock.in(isQuiet ? 20 * tickMs : tickMs, () => this.#tick());
  }
}
