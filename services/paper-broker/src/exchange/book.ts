import { History } from './history.ts';
import { Table } from './table.ts';
import { isOpen, type VenueExecution, type ExchangeOrder } from './exchange-order.ts';

/** How long and how many closed orders are kept. */
export interface Retention {
  readonly closedMs: number;
  readonly closedCount: number;
}

/** One account's orders and executions. */
interface Shelf {
  readonly orders: History;
  readonly executions: History;
  /** Order ids by client order id. */
  readonly names: Map<string, string>;
}

const pruneLimit = 1000;

/** All orders and executions, with an index for each kind of lookup. */
export class Book {
  readonly orders: Table<ExchangeOrder>;
  readonly executions: Table<VenueExecution>;
  readonly #shelves = new Map<string, Shelf>();
  readonly #open = new Map<string, ExchangeOrder>();
  /** Ids of closed orders, in order of closing. */
  readonly #closed = new Set<string>();
  readonly #executionsByOrder = new Map<string, string[]>();

  constructor(
    tracked: boolean,
    private readonly retention: Retention,
  ) {
    this.orders = new Table('orders', tracked);
    this.executions = new Table('executions', tracked);
  }

  /** Stores an order, new or changed. */
  put(order: ExchangeOrder): ExchangeOrder {
    const isNew = this.orders.get(order.id) === undefined;
    this.orders.put(order.id, order);
    if (isNew) this.#shelve(order);
    this.#sort(order);
    return order;
  }

  /** Stores an execution, new or changed. */
  putExecution(execution: VenueExecution): void {
    const isNew = this.executions.get(execution.id) === undefined;
    this.executions.put(execution.id, execution);
    if (isNew) this.#shelveExecution(execution);
  }

  /** Restores stored rows: orders by time of submission, closed ones by their last change. */
  restore(orders: readonly ExchangeOrder[], executions: readonly VenueExecution[]): void {
    for (const order of orders.toSorted((a, b) => a.submittedAt - b.submittedAt)) {
      this.orders.restore(order.id, order);
      this.#shelve(order);
      if (isOpen(order)) this.#sort(order);
    }
    for (const order of orders.toSorted((a, b) => a.updatedAt - b.updatedAt)) this.#sort(order);
    for (const execution of executions.toSorted((a, b) => a.sequence - b.sequence)) {
      this.executions.restore(execution.id, execution);
      this.#shelveExecution(execution);
    }
  }

  /** The account's order with that id. */
  of(account: string, id: string): ExchangeOrder | undefined {
    const order = this.orders.get(id);
    return order?.account === account ? order : undefined;
  }

  byClientId(account: string, clientOrderId: string): ExchangeOrder | undefined {
    const id = this.#shelves.get(account)?.names.get(clientOrderId);
    return id === undefined ? undefined : this.orders.get(id);
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** Every open order, oldest first. */
  open(): ExchangeOrder[] {
    return [...this.#open.values()];
  }

  /** The account's open orders, newest first. */
  openOf(account: string): ExchangeOrder[] {
    return this.open()
      .filter((order) => order.account === account)
      .reverse();
  }

  /** The account's orders, newest first. */
  *ordersOf(account: string): Generator<ExchangeOrder> {
    for (const id of this.#shelves.get(account)?.orders.newestFirst() ?? []) yield this.orders.get(id) as ExchangeOrder;
  }

  /** The account's executions, newest first. */
  *executionsOf(account: string): Generator<VenueExecution> {
    for (const id of this.#shelves.get(account)?.executions.newestFirst() ?? []) yield this.executions.get(id) as VenueExecution;
  }

  /** Forgets closed orders that are too old or too many, oldest first, up to 1,000 per call. */
  prune(now: number): void {
    let looked = 0;
    for (const id of this.#closed) {
      const order = this.orders.get(id) as ExchangeOrder;
      const isKept = this.#closed.size <= this.retention.closedCount && order.updatedAt > now - this.retention.closedMs;
      if (isKept || looked === pruneLimit) return;
      this.#forget(order);
      looked += 1;
    }
  }

  #forget({ id, account, clientOrderId }: ExchangeOrder): void {
    const shelf = this.#shelf(account);
    this.#closed.delete(id);
    this.orders.delete(id);
    shelf.names.delete(clientOrderId);
    shelf.orders.forget();
    for (const execution of this.#executionsByOrder.get(id) ?? []) {
      this.executions.delete(execution);
      shelf.executions.forget();
    }
    this.#executionsByOrder.delete(id);
  }

  #shelf(account: string): Shelf {
    const known = this.#shelves.get(account);
    if (known) return known;
    const orders = new History((id) => this.orders.get(id) !== undefined);
    const executions = new History((id) => this.executions.get(id) !== undefined);
    const shelf: Shelf = { orders, executions, names: new Map() };
    this.#shelves.set(account, shelf);
    return shelf;
  }

  #shelve({ id, account, clientOrderId }: ExchangeOrder): void {
    const shelf = this.#shelf(account);
    shelf.orders.add(id);
    shelf.names.set(clientOrderId, id);
  }

  #shelveExecution({ id, account, orderId }: VenueExecution): void {
    this.#shelf(account).executions.add(id);
    const ofOrder = this.#executionsByOrder.get(orderId);
    if (ofOrder) ofOrder.push(id);
    else this.#executionsByOrder.set(orderId, [id]);
  }

  #sort(order: ExchangeOrder): void {
    if (isOpen(order)) this.#open.set(order.id, order);
    else {
      this.#open.delete(order.id);
      this.#closed.add(order.id);
    }
  }
}
