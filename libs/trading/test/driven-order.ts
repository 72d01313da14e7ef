import { brokerOrderIdFor, type BrokerOrderEvent, type Opening, type RevisionTerms } from '@tradecore/events';
import { BrokerOrder } from '../src/broker-order/broker-order.aggregate.ts';
import { nextStep } from '../src/broker-order/broker-order-step.ts';
import type { BrokerageAnswer } from '../src/broker-order/brokerage-replies.ts';
import { interpretReply, wants } from '../src/broker-order/interpret-reply.ts';
import {
  interrupted,
  type LookedUp,
  type NextStep,
  type Reply,
  type Revision,
  type RevisionRules,
  type RevisionState,
} from '../src/broker-order/revision.ts';
import { later } from '../src/time.ts';
import type { FakeBrokerage } from './fake-brokerage.ts';

/** The fate of a call to the brokerage: `late` arrives after the next look-up. */
export type Line = 'answered' | 'request lost' | 'reply lost' | 'late' | 'unsent';

interface Row {
  readonly id: string;
  readonly opening: Opening;
  readonly cancels: string[];
  state: RevisionState;
  /** Undefined: there is no row. */
  due: number | 'when-asked' | undefined;
}

/** A client's order, driven at a fake brokerage by two gateways that share rows and a store. */
export class DrivenOrder {
  now = '2026-01-02T03:04:05.000Z';
  readonly rows: Row[] = [];
  readonly events = new Map<string, BrokerOrderEvent[]>();
  private readonly late: (() => void)[] = [];

  constructor(
    readonly brokerage: FakeBrokerage,
    readonly rules: RevisionRules,
    readonly terms: RevisionTerms,
  ) {
    this.ask(terms);
  }

  /** Stores a step that submits or replaces. */
  ask(terms: RevisionTerms & { readonly replaces?: string }): void {
    const id = brokerOrderIdFor(terms.orderId, terms.revision);
    const opening = { commandId: `command of ${id}`, terms } as Opening;
    this.rows.push({ id, opening, cancels: [], state: {}, due: 0 });
  }

  cancel(revision: number): void {
    const row = this.rows[revision - 1] as Row;
    row.cancels.push(`cancel ${row.cancels.length + 1} of ${row.id}`);
    row.due = 0;
  }

  /** The rows are lost, and recreated from the stored steps. */
  beginAgain(): void {
    for (const row of this.rows) {
      row.state = interrupted({}, this.now);
      row.due = 0;
    }
  }

  order(row: Row): BrokerOrder {
    return new BrokerOrder(row.id).replay(this.events.get(row.id) ?? []).openedBy(row.opening);
  }

  /** The client wants another quantity, and the saga requests it for the working revision, one at a time. */
  replace(quantity: string): void {
    const before = this.rows.at(-1);
    if (this.rows.length >= 3 || !before || before.cancels.length > 0 || this.order(before).progress !== 'working') return;
    this.ask({ ...this.terms, revision: this.rows.length + 1, quantity, replaces: before.id });
  }

  /** Whether any row is due. */
  get isDue(): boolean {
    return this.rows.some(({ due }) => typeof due === 'number');
  }

  /** One round of a worker on the row of a revision; `meanwhile` runs during the call. */
  round(revision: number, line: Line, meanwhile: () => void = () => undefined): void {
    const row = this.rows[revision - 1];
    if (typeof row?.due !== 'number') return;
    const { state } = row;
    const facts = { now: this.now, lastPrice: '100', isHalted: false };
    const step = nextStep(this.revision(row, state), facts, this.rules);
    if (step.do === 'nothing') return void (row.due = undefined);
    if (step.do === 'wait') return;
    const reply = this.make(step, row, line);
    meanwhile();
    this.settle(row, state, reply);
  }

  private settle(row: Row, before: RevisionState, reply: Reply): void {
    const loaded = this.revision(row, before);
    const { state, again } = interpretReply(loaded, reply, this.rules, this.now);
    this.save(loaded);
    row.state = state;
    row.due = again === 'done' ? undefined : again;
    if (loaded.replaced && !loaded.replaced.order.isOpen) this.drop(loaded.replaced.order.id);
    if (row.due === undefined && this.isOpenCancel(row)) row.due = 0;
  }

  /** Receives an update. */
  hear(index: number): void {
    const update = this.brokerage.updates[index];
    if (update) this.overhear(update.order.clientOrderId, { of: 'stream', update });
  }

  /** The sweep: reads the brokerage's lists. */
  sweep(): void {
    for (const order of this.brokerage.orders) {
      const executions = this.brokerage.executionsOf(order.id);
      this.overhear(order.clientOrderId, { of: 'list', order: this.brokerage.seen(order), executions });
    }
    for (const row of this.rows) if (row.due === 'when-asked') row.due = 0;
  }

  pass(ms: number): void {
    this.now = later(this.now, ms);
  }

  /** Delayed requests arrive. */
  arrive(): void {
    for (const act of this.late.splice(0)) act();
  }

  private isOpenCancel(row: Row): boolean {
    const order = this.order(row);
    return row.cancels.some((commandId) => !order.hasAnswered(commandId));
  }

  private overhear(id: string, reply: Reply): void {
    const row = this.rows.find((each) => each.id === id) as Row;
    const loaded = this.revision(row, {});
    const { state, again } = interpretReply(loaded, reply, this.rules, this.now);
    this.save(loaded);
    if (again === 'done') row.due = undefined;
    if (typeof again === 'number') Object.assign(row, { due: again, state: { ...row.state, ...state } });
  }

  private revision(row: Row, state: RevisionState): Revision {
    const order = this.order(row);
    const before = this.rows.find(({ id }) => id === order.replaces);
    const { cancels } = row;
    return { order, cancels, state, ...(before && { replaced: { order: this.order(before), cancels: before.cancels } }) };
  }

  private save({ order, replaced }: Revision): void {
    for (const each of replaced ? [order, replaced.order] : [order]) {
      const events = [...(this.events.get(each.id) ?? []), ...each.uncommittedEvents];
      if (events.length > 0) this.events.set(each.id, events);
    }
  }

  private drop(id: string): void {
    const row = this.rows.find((each) => each.id === id) as Row;
    if (row.due !== undefined && !row.state.list) row.due = this.isOpenCancel(row) ? 0 : undefined;
  }

  private make(step: Exclude<NextStep, { do: 'nothing' | 'wait' }>, row: Row, line: Line): Reply {
    const at = this.now;
    switch (step.do) {
      case 'interpret':
        return step.reply;
      case 'look-up':
        return line === 'answered' ? this.lookUp(step, row) : { of: 'look-up', ...this.unanswered(step) };
      case 'submit':
        return { of: 'submit', at, answer: this.call(line, () => this.brokerage.submit(row.id, step.terms)) };
      case 'replace':
        return {
          of: 'replace',
          at,
          answer: this.call(line, () => this.brokerage.replace(step.brokerageOrderId, row.id, step.terms)),
        };
      case 'cancel':
      case 'make-room':
        return { of: step.do, at, answer: this.call(line, () => this.brokerage.cancel(step.brokerageOrderId)) };
    }
  }

  private unanswered({ own, replaced }: Extract<NextStep, { do: 'look-up' }>): { own?: LookedUp; replaced?: LookedUp } {
    const answer: BrokerageAnswer = { kind: 'unknown', reason: 'no answer' };
    return { ...(own && { own: { answer } }), ...(replaced !== undefined && { replaced: { answer } }) };
  }

  private lookUp(step: Extract<NextStep, { do: 'look-up' }>, row: Row): Reply {
    const loaded = this.revision(row, row.state);
    const own = step.own ? this.looked(loaded.order, this.brokerage.lookUp(row.id), step.list) : undefined;
    const old = step.replaced;
    const replaced =
      old !== undefined && loaded.replaced ? this.looked(loaded.replaced.order, this.brokerage.lookUpId(old), false) : undefined;
    const successor = own?.answer.kind === 'order' ? wants(loaded.order, own.answer.order).successor : undefined;
    const taking = this.brokerage.orders.find(({ id }) => id === successor);
    const next = this.rows.find(({ id }) => id === taking?.clientOrderId);
    return {
      of: 'look-up',
      ...(own && { own }),
      ...(replaced && { replaced }),
      ...(next && { successor: { brokerOrderId: next.id, isComing: this.order(next).isUnproven } }),
    };
  }

  private looked(order: BrokerOrder, answer: BrokerageAnswer, list: boolean): LookedUp {
    if (answer.kind !== 'order' || !(list || wants(order, answer.order).executions)) return { answer };
    return { answer, executions: this.brokerage.executionsOf(answer.order.brokerageOrderId) };
  }

  private call(line: Line, act: () => BrokerageAnswer): BrokerageAnswer {
    if (line === 'unsent') return { kind: 'unsent', reason: 'no connection' };
    if (line === 'late') this.late.push(act);
    const answer = line === 'answered' || line === 'reply lost' ? act() : undefined;
    return line === 'answered' && answer ? answer : { kind: 'unknown', reason: line };
  }
}
