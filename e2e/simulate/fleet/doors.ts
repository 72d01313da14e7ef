import { DomainError } from '@tradecore/event-sourcing';
import {
  causedEventId,
  orderIdFor,
  placeCommandId,
  placementIdFor,
  tradingControlIdFor,
  type Denial,
  type Event,
  type InstrumentQuote,
  type MarketSession,
  type OrderTerms,
  type ReplaceTerms,
} from '@tradecore/events';
import type { reservationOf, submitStep } from '@tradecore/trading';
import {
  Account,
  InsufficientFunds,
  InsufficientShares,
  Order,
  OrderPlacement,
  TradingControl,
  type assess,
  type Assessment,
  type OrderState,
} from '@tradecore/trading';
import type { Chance } from '../chance.ts';
import type { Clock } from '../clock.ts';
import type { Journal, Origin, Part } from './journal.ts';
import { textFor } from '../texts.ts';
import { withoutStack } from '../without-stack.ts';

/** The market as seen by the fleet. */
export interface Market {
  readonly quotes: ReadonlyMap<string, InstrumentQuote>;
  readonly session: MarketSession | undefined;
}

/** What the APIs need from the world. */
export interface DoorWorld {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly journal: Journal;
  readonly market: Market;
  readonly decisions: DoorDecisions;
  /** Milliseconds between reading and saving, at most. */
  readonly slowest: number;
}

/** An API's decision functions: the fleet's own, or others in tests that show what the checks find. */
export interface DoorDecisions {
  readonly assess: typeof assess;
  readonly reservationOf: typeof reservationOf;
  readonly submitStep: typeof submitStep;
}

/** A client's request for its account. */
export type Request =
  | { readonly ask: 'place'; readonly terms: OrderTerms }
  | { readonly ask: 'replace'; readonly orderId: string; readonly changes: ReplaceTerms; readonly commandId: string }
  | { readonly ask: 'deposit' | 'withdraw'; readonly amount: string; readonly commandId: string };

/** The answer: done, or the code of the refusal. */
export type Answer = (answer: 'done' | (string & {})) => void;

interface Waiting {
  readonly request: Request;
  readonly answer: Answer;
}

const control = { Class: TradingControl, id: tradingControlIdFor('all') };

/**
 * One replica of command-api. Requests for one account wait in one lane; a turn decides all waiting ones on what it has
 * read, and stores the result some milliseconds later, all or none. After a concurrent change it decides again under
 * the account's lock, so that it loses only once.
 */
export class Door {
  readonly #world: DoorWorld;
  readonly #lanes = new Map<string, Waiting[]>();

  constructor(world: DoorWorld) {
    this.#world = world;
  }

  /** Takes a request about an account's money or orders. */
  request(accountId: string, request: Request, answer: Answer): void {
    const lane = this.#lanes.get(accountId);
    if (lane) return void lane.push({ request, answer });
    this.#lanes.set(accountId, []);
    this.#turn(accountId, [{ request, answer }]);
  }

  /** Requests a cancel of an order: does not need the account. */
  cancel(orderId: string, answer: Answer): void {
    const { journal } = this.#world;
    const order = journal.load(Order, orderId);
    const expected = order.version;
    const refusal = refusalIn(() => order.requestCancel(textFor('changed my mind', order)));
    if (refusal !== undefined) return answer(refusal);
    const { accountId: account } = order;
    const decided = [{ events: order.uncommittedEvents, origin: account === undefined ? {} : { account } }];
    this.#later(() => {
      const conflicts = journal.save([{ Class: Order, id: orderId, expected, decided }]);
      if (conflicts.length === 0) answer('done');
      else this.cancel(orderId, answer);
    });
  }

  #turn(accountId: string, waiting: readonly Waiting[]): void {
    const decision = this.#decide(accountId, waiting);
    this.#later(() => {
      const conflicts = this.#world.journal.save(decision.parts);
      // Under the account's lock no other writer interferes.
      const stored = conflicts.length === 0 ? decision : this.#decide(accountId, waiting);
      if (stored !== decision && this.#world.journal.save(stored.parts).length > 0) throw new Error('a lock did not hold');
      for (const { answer, as } of stored.answers) answer(as);
      this.#next(accountId);
    });
  }

  #next(accountId: string): void {
    const waiting = this.#lanes.get(accountId) ?? [];
    if (waiting.length === 0) return void this.#lanes.delete(accountId);
    this.#lanes.set(accountId, []);
    this.#turn(accountId, waiting);
  }

  #decide(accountId: string, waiting: readonly Waiting[]): Turn {
    const turn = new Turn(accountId, this.#world);
    for (const each of waiting) turn.decide(each);
    return turn;
  }

  #later(save: () => void): void {
    const { clock, chance, slowest } = this.#world;
    const after = chance.whole(0, slowest);
    if (after === 0) save();
    else clock.in(after, save);
  }
}

/** One turn of a lane: what was read, and the decisions on it so far. */
class Turn {
  readonly answers: { readonly answer: Answer; readonly as: string }[] = [];
  readonly #world: DoorWorld;
  readonly #accountId: string;
  readonly #account: Account;
  readonly #expected: number;
  readonly #controlVersion: number;
  readonly #orders = new Map<
    string,
    { readonly order: Order; readonly expected: number; readonly decided: Part['decided'][number][] }
  >();
  readonly #ofAccount: Part['decided'][number][] = [];
  readonly #placements: Part[] = [];

  constructor(accountId: string, world: DoorWorld) {
    this.#world = world;
    this.#accountId = accountId;
    this.#account = world.journal.load(Account, accountId);
    this.#expected = this.#account.version;
    this.#controlVersion = world.journal.live(TradingControl, control.id).version;
  }

  get parts(): Part[] {
    const orders = [...this.#orders].map(([id, { expected, decided }]): Part => ({ Class: Order, id, expected, decided }));
    const account = { Class: Account, id: this.#accountId, expected: this.#expected, decided: this.#ofAccount };
    const asserted = { ...control, expected: this.#controlVersion, decided: [] };
    if (this.#ofAccount.length === 0) return orders;
    return [...orders, account, ...this.#placements, asserted];
  }

  decide({ request, answer }: Waiting): void {
    const as = this.#answerTo(request);
    this.answers.push({ answer, as });
  }

  #answerTo(request: Request): string {
    switch (request.ask) {
      case 'place':
        return this.#place(request.terms);
      case 'replace':
        return this.#replace(request);
      case 'deposit':
        return this.#move(request.commandId, () => this.#account.deposit(request.amount));
      case 'withdraw':
        return this.#move(request.commandId, () => this.#account.withdraw(request.amount));
    }
  }

  #place(terms: OrderTerms): string {
    const orderId = orderIdFor(terms.accountId, terms.clientOrderId ?? '');
    const taken = this.#orders.get(orderId)?.order ?? this.#world.journal.live(Order, orderId);
    // The same terms change nothing, others are refused.
    if (taken.version > 0) return refusalIn(() => taken.place(terms)) ?? 'done';
    const origin = { commandId: placeCommandId(orderId), account: this.#accountId };
    const order = new Order(orderId);
    order.place(terms);
    const assessment = this.#assess(terms);
    const denied = 'denied' in assessment ? assessment.denied : this.#approve(order, assessment.approved, origin);
    if (denied === undefined) return this.#keep(order, 0, origin);
    const refused = new Order(orderId);
    refused.place(terms);
    refused.deny(denied);
    this.#keep(refused, 0, origin);
    return `denied: ${denied.rule}`;
  }

  /** Approves, reserves and submits; returns undefined, or why the account can't pay for it. */
  #approve(order: Order, approval: Extract<Assessment, { approved: unknown }>['approved'], origin: Origin): Denial | undefined {
    const { clock, decisions } = this.#world;
    order.approve(approval, this.#account.version + 1);
    const denied = this.#reserve(order.state as OrderState, origin);
    if (denied) return denied;
    const step = decisions.submitStep(order.id, (order.state as OrderState).terms, approval, clock.time);
    const id = placementIdFor(order.id);
    this.#placements.push({
      Class: OrderPlacement,
      id,
      expected: 0,
      decided: [{ events: [step], origin: { ...origin, sagaId: id } }],
    });
    return undefined;
  }

  #reserve(state: OrderState, origin: Origin): Denial | undefined {
    const account = this.#account;
    const reservation = this.#world.decisions.reservationOf(state);
    if (!reservation) return undefined;
    const before = account.uncommittedEvents.length;
    try {
      withoutStack(() => account.reserve(reservation));
    } catch (error) {
      if (!(error instanceof InsufficientFunds || error instanceof InsufficientShares)) throw error;
      return { rule: error.code, detail: error.message, figures: error.details as Denial['figures'] };
    }
    this.#ofAccount.push({ events: account.uncommittedEvents.slice(before), origin });
    return undefined;
  }

  #replace({ orderId, changes, commandId }: Extract<Request, { ask: 'replace' }>): string {
    if (this.#world.journal.event(causedEventId(commandId, orderId, 0))) return 'done';
    // A refused one is unchanged.
    const order = this.#world.journal.load(Order, orderId);
    const expected = order.version;
    const origin = { commandId, account: this.#accountId };
    if (this.#orders.has(orderId)) return 'busy';
    let denied: Denial | undefined;
    const refusal = refusalIn(() => {
      const assessment = this.#assess(order.termsAfter(changes));
      if ('denied' in assessment) return void (denied = assessment.denied);
      order.requestReplace(changes, assessment.approved, this.#account.version + 1);
      denied = this.#reserve(order.state as OrderState, origin);
    });
    if (refusal !== undefined || denied) return refusal ?? `replace denied: ${denied?.rule}`;
    return this.#keep(order, expected, origin);
  }

  #keep(order: Order, expected: number, origin: Origin): string {
    this.#orders.set(order.id, { order, expected, decided: [{ events: order.uncommittedEvents, origin }] });
    return 'done';
  }

  #move(commandId: string, move: () => void): string {
    if (this.#world.journal.event(causedEventId(commandId, this.#accountId, 0))) return 'done';
    const before = this.#account.uncommittedEvents.length;
    const refusal = refusalIn(move);
    if (refusal !== undefined) return refusal;
    const events: readonly Event[] = this.#account.uncommittedEvents.slice(before);
    this.#ofAccount.push({ events, origin: { commandId, account: this.#accountId } });
    return 'done';
  }

  #assess(terms: OrderTerms): Assessment {
    const { clock, market, journal, decisions } = this.#world;
    const quote = market.quotes.get(terms.symbol);
    const { session } = market;
    const { halted } = journal.live(TradingControl, control.id);
    const assessment = decisions.assess(terms, {
      now: clock.time,
      accountExists: this.#account.isOpen,
      ...(quote && { quote }),
      ...(session && { session }),
      controls: { ...(halted && { halted }), limits: [] },
      marketCollarPercent: '5',
    });
    if ('unpriced' in assessment) throw new Error(`${terms.symbol} has no price in the simulation`);
    return assessment;
  }
}

/** The code of a client's refusal; undefined if there is none. */
function refusalIn(request: () => void): string | undefined {
  try {
    withoutStack(request);
    return undefined;
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return error.code;
  }
}
