import { Inject, Injectable } from '@nestjs/common';
import { orderById, ordersOfAccount, type OrderFound, type OrderPage, type OrderPageQuery } from '@tradecore/read-models';
import type { Caller } from '@tradecore/service';
import { DataSource } from 'typeorm';
import { Access } from './access.ts';
import { OrderHistory } from './order-history.ts';
import type { OrdersQuery } from '@tradecore/api';

/** Orders of the read model, scoped to what a caller may read. */
@Injectable()
export class OrderReads {
  constructor(
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(Access) private readonly access: Access,
    @Inject(OrderHistory) private readonly history: OrderHistory,
  ) {}

  /** A page of an account that the caller was admitted to. */
  page({ cursor, ...filters }: OrdersQuery): Promise<OrderPage> {
    const limit = this.access.pageOf(filters.limit);
    return ordersOfAccount(this.db, { ...present(filters), limit, ...(cursor && { after: cursor }) });
  }

  /** The order, among the caller's accounts; one that was opened a moment ago is known by the store alone. */
  async find(id: string, caller: Caller): Promise<OrderFound | undefined> {
    const found = await orderById(this.db, id, await this.access.accountsOf(caller));
    if (found) {
      await this.access.count(found.order.accountId);
      return found;
    }
    const placed = await this.history.placed(id, caller);
    return placed && orderById(this.db, id, [placed.data.accountId]);
  }

  /** Refuses an account that the caller may not read. */
  admit(caller: Caller, accountId: string): Promise<void> {
    return this.access.must(caller, accountId, 'query');
  }
}

/** Without the fields that were not asked for. */
const present = (query: Omit<OrdersQuery, 'cursor'>): OrderPageQuery =>
  Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)) as unknown as OrderPageQuery;
