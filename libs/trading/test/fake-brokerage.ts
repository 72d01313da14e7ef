import { executionIdFor, type RevisionTerms } from '@tradecore/events';
import type {
  BrokerageAnswer,
  BrokerageExecution,
  BrokerageOrder,
  BrokerageStatus,
  BrokerageUpdate,
  ExecutionReport,
} from '../src/broker-order/brokerage-replies.ts';

const at = '2026-01-02T03:04:06Z';

interface Order {
  id: string;
  clientOrderId: string;
  terms: RevisionTerms;
  quantity: number;
  /** Its own executed shares; `carried`: those of its predecessors. */
  filled: number;
  carried: number;
  status: BrokerageStatus;
  word: string;
  replaces?: string;
  replacedBy?: string;
}

/**
 * A small brokerage: it accepts, fills, cancels, replaces, busts and corrects on request, and keeps all its updates.
 */
export class FakeBrokerage {
  readonly orders: Order[] = [];
  readonly updates: BrokerageUpdate[] = [];
  readonly executions: (BrokerageExecution & { busted?: boolean })[] = [];
  /** An order that does not exist: nothing happens to it. */
  readonly none: Order;
  private reports = 0;

  constructor(private readonly carriesFills: boolean) {
    const terms = { symbol: 'ACME', side: 'buy' } as RevisionTerms;
    const figures = { quantity: 0, filled: 0, carried: 0 };
    this.none = { id: '', clientOrderId: '', terms, ...figures, status: 'rejected', word: 'rejected' };
  }

  submit(clientOrderId: string, terms: RevisionTerms): BrokerageAnswer {
    if (this.orders.some((each) => each.clientOrderId === clientOrderId)) return { kind: 'duplicate' };
    const order = this.take(clientOrderId, terms);
    this.tell('new', order);
    return { kind: 'order', order: this.seen(order) };
  }

  replace(id: string, clientOrderId: string, terms: RevisionTerms): BrokerageAnswer {
    const before = this.byId(id);
    if (this.orders.some((each) => each.clientOrderId === clientOrderId)) return { kind: 'duplicate' };
    if (!before || before.status !== 'working' || before.word.startsWith('pending_'))
      return { kind: 'refused', code: '422', reason: 'not now' };
    before.word = 'pending_replace';
    const order = this.take(clientOrderId, terms);
    Object.assign(order, { word: 'pending_new', replaces: id, carried: before.carried + before.filled });
    return { kind: 'order', order: this.seen(order) };
  }

  cancel(id: string): BrokerageAnswer {
    const order = this.byId(id);
    if (!order) return { kind: 'absent' };
    const isOpen = ['working', 'suspended', 'doneForDay'].includes(order.status) && !order.word.startsWith('pending_');
    if (!isOpen) return { kind: 'refused', code: '422', reason: `it is ${order.word}` };
    Object.assign(order, { status: 'working', word: 'pending_cancel' });
    return { kind: 'done' };
  }

  lookUp(clientOrderId: string): BrokerageAnswer {
    const order = this.orders.find((each) => each.clientOrderId === clientOrderId);
    return order ? { kind: 'order', order: this.seen(order) } : { kind: 'absent' };
  }

  lookUpId(id: string): BrokerageAnswer {
    const order = this.byId(id);
    return order ? { kind: 'order', order: this.seen(order) } : { kind: 'absent' };
  }

  executionsOf(id: string): BrokerageExecution[] {
    return this.executions.filter((each) => each.brokerageOrderId === id && !each.busted).map(({ busted: _, ...each }) => each);
  }

  /** Handles pending requests: cancels, replaces, or refuses to. */
  work(refuses = false): void {
    for (const order of this.orders) {
      if (order.word === 'pending_cancel') this.end(order, 'canceled');
      if (order.word === 'pending_new') this.doReplace(order, refuses);
    }
  }

  /** Some shares of an open order trade. */
  fill(order: Order, quantity: number): void {
    const size = Math.min(quantity, order.quantity - order.carried - order.filled);
    if (order.status !== 'working' || order.word === 'pending_new' || size <= 0) return;
    order.filled += size;
    if (order.filled + order.carried === order.quantity) Object.assign(order, { status: 'filled', word: 'filled' });
    const execution = this.execution(order.id, String(size), '100');
    this.executions.push(execution);
    this.tell('fill', order, { kind: 'trade', execution });
  }

  pause(order: Order, status: 'suspended' | 'doneForDay'): void {
    if (order.status !== 'working' || order.word !== 'new') return;
    Object.assign(order, { status, word: status });
    this.tell(status, order);
  }

  resume(order: Order): void {
    if (order.status !== 'suspended' && order.status !== 'doneForDay') return;
    Object.assign(order, { status: 'working', word: 'new' });
  }

  expire(order: Order): void {
    if (order.status === 'working' && order.word === 'new') this.end(order, 'expired');
  }

  bust(index: number): void {
    const execution = this.executions[index];
    const order = execution && this.byId(execution.brokerageOrderId);
    if (!execution || execution.busted || !order) return;
    execution.busted = true;
    order.filled -= Number(execution.quantity);
    this.carryOn(order, -Number(execution.quantity));
    const { brokerageExecutionId } = this.execution(order.id, '1', '1');
    this.tell('trade_bust', order, { kind: 'bust', brokerageExecutionId, previous: execution, execution });
  }

  /** Corrects the price; every other correction names the report of the last correction. */
  correct(index: number, price: string): void {
    const execution = this.executions[index];
    const order = execution && this.byId(execution.brokerageOrderId);
    if (!execution || execution.busted || !order) return;
    const previous = this.lastReports.get(execution.executionId) ?? execution;
    const report = this.execution(order.id, execution.quantity, price);
    this.lastReports.set(execution.executionId, report);
    this.executions[index] = { ...execution, price };
    this.tell('trade_correct', order, { kind: 'correction', execution: report, previous });
  }

  readonly lastReports = new Map<string, BrokerageExecution>();

  seen({ id, clientOrderId, terms, status, word, quantity, filled, carried, replaces, replacedBy }: Order): BrokerageOrder {
    return {
      ...{ brokerageOrderId: id, clientOrderId, symbol: terms.symbol, side: terms.side, status, brokerageStatus: word },
      ...{ quantity: String(quantity), filledQuantity: String(filled + carried), submittedAt: at },
      ...(replaces !== undefined && { replaces }),
      ...(replacedBy !== undefined && { replacedBy }),
    };
  }

  private byId(id: string): Order | undefined {
    return this.orders.find((each) => each.id === id);
  }

  private take(clientOrderId: string, terms: RevisionTerms): Order {
    const id = `at-brokerage-${this.orders.length + 1}`;
    const figures = { quantity: Number(terms.quantity), filled: 0, carried: 0 };
    const order: Order = { id, clientOrderId, terms, ...figures, status: 'working', word: 'new' };
    this.orders.push(order);
    return order;
  }

  private end(order: Order, status: 'canceled' | 'expired'): void {
    Object.assign(order, { status, word: status });
    this.tell(status, order);
  }

  private doReplace(order: Order, refuses: boolean): void {
    const before = this.byId(order.replaces ?? '') as Order;
    if (refuses || !this.carriesFills || before.word !== 'pending_replace' || order.quantity <= before.filled + before.carried) {
      if (before.word === 'pending_replace') before.word = 'new';
      Object.assign(order, { status: 'rejected', word: 'rejected' });
      return this.tell('rejected', order);
    }
    Object.assign(before, { status: 'replaced', word: 'replaced', replacedBy: order.id });
    Object.assign(order, { word: 'new', carried: before.filled + before.carried });
    this.tell('replaced', before);
    this.tell('new', order);
  }

  private carryOn(order: Order, more: number): void {
    const next = order.replacedBy === undefined ? undefined : this.byId(order.replacedBy);
    if (!next) return;
    next.carried += more;
    this.carryOn(next, more);
  }

  private execution(brokerageOrderId: string, quantity: string, price: string): BrokerageExecution {
    this.reports += 1;
    const brokerageExecutionId = `report-${this.reports}`;
    const executionId = executionIdFor('paper', brokerageExecutionId);
    return { executionId, brokerageExecutionId, brokerageOrderId, quantity, price, executedAt: at };
  }

  private tell(event: string, order: Order, report?: ExecutionReport): void {
    this.updates.push({ event, order: this.seen(order), ...(report && { report }) });
  }
}
