import { Table } from './table.ts';
import { isOpen, type VenueExecution, type VenueOrder } from './venue-order.ts';

/** How long and how many closed orders are kept. */
export interface Retention {
  readonly closedMs: number;
  readonly closedCount: number;
}

const pruneLimit = 1000;

/** All orders and executions, by everything that they are looked up by. */
export class Book {
  readonly orders: Table<VenueOrder>;
  readonly executions: Table<VenueExecution>;
  readonly #byClientId = new Map<string, string>();
  readonly #open = new Set<string>();
  /** In the order in which they were closed. */
  readonly #closed = new Set<string>();
  readonly #byAccount = new Map<string, Set<string>>();
  readonly #executionsByAccount = new Map<string, Set<string>>();
  readonly #executionsByOrder = new Map<string, string[]>();

  constructor(
    tracked: boolean,
    private readonly retention: Retention,
  ) {
    this.orders = new Table('orders', tracked);
    this.executions = new Table('executions', tracked);
  }

  /** Stores an order, new or changed. */
  put(order: VenueOrder): VenueOrder {
    this.orders.put(order.id, order);
    this.#index(order);
    return order;
  }

  /** Stores an execution, new or changed. */
  putExecution(execution: VenueExecution): void {
    this.executions.put(execution.id, execution);
    this.#indexExecution(execution);
  }

  /** Takes rows up as they were stored; orders by the time of their last change, so that the oldest closed go first. */
  restore(orders: readonly VenueOrder[], executions: readonly VenueExecution[]): void {
    for (const order of orders.toSorted((a, b) => a.submittedAt - b.submittedAt)) this.#addTo(this.#byAccount, order);
    for (const order of orders.toSorted((a, b) => a.updatedAt - b.updatedAt)) {
      this.orders.restore(order.id, order);
      this.#index(order);
    }
    for (const execution of executions.toSorted((a, b) => a.sequence - b.sequence)) {
      this.executions.restore(execution.id, execution);
      this.#indexExecution(execution);
    }
  }

  /** The account's order of that id. */
  of(account: string, id: string): VenueOrder | undefined {
    const order = this.orders.get(id);
    return order?.account === account ? order : undefined;
  }

  byClientId(account: string, clientOrderId: string): VenueOrder | undefined {
    const id = this.#byClientId.get(`${account}/${clientOrderId}`);
    return id === undefined ? undefined : this.orders.get(id);
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** Every open order, oldest first. */
  open(): VenueOrder[] {
    return [...this.#open].map((id) => this.orders.get(id) as VenueOrder);
  }

  /** The account's orders, oldest first. */
  all(account: string): VenueOrder[] {
    return [...(this.#byAccount.get(account) ?? [])].map((id) => this.orders.get(id) as VenueOrder);
  }

  /** The account's executions, oldest first. */
  executionsOf(account: string): VenueExecution[] {
    return [...(this.#executionsByAccount.get(account) ?? [])].map((id) => this.executions.get(id) as VenueExecution);
  }

  /** Forgets closed orders that are too old or too many, the oldest first, some at a time. */
  prune(now: number): void {
    let looked = 0;
    for (const id of this.#closed) {
      const order = this.orders.get(id) as VenueOrder;
      const isKept = this.#closed.size <= this.retention.closedCount && order.updatedAt > now - this.retention.closedMs;
      if (isKept || looked === pruneLimit) return;
      this.#forget(order);
      looked += 1;
    }
  }

  #forget({ id, account, clientOrderId }: VenueOrder): void {
    this.#closed.delete(id);
    this.orders.delete(id);
    this.#byClientId.delete(`${account}/${clientOrderId}`);
    this.#byAccount.get(account)?.delete(id);
    for (const execution of this.#executionsByOrder.get(id) ?? []) {
      this.executions.delete(execution);
      this.#executionsByAccount.get(account)?.delete(execution);
    }
    this.#executionsByOrder.delete(id);
  }

  #index(order: VenueOrder): void {
    this.#byClientId.set(`${order.account}/${order.clientOrderId}`, order.id);
    this.#addTo(this.#byAccount, order);
    if (isOpen(order)) this.#open.add(order.id);
    else {
      this.#open.delete(order.id);
      this.#closed.add(order.id);
    }
  }

  #indexExecution(execution: VenueExecution): void {
    const known = this.#executionsByAccount.get(execution.account)?.has(execution.id) === true;
    if (known) return;
    this.#addTo(this.#executionsByAccount, execution);
    const ofOrder = this.#executionsByOrder.get(execution.orderId);
    if (ofOrder) ofOrder.push(execution.id);
    else this.#executionsByOrder.set(execution.orderId, [execution.id]);
  }

  #addTo(index: Map<string, Set<string>>, { account, id }: { readonly account: string; readonly id: string }): void {
    const ids = index.get(account);
    if (ids) ids.add(id);
    else index.set(account, new Set([id]));
  }
}
