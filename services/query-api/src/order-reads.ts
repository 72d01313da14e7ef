import { Inject, Injectable } from '@nestjs/common';
import { orderById, ordersOfAccount, type OrderFound, type OrderPage, type OrderPageQuery } from '@tradecore/read-models';
import type { Caller } from '@tradecore/service';
import { DataSource } from 'typeorm';
import { Access } from './access.ts';
import type { Asked } from './asked.ts';
import { Reads } from './reads.ts';
import type { OrdersQuery } from '@tradecore/api';

/** Reads orders of the read model that the caller may read. */
@Injectable()
export class OrderReads {
  constructor(
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(Access) private readonly access: Access,
    @Inject(Reads) private readonly reads: Reads,
  ) {}

  /** A page of an account; the caller was admitted before. */
  async page({ cursor, ...filters }: OrdersQuery, asked: Asked): Promise<OrderPage> {
    const limit = this.access.pageOf(filters.limit);
    const query = { ...present(filters), limit, ...(cursor && { after: cursor }) };
    const place = { model: 'orders', id: query.accountId, query: JSON.stringify(query), versionOf: () => 0 } as const;
    return (await this.reads.of(asked, place, () => ordersOfAccount(this.db, query))) ?? { orders: [] };
  }

  /** The order, if the caller may read its account. */
  async find(id: string, asked: Asked): Promise<OrderFound | undefined> {
    const versionOf = ({ order }: OrderFound) => order.version;
    const found = await this.reads.of(asked, { model: 'orders', id, query: 'order', versionOf }, () => orderById(this.db, id));
    if (!found || !(await this.access.may(asked.caller, found.order.accountId))) return undefined;
    await this.access.count(found.order.accountId);
    return found;
  }

  /** Refuses an account that the caller may not read. */
  admit(caller: Caller, accountId: string): Promise<void> {
    return this.access.must(caller, accountId, 'query');
  }
}

/** The query without undefined fields. */
const present = (query: Omit<OrdersQuery, 'cursor'>): OrderPageQuery =>
  Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)) as unknown as OrderPageQuery;
