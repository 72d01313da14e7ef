import { createEventStore } from '@tradecore/event-sourcing';
import { catalogue, freshId, orderIdFor, type OrderTerms } from '@tradecore/events';
import { runInContext } from '@tradecore/telemetry';
import { Order } from '@tradecore/trading';
import { DataSource } from 'typeorm';

const terms = { symbol: 'ACME', side: 'buy', type: 'market', quantity: '1', timeInForce: 'day' } as const;
const denial = { rule: 'test', detail: 'A test denies it.', figures: {} };

/**
 * A writer beside the API, under its login: saves of several events and several aggregates, denied orders. Runs until
 * `isOver`.
 */
export async function saveInBulk(databaseUrl: string, accountId: string, isOver: () => boolean): Promise<number> {
  const dataSource = await new DataSource({ type: 'postgres', url: databaseUrl, extra: { max: 3 } }).initialize();
  const store = createEventStore({ dataSource, catalogue });
  let saved = 0;
  try {
    while (!isOver()) {
      const orders = ['a', 'b'].map((half) => {
        const named: OrderTerms = { accountId, clientOrderId: `bulk-${saved}-${half}`, ...terms };
        const order = new Order(orderIdFor(accountId, named.clientOrderId ?? ''));
        order.place(named);
        order.deny(denial);
        return order;
      });
      await runInContext({ correlationId: freshId(), account: accountId }, () => store.saveAggregates(orders));
      saved += 1;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  } finally {
    await store.close();
    await dataSource.destroy();
  }
  return saved;
}
