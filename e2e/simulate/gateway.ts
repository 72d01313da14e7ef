import { placementIdFor } from '@tradecore/events';
import { add, decimal, subtract, zero, type Decimal } from '@tradecore/money';
import {
  nextStep,
  type BrokerAnswer,
  type BrokerOrder,
  type LegPatience,
  type LegStep,
  type VenueExecution,
  type VenueOrder,
} from '@tradecore/trading';
import type { BrokerLine, Heard } from './broker-line.ts';
import type { Clock } from './clock.ts';
import type { Journal } from './journal.ts';
import type { Deciders } from './participants.ts';

/** What a worker remembers of a leg between two attempts. */
interface Errand {
  isBusy: boolean;
  attempts: number;
  sentAt?: string;
  absentAt?: string;
}

interface GatewayWorld {
  readonly clock: Clock;
  readonly journal: Journal;
  readonly classes: Deciders;
  readonly line: BrokerLine;
  readonly lastPrice: (symbol: string) => string | undefined;
  /** The name under which a leg is sent. */
  readonly nameOf: (legId: string, attempt: number) => string;
}

/** An order as the broker shows it at one moment: what was heard with it, and all its own executions up to then. */
interface Shown {
  readonly order: VenueOrder;
  readonly heard: readonly VenueExecution[];
  readonly executions: readonly VenueExecution[];
  readonly found?: boolean;
}

/** How often a leg without an answer is looked up before it counts as unresolved; it is looked up after that as well. */
const budget = 8;

/**
 * What the workers of broker-gateway do, with its decisions: they call, look up what was not answered, hear the stream, and reconcile by query
 * what the stream did not tell.
 */
export class Gateway {
  readonly #world: GatewayWorld;
  readonly #patience: LegPatience;
  readonly #errands = new Map<string, Errand>();
  readonly #open = new Set<string>();
  /** The leg that is to replace a leg, or did. */
  readonly #successors = new Map<string, string>();

  constructor(world: GatewayWorld, patience: LegPatience) {
    this.#world = world;
    this.#patience = patience;
    world.line.hear = (heard) => this.#hear(heard);
  }

  /** Somebody has something to do for this leg. */
  attend(legId: string): void {
    const errand = this.#errands.get(legId) ?? { isBusy: false, attempts: 0 };
    this.#errands.set(legId, errand);
    this.#open.add(legId);
    if (errand.isBusy) return;
    const leg = this.#leg(legId);
    const { symbol, replaces } = leg.terms ?? {};
    if (replaces !== undefined && leg.isOpen) this.#successors.set(replaces, legId);
    const lastPrice = symbol === undefined ? undefined : this.#world.lastPrice(symbol);
    const { sentAt, absentAt } = errand;
    const facts = {
      now: this.#world.clock.time,
      ...(sentAt !== undefined && { sentAt }),
      ...(absentAt !== undefined && { absentAt }),
      ...(lastPrice !== undefined && { lastPrice }),
    };
    this.#do(nextStep(leg, facts, this.#patience), leg, errand);
  }

  /** Compares with what the broker lists, as broker-gateway's look-back does: what the stream lost is found, also of legs that have ended. */
  reconcile(): void {
    const known = this.#fillsKnown;
    this.#world.line.lookBack(known, ({ open, fills }) => {
      this.#fillsKnown = Math.max(this.#fillsKnown, known + fills.length);
      for (const { clientOrderId, execution } of fills) this.#traded(clientOrderId, execution);
      const listed = new Map(open.map((order) => [order.clientOrderId, order]));
      for (const legId of this.#open) this.#compare(this.#leg(legId), listed.get(legId));
    });
  }

  #fillsKnown = 0;

  #traded(legId: string, execution: VenueExecution): void {
    const leg = this.#world.journal.aggregates.get(legId) as BrokerOrder | undefined;
    if (leg) this.#decide(leg, () => leg.report(execution));
  }

  /** Looks closer where the broker's list does not show a leg as we know it. */
  #compare(leg: BrokerOrder, listed: VenueOrder | undefined): void {
    if (!leg.isOpen) return void this.#open.delete(leg.id);
    const isKnown = listed !== undefined && leg.progress === 'working' && !leg.cancelRequested && !leg.lacks(listed);
    if (!isKnown && !this.#errands.get(leg.id)?.isBusy) this.#lookUp(leg.id, false);
  }

  #do(step: LegStep, leg: BrokerOrder, errand: Errand): void {
    switch (step.do) {
      case 'nothing':
      case 'watch':
        return;
      case 'wait':
        return this.#world.clock.in(500, () => this.attend(leg.id));
      case 'withdraw':
        return this.#decide(leg, () => leg.withdraw());
      case 'lapse':
        return this.#decide(leg, () => leg.lapse(step.reason, step.lastPrice));
      default:
        errand.isBusy = true;
        return this.#call(step.do, leg, errand);
    }
  }

  #call(what: 'submit' | 'replace' | 'cancel' | 'look-up', leg: BrokerOrder, errand: Errand): void {
    const { line, clock } = this.#world;
    const { terms } = leg;
    if (!terms) throw new Error(`leg ${leg.id} has no terms`);
    if (what === 'look-up') {
      errand.attempts += 1;
      return clock.in(pauseAfter(errand.attempts), () => this.#lookUp(leg.id, true));
    }
    if (what === 'cancel') {
      return line.cancel(leg.venueOrderId ?? '', terms.symbol, (answer) => this.#afterCancel(leg.id, answer));
    }
    const before = errand.sentAt;
    errand.sentAt = clock.time;
    delete errand.absentAt;
    const after = (answer: BrokerAnswer): void => this.#afterSending(leg.id, answer, before);
    if (what === 'submit') return line.submit(this.#world.nameOf(leg.id, errand.attempts), terms, after);
    line.replace(this.#leg(terms.replaces ?? '').venueOrderId ?? '', leg.id, terms, after);
  }

  #afterSending(legId: string, answer: BrokerAnswer, sentBefore: string | undefined): void {
    const leg = this.#leg(legId);
    const errand = this.#free(legId);
    if (answer.kind === 'order') {
      this.#learn(leg, { order: answer.order, heard: [], executions: [] });
      // A cancel may have been asked for meanwhile.
      return this.attend(legId);
    }
    if (answer.kind === 'refused') return this.#decide(leg, () => leg.refuse(answer.code, answer.reason));
    // The order that was to be replaced is not there: as good as refused.
    if (answer.kind === 'absent') return this.#decide(leg, () => leg.refuse('absent', 'there is nothing to replace'));
    if (answer.kind === 'unsent') {
      if (sentBefore === undefined) delete errand.sentAt;
      else errand.sentAt = sentBefore;
    }
    if (answer.kind === 'unknown') this.#decide(leg, () => leg.outcomeUnknown(errand.attempts + 1, answer.reason));
    if (answer.kind === 'unsent') this.#again(legId, errand);
    else this.attend(legId);
  }

  #afterCancel(legId: string, answer: BrokerAnswer): void {
    const errand = this.#free(legId);
    if (answer.kind === 'done') return;
    errand.isBusy = true;
    // Refused, or not answered: what became of the order says more than the answer.
    this.#lookUp(legId, false, () => this.#again(legId, errand));
  }

  #lookUp(legId: string, found: boolean, after?: () => void): void {
    this.#world.line.lookUp(legId, (answer, executions) => {
      const leg = this.#leg(legId);
      const errand = this.#free(legId);
      if (answer.kind === 'order') this.#learn(leg, { order: answer.order, heard: executions, executions, found });
      if (answer.kind === 'absent') errand.absentAt = this.#world.clock.time;
      if (after) return after();
      if (errand.attempts === budget) this.#decide(leg, () => leg.unresolved(errand.attempts, 'nobody knows'));
      this.attend(legId);
    });
  }

  #hear({ update, order, execution, executions }: Heard): void {
    const leg = this.#world.journal.aggregates.get(order.clientOrderId) as BrokerOrder | undefined;
    if (!leg) return;
    this.#learn(leg, { order, heard: execution ? [execution] : [], executions });
    if (update === 'order_cancel_rejected') this.#decide(leg, () => leg.rejectCancel('the broker does not cancel it'));
    if (update === 'order_replace_rejected' && leg.cancelRequested) this.attend(leg.id);
  }

  /** Takes over an order as the broker shows it; where executions are missing, it asks for them. */
  #learn(leg: BrokerOrder, { order, heard, executions, found = false }: Shown): void {
    this.#decide(leg, () => {
      for (const execution of heard) leg.report(execution);
      const isReplacement = leg.terms?.replaces !== undefined;
      if (isReplacement && leg.venueOrderId === undefined && order.venueStatus === 'pending_new') return;
      // What the legs before had traded when it took over: what it counts beyond its own executions of the same moment.
      const carried = isReplacement ? subtract(decimal(order.filledQuantity), sumOf(executions)) : undefined;
      leg.learn(order, { found, ...(carried !== undefined && { carried }) });
    });
    if (order.status === 'replaced') this.#replaced(leg, order);
    if (leg.isOpen && leg.lacks(order)) this.#world.clock.in(100, () => this.#complete(leg.id));
  }

  #replaced(leg: BrokerOrder, order: VenueOrder): void {
    const next = this.#successors.get(leg.id);
    if (next !== undefined) this.#decide(leg, () => leg.replacedBy(next, order));
  }

  /** Fetches the executions that the broker counts and we have not heard. */
  #complete(legId: string): void {
    if (this.#errands.get(legId)?.isBusy || !this.#leg(legId).isOpen) return;
    this.#lookUp(legId, false);
  }

  #again(legId: string, errand: Errand): void {
    errand.attempts += 1;
    this.#world.clock.in(pauseAfter(errand.attempts), () => this.attend(legId));
  }

  #free(legId: string): Errand {
    const errand = this.#errands.get(legId) ?? { isBusy: false, attempts: 0 };
    errand.isBusy = false;
    return errand;
  }

  #leg(legId: string): BrokerOrder {
    return this.#world.journal.load(this.#world.classes.BrokerOrder, legId);
  }

  #decide(leg: BrokerOrder, decide: () => void): void {
    decide();
    const { orderId, accountId } = leg.terms ?? {};
    if (leg.uncommittedEvents.length === 0 || orderId === undefined) return;
    this.#world.journal.save(leg, { sagaId: placementIdFor(orderId), ...(accountId && { account: accountId }) });
  }
}

/** Milliseconds before the next attempt. */
const pauseAfter = (attempts: number): number => Math.min(5000, 100 * 2 ** attempts);

const sumOf = (executions: readonly VenueExecution[]): Decimal =>
  executions.reduce((sum, { quantity }) => add(sum, decimal(quantity)), zero);
