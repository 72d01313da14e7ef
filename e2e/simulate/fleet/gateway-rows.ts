import type { AnyAggregate } from '@tradecore/event-sourcing';
import {
  brokerOrderIdFor,
  submitStepEventId,
  type Opening,
  type RecordedEvent,
  type ReplaceBrokerOrder,
  type StepEvent,
  type SubmitBrokerOrder,
} from '@tradecore/events';
import { BrokerOrder, type OrderPlacement, type Revision, type RevisionState } from '@tradecore/trading';
import type { Journal } from './journal.ts';

/** The gateway's row of work for one BrokerOrder. */
export interface Row {
  state: RevisionState;
  /** Due time; `Infinity`: only on request. */
  due: number;
  /**
   * The claim by which a worker holds it; 0: unclaimed. Unique per claim, so that a worker that was too slow does not
   * write.
   */
  claim: number;
  /** The instance that holds it, and the end of its claim. */
  holder: number;
  until: number;
  /** Its last round was interrupted, or it was rebuilt: a call may have been made. */
  isBroken: boolean;
  /** Command ids of its stored cancels, oldest first. */
  readonly cancels: string[];
}

const terms = ({ data }: SubmitBrokerOrder | ReplaceBrokerOrder): Opening['terms'] => {
  const { target: _, commandId: __, attempt: ___, dueAt: ____, ...rest } = data;
  return rest;
};

/** The gateway's tables, shared by its instances: a row per step, a row per BrokerOrder with open work. */
export class GatewayRows {
  readonly orders = new Map<string, Row>();
  /** Command ids of the steps that it has. */
  readonly #steps = new Set<string>();
  /** The records that it has taken in: their offsets are stored with their rows. */
  readonly #taken = new Set<string>();
  readonly #openings = new Map<string, Opening>();
  readonly #journal: Journal;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** Takes a step in; false if it is already there or answered. */
  take({ id, data }: Pick<RecordedEvent, 'id'> & StepEvent): boolean {
    if (this.#taken.has(id)) return false;
    this.#taken.add(id);
    return this.#put(data, data.attempt > 1);
  }

  /** Whether a step has a row or an answer. */
  has({ commandId, target }: Pick<StepEvent['data'], 'commandId' | 'target'>): boolean {
    return this.#steps.has(commandId) || this.#journal.live(BrokerOrder, target).hasAnswered(commandId);
  }

  /** The row of a BrokerOrder; a new one if there is none. */
  rowOf(brokerOrderId: string, isBroken: boolean): Row {
    const known = this.orders.get(brokerOrderId);
    if (known) return known;
    const row: Row = { state: {}, due: Infinity, claim: 0, holder: 0, until: 0, isBroken, cancels: [] };
    this.orders.set(brokerOrderId, row);
    return row;
  }

  /** Input of a decision about a BrokerOrder; undefined if no step sends it: then it is not ours. */
  load(brokerOrderId: string): Revision | undefined {
    const order = this.#orderOf(brokerOrderId);
    if (!order) return undefined;
    const row = this.orders.get(brokerOrderId);
    const { replaces } = order;
    const replaced = replaces === undefined ? undefined : this.#orderOf(replaces);
    return {
      order,
      cancels: row?.cancels ?? none,
      state: row?.state ?? noState,
      ...(replaced && { replaced: { order: replaced, cancels: this.orders.get(replaced.id)?.cancels ?? none } }),
    };
  }

  /** Whether it is ours: the step that sends it is stored. */
  isOurs(brokerOrderId: string): boolean {
    return this.#openingOf(brokerOrderId) !== undefined;
  }

  /** Whether the saga checks its sending step only after this time. */
  isDueAfter(brokerOrderId: string, time: string): boolean {
    const step = this.#journal.event(submitStepEventId(brokerOrderId)) as RecordedEvent<SubmitBrokerOrder> | undefined;
    return step !== undefined && step.data.dueAt > time;
  }

  /** Removes the rows of a BrokerOrder. */
  drop(brokerOrderId: string): void {
    const row = this.orders.get(brokerOrderId);
    if (!row) return;
    this.orders.delete(brokerOrderId);
    for (const commandId of row.cancels) this.#steps.delete(commandId);
    const opening = this.#openingOf(brokerOrderId);
    if (opening) this.#steps.delete(opening.commandId);
  }

  /** The BrokerOrders that will replace this one, or did: those that have a row, and the next revision. */
  successorsOf({ id, terms: of }: BrokerOrder): string[] {
    const next = of && brokerOrderIdFor(of.orderId, of.revision + 1);
    const ids = new Set([...(next === undefined ? [] : [next]), ...this.orders.keys()]);
    return [...ids].filter((each) => this.#orderOf(each)?.replaces === id);
  }

  /** All rows are lost, and rebuilt from the store: each unanswered step of an open order. */
  makeAnew(): void {
    this.orders.clear();
    this.#steps.clear();
    for (const aggregate of this.#journal.aggregates.values()) {
      if (aggregate.version === 0 || !isPlacement(aggregate)) continue;
      for (const { data } of aggregate.steps) if (!aggregate.isEnded) this.#put(data, true);
    }
  }

  #put(data: StepEvent['data'], isAnew: boolean): boolean {
    const { commandId, target } = data;
    const { isOpen, isUnproven } = this.#journal.live(BrokerOrder, target);
    const isCancel = !('symbol' in data);
    if (this.has(data) || !(isCancel || isOpen)) return false;
    const isKnown = this.orders.has(target);
    const row = this.rowOf(target, (isAnew || isCancel) && isUnproven);
    // A rebuilt row may belong to a call made before the row was lost.
    if (isKnown && isAnew && isUnproven) row.isBroken = true;
    if (isCancel) row.cancels.push(commandId);
    this.#steps.add(commandId);
    return true;
  }

  #orderOf(brokerOrderId: string): BrokerOrder | undefined {
    const opening = this.#openingOf(brokerOrderId);
    return opening && this.#journal.live(BrokerOrder, brokerOrderId).openedBy(opening);
  }

  /** The step that sends it, by primary key. */
  #openingOf(brokerOrderId: string): Opening | undefined {
    const known = this.#openings.get(brokerOrderId);
    if (known) return known;
    const step = this.#journal.event(submitStepEventId(brokerOrderId));
    if (!step) return undefined;
    const stored = step as RecordedEvent<SubmitBrokerOrder | ReplaceBrokerOrder>;
    const opening = {
      commandId: stored.data.commandId,
      terms: terms(stored as unknown as SubmitBrokerOrder | ReplaceBrokerOrder),
    };
    this.#openings.set(brokerOrderId, opening);
    return opening;
  }
}

const none: readonly string[] = [];
const noState: RevisionState = {};

const isPlacement = (aggregate: AnyAggregate): aggregate is AnyAggregate & OrderPlacement => 'endingOf' in aggregate;
