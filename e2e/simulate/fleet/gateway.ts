import { foreignOrderIdFor, placementIdFor, tradingControlIdFor, type RecordedEvent, type StepEvent } from '@tradecore/events';
import type { interpretReply, nextStep } from '@tradecore/trading';
import {
  BrokerOrder,
  commandIdOf,
  interrupted,
  TradingControl,
  wants,
  type BrokerageAnswer,
  type BrokerageOrder,
  type BrokerageUpdate,
  type LookedUp,
  type NextStep,
  type Reply,
  type Revision,
  type RevisionRules,
} from '@tradecore/trading';
import { brokerage, type BrokerageLine, type Listed } from '../brokerage-line.ts';
import type { Chance } from '../chance.ts';
import type { Clock } from '../clock.ts';
import { GatewayRows, type Row } from './gateway-rows.ts';
import type { Journal } from './journal.ts';
import type { Consumer } from './transport.ts';

/** The gateway's decision functions: the fleet's own, or others in tests that show what the checks find. */
export interface GatewayDecisions {
  readonly interpretReply: typeof interpretReply;
  readonly nextStep: typeof nextStep;
}

/** What the gateway's instances need of the world. */
export interface GatewayWorld {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly journal: Journal;
  readonly line: BrokerageLine;
  readonly decisions: GatewayDecisions;
  readonly rules: RevisionRules;
  readonly lastPrice: (symbol: string) => string | undefined;
  /** The name under which a revision is sent. */
  readonly nameOf: (brokerOrderId: string, attempt: number) => string;
}

/** How instances fail: shares and milliseconds. */
export interface GatewayFaults {
  /** Share of answers so late that another worker has claimed the row. */
  readonly frozen: number;
}

/** How long a worker may take for one round. */
const claimMs = 8_000;
const control = tradingControlIdFor('all');

interface Claim {
  readonly brokerOrderId: string;
  readonly row: Row;
  readonly claim: number;
}

/**
 * Two instances of broker-gateway: they take steps in; a worker of either claims a row, decides the next call, makes it
 * and stores the meaning of its answer; both read the stream; one compares with the brokerage's lists. Their shared
 * state is in their tables.
 */
export class Gateway implements Consumer {
  readonly name = 'broker-gateway';
  readonly rows: GatewayRows;
  faults: GatewayFaults;
  readonly #world: GatewayWorld;
  /** By instance: the end of its downtime, and its number of starts. */
  readonly #instances = [0, 1].map(() => ({ downUntil: 0, starts: 0 }));
  #claims = 0;
  #swept = 0;

  constructor(world: GatewayWorld, faults: GatewayFaults) {
    this.#world = world;
    this.faults = faults;
    this.rows = new GatewayRows(world.journal);
    this.#instances.forEach((instance) => {
      world.line.read((update) => {
        if (instance.downUntil <= world.clock.now) this.#hear(update);
      });
    });
  }

  takes = ({ type }: RecordedEvent): boolean =>
    type === 'SubmitBrokerOrder' || type === 'ReplaceBrokerOrder' || type === 'CancelBrokerOrder';

  keyOf = ({ data }: RecordedEvent): string => (data as StepEvent['data']).target;

  /** Takes a step in: only a row is stored. */
  handle = (event: RecordedEvent): undefined => {
    const step = event as unknown as RecordedEvent & StepEvent;
    if (this.rows.take(step)) this.#ask(step.data.target, 0);
  };

  /** An instance dies: its work is taken over once its claims expire. */
  kill(instance: number, milliseconds: number): void {
    const { clock } = this.#world;
    const killed = this.#instances[instance];
    if (!killed) return;
    killed.downUntil = clock.now + milliseconds;
    killed.starts += 1;
    for (const [brokerOrderId, row] of this.rows.orders) {
      if (row.claim !== 0 && row.holder === instance) this.#takeOverLater({ brokerOrderId, row, claim: row.claim });
    }
  }

  /** All rows are lost, and rebuilt from the store. */
  loseRows(): void {
    this.rows.makeAnew();
    this.#swept = 0;
    for (const brokerOrderId of this.rows.orders.keys()) this.#ask(brokerOrderId, 0);
  }

  /** One row is lost, with the row of its sending step: the saga's deadline finds that, unless it has passed. */
  loseOneRow(): void {
    const { chance, clock, journal } = this.#world;
    const unproven = [...this.rows.orders.keys()].filter(
      (id) => journal.live(BrokerOrder, id).version === 0 && this.rows.isDueAfter(id, clock.time),
    );
    if (unproven.length > 0) this.rows.drop(chance.pick(unproven));
  }

  /** Compares with the brokerage's lists: finds what the stream lost, also for ended orders. */
  sweep(): void {
    const { line } = this.#world;
    const since = this.#swept;
    line.brokerageSweep(since, (listed) => {
      if (!listed) return;
      // The rows were lost meanwhile, and with them its progress.
      if (this.#swept === since) this.#swept = listed.until;
      this.#compare(listed);
    });
  }

  #compare({ changed, open }: Listed): void {
    for (const { order, executions } of changed) {
      this.#overhear(order, { of: 'list', order, executions });
    }
    for (const [brokerOrderId, { due, claim }] of this.rows.orders) {
      if (due === Infinity && claim === 0 && !open.has(brokerOrderId)) this.#ask(brokerOrderId, 0);
    }
  }

  #hear(update: BrokerageUpdate): void {
    this.#overhear(update.order, { of: 'stream', update });
  }

  /** An unsolicited update. */
  #overhear(order: BrokerageOrder, reply: Extract<Reply, { of: 'stream' | 'list' }>): void {
    const revision = this.rows.load(order.clientOrderId);
    if (!revision) return this.#adopt(order);
    const { state, again } = this.#interpret(revision, reply);
    if (again === 'done') return this.#dropEnded(revision);
    if (typeof again !== 'number') return;
    // Rebuilt: earlier calls are unknown.
    const row = this.rows.rowOf(revision.order.id, true);
    row.state = { ...row.state, ...state };
    this.#ask(revision.order.id, again);
  }

  #adopt(order: BrokerageOrder): void {
    const foreign = this.#world.journal.live(BrokerOrder, foreignOrderIdFor(brokerage, order.brokerageOrderId));
    foreign.adopt(order);
    if (foreign.uncommittedEvents.length > 0) this.#world.journal.saveDecided([foreign], { commandId: commandIdOf([foreign]) });
  }

  /** A worker must look at it in that many milliseconds. */
  #ask(brokerOrderId: string, milliseconds: number): void {
    const { clock } = this.#world;
    const row = this.rows.rowOf(brokerOrderId, false);
    const due = clock.now + milliseconds;
    if (row.due <= due) return;
    row.due = due;
    if (row.claim === 0) clock.at(due, () => this.#attend(brokerOrderId, row));
  }

  #attend(brokerOrderId: string, row: Row): void {
    const { clock } = this.#world;
    if (row.due > clock.now || row.claim !== 0 || this.rows.orders.get(brokerOrderId) !== row) return;
    this.#claims += 1;
    const holder = [this.#claims % 2, (this.#claims + 1) % 2].find((each) => this.#isUp(each));
    if (holder === undefined) return clock.in(100, () => this.#attend(brokerOrderId, row));
    Object.assign(row, { claim: this.#claims, holder, until: clock.now + claimMs, due: Infinity });
    if (row.isBroken) row.state = interrupted(row.state, clock.time);
    row.isBroken = false;
    this.#make({ brokerOrderId, row, claim: row.claim });
  }

  #isUp(instance: number): boolean {
    return (this.#instances[instance]?.downUntil ?? 0) <= this.#world.clock.now;
  }

  /** Makes the one call that is next. */
  #make(claim: Claim): void {
    const { decisions, rules } = this.#world;
    const revision = this.rows.load(claim.brokerOrderId);
    if (!revision) return this.rows.drop(claim.brokerOrderId);
    const step = decisions.nextStep(revision, this.#factsOf(revision), rules);
    switch (step.do) {
      case 'nothing':
        return this.rows.drop(claim.brokerOrderId);
      case 'wait': {
        const waits = (claim.row.state.waits ?? 0) + 1;
        claim.row.state = { ...claim.row.state, waits };
        return this.#release(claim, step.ms);
      }
      case 'interpret':
        return this.#settle(claim, step.reply);
      case 'look-up':
        return this.#lookUp(claim, revision, step);
      default:
        return this.#change(claim, revision, step);
    }
  }

  #factsOf({ order }: Revision) {
    const { clock, journal, lastPrice } = this.#world;
    const price = order.terms && lastPrice(order.terms.symbol);
    const { isHalted } = journal.live(TradingControl, control);
    return { now: clock.time, ...(price !== undefined && { lastPrice: price }), ...(isHalted && { isHalted }) };
  }

  #change(
    claim: Claim,
    { order }: Revision,
    step: Extract<NextStep, { do: 'submit' | 'replace' | 'cancel' | 'make-room' }>,
  ): void {
    const { line, clock, nameOf } = this.#world;
    const at = clock.time;
    const answer = this.#answered(claim, (given) => this.#settle(claim, { of: step.do, answer: given, at }));
    if (step.do === 'cancel' || step.do === 'make-room') {
      return line.cancel(step.brokerageOrderId, order.terms?.symbol ?? '', answer);
    }
    const clientOrderId = nameOf(order.id, claim.row.state.sends ?? 0);
    if (step.do === 'submit') return line.submit(clientOrderId, step.terms, answer);
    line.replace({ brokerageOrderId: step.brokerageOrderId, clientOrderId }, step.terms, answer);
  }

  #lookUp(claim: Claim, { order, replaced }: Revision, step: Extract<NextStep, { do: 'look-up' }>): void {
    const settle = (own: LookedUp | undefined, old: LookedUp | undefined): void => {
      const successor = own?.answer.kind === 'order' ? wants(order, own.answer.order).successor : undefined;
      const looked = { ...(own && { own }), ...(old && { replaced: old }) };
      if (successor === undefined) return this.#settle(claim, { of: 'look-up', ...looked });
      this.#nameSuccessor(claim, successor, (named) => this.#settle(claim, { of: 'look-up', ...looked, successor: named }));
    };
    const lookUpOld = (own: LookedUp | undefined): void => {
      if (step.replaced === undefined || !replaced) return settle(own, undefined);
      this.#see(claim, { by: { brokerageOrderId: step.replaced }, order: replaced.order, list: step.list }, (old) =>
        settle(own, old),
      );
    };
    if (!step.own) return lookUpOld(undefined);
    this.#see(claim, { by: { clientOrderId: order.id }, order, list: step.list }, lookUpOld);
  }

  /** Looks up one order, and its executions if needed. */
  #see(claim: Claim, { by, order, list }: See, seen: (seen: LookedUp) => void): void {
    const { line } = this.#world;
    line.lookUp(
      by,
      this.#answered(claim, (answer) => {
        if (answer.kind !== 'order' || !(list || wants(order, answer.order).executions)) return seen({ answer });
        const { brokerageOrderId } = answer.order;
        line.executionsOf(brokerageOrderId, (executions) => {
          // Without the list nothing is known.
          this.#answered(claim, () => seen(executions ? { answer, executions } : { answer: unlisted }))(answer);
        });
      }),
    );
  }

  /** Whether the order that took its place is ours. */
  #nameSuccessor(claim: Claim, brokerageOrderId: string, named: (successor: Successor) => void): void {
    const { line, journal } = this.#world;
    line.lookUp(
      { brokerageOrderId },
      this.#answered(claim, (answer) => {
        if (answer.kind !== 'order') return this.#settle(claim, { of: 'look-up', own: { answer: unlisted } });
        const { clientOrderId } = answer.order;
        const isOurs = this.rows.isOurs(clientOrderId);
        const brokerOrderId = isOurs ? clientOrderId : foreignOrderIdFor(brokerage, brokerageOrderId);
        named({ brokerOrderId, isComing: isOurs && journal.live(BrokerOrder, clientOrderId).isUnproven });
      }),
    );
  }

  /**
   * An answer counts only for the row's current worker; one that was frozen, or whose instance died, writes nothing.
   */
  #answered(claim: Claim, then: (answer: BrokerageAnswer) => void): (answer: BrokerageAnswer) => void {
    const { chance, clock } = this.#world;
    const instance = this.#instances[claim.row.holder];
    const starts = instance?.starts;
    return (answer) => {
      const run = (): void => {
        if (claim.row.claim === claim.claim && instance?.starts === starts) then(answer);
      };
      if (!chance.happens(this.faults.frozen)) return run();
      this.#takeOverLater(claim);
      clock.in(2 * claimMs, run);
    };
  }

  #takeOverLater({ brokerOrderId, row, claim }: Claim): void {
    const { clock } = this.#world;
    clock.at(row.until, () => {
      if (row.claim !== claim) return;
      Object.assign(row, { claim: 0, isBroken: true, due: clock.now });
      this.#attend(brokerOrderId, row);
    });
  }

  /** Stores what an answer means, with the row. */
  #settle(claim: Claim, reply: Reply): void {
    const { brokerOrderId, row } = claim;
    const revision = this.rows.load(brokerOrderId);
    if (!revision || this.rows.orders.get(brokerOrderId) !== row) return;
    const { state, again } = this.#interpret(revision, reply);
    row.state = state;
    if (again === 'done') return this.#dropEnded(revision);
    if (revision.replaced && !revision.replaced.order.isOpen) this.#dropReplaced(revision.replaced.order.id);
    this.#release(claim, again === 'when-asked' ? Infinity : again);
  }

  #release({ brokerOrderId, row }: Claim, milliseconds: number): void {
    const { clock } = this.#world;
    row.claim = 0;
    // A step may have requested it meanwhile.
    row.due = Math.min(row.due, clock.now + milliseconds);
    if (row.due !== Infinity) clock.at(Math.max(row.due, clock.now), () => this.#attend(brokerOrderId, row));
  }

  #interpret(revision: Revision, reply: Reply) {
    const { decisions, rules, clock, journal } = this.#world;
    const { order, replaced } = revision;
    const interpretation = decisions.interpretReply(revision, reply, rules, clock.time);
    if (interpretation.tradedLate) for (const id of this.rows.successorsOf(order)) this.#ask(id, 0);
    const orders = replaced ? [order, replaced.order] : [order];
    if (orders.some(({ uncommittedEvents }) => uncommittedEvents.length > 0)) {
      const { orderId = '', accountId = '' } = order.terms ?? {};
      journal.saveDecided(orders, { commandId: commandIdOf(orders), sagaId: placementIdFor(orderId), account: accountId });
    }
    return interpretation;
  }

  #dropEnded({ order, replaced }: Revision): void {
    this.rows.drop(order.id);
    if (replaced && !replaced.order.isOpen) this.#dropReplaced(replaced.order.id);
  }

  /** A replaced order has ended; its executions may still need comparing. */
  #dropReplaced(brokerOrderId: string): void {
    const row = this.rows.orders.get(brokerOrderId);
    if (row && !row.state.list && row.claim === 0) this.rows.drop(brokerOrderId);
  }
}

interface See {
  readonly by: { readonly clientOrderId: string } | { readonly brokerageOrderId: string };
  readonly order: BrokerOrder;
  readonly list: boolean;
}

type Successor = NonNullable<Extract<Reply, { of: 'look-up' }>['successor']>;

const unlisted: BrokerageAnswer = { kind: 'unknown', reason: 'no answer' };
