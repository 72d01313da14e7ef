/**
 * One process of the bench of sagas: `saga`, or `participants`, which answers for accounts, orders and a broker that fills at once. Tells its
 * CPU time and where the time of its batches went when it is asked.
 */
import { createEventStore, type Transaction } from '@tradecore/event-sourcing';
import {
  catalogue,
  executionIdFor,
  OrderChangeAsked,
  ReleaseAsked,
  ReservationAsked,
  SettlementAsked,
  SubmissionAsked,
  topics,
  type RecordedEvent,
} from '@tradecore/events';
import { createKafkaClient } from '@tradecore/messaging';
import { CommandDecider, DecidingBatches, Handles, RunningSaga, Subscription, type BatchProcessor } from '@tradecore/consumers';
import { Account, BrokerOrder, Order, OrderPlacement } from '@tradecore/trading';
import { DataSource } from 'typeorm';

const env = process.env as Record<string, string>;
const kafka = createKafkaClient({
  brokers: (env['KAFKA_BROKERS'] ?? '').split(','),
  clientId: 'bench',
  namespace: env['NAMESPACE'] ?? '',
});

/** Milliseconds by part of a batch, and how many batches and records there were. */
const profile = { batches: 0, records: 0, parts: {} as Record<string, number> };
const spend = (part: string, since: number): void => {
  profile.parts[part] = (profile.parts[part] ?? 0) + performance.now() - since;
};

/** Which of the statements this is. */
const partOf = (sql: string): string => {
  if (sql.includes('load_locked')) return 'PostgreSQL: lock and load';
  if (sql.includes('append_events')) return 'PostgreSQL: append';
  return sql.trimStart().startsWith('select') ? 'PostgreSQL: what is held and heard' : 'PostgreSQL: rows beside';
};

/** Measures the statements of a work's batches; what is left of a batch is deciding, in Node. */
const measured = (work: BatchProcessor): BatchProcessor =>
  Object.assign(Object.create(work) as BatchProcessor, {
    open: () => work.open(),
    handle: async (...[tx, records, careful]: Parameters<BatchProcessor['handle']>) => {
      const started = performance.now();
      let inSql = 0;
      const timed: Transaction = {
        query: async (sql, values) => {
          const since = performance.now();
          const rows = await tx.query(sql, values);
          spend(partOf(sql), since);
          inSql += performance.now() - since;
          return rows;
        },
      };
      const handled = await work.handle(timed, records, careful);
      const handling = performance.now() - started;
      spend('Node: decide, encode, decode', started + inSql);
      profile.batches += 1;
      profile.records += records.length;
      const committed = (seconds: number): void => {
        spend('PostgreSQL: begin, position, commit', performance.now() - (seconds * 1000 - handling));
        handled.committed(seconds);
      };
      return { ...handled, committed };
    },
  });

async function partsFor(service: string) {
  const dataSource = await new DataSource({ type: 'postgres', url: env[service] ?? '' }).initialize();
  return { dataSource, store: createEventStore({ dataSource, catalogue }), catalogue, kafka };
}

class AccountCommands {
  static readonly aggregate = Account;
  reserve(account: Account, { data }: RecordedEvent<ReservationAsked>): void {
    account.reserve(data);
  }
  settle(account: Account, { data }: RecordedEvent<SettlementAsked>): void {
    account.settle(data);
  }
  release(account: Account, { data }: RecordedEvent<ReleaseAsked>): void {
    account.release(data);
  }
}

class OrderCommands {
  static readonly aggregate = Order;
  tell(order: Order, { data }: RecordedEvent<OrderChangeAsked>): void {
    order.tell(data.change);
  }
}

/** A broker that has it, and fills it, at once. */
class BrokerOrderCommands {
  static readonly aggregate = BrokerOrder;
  submit(revision: BrokerOrder, { data }: RecordedEvent<SubmissionAsked>): void {
    const { quantity, symbol, side, target: clientOrderId } = data;
    const { dueAt: _, commandId: __, attempt: ___, target: ____, ...terms } = data;
    const at = new Date().toISOString();
    const order = {
      brokerageOrderId: clientOrderId,
      clientOrderId,
      symbol,
      side,
      brokerageStatus: 'new',
      quantity,
      submittedAt: at,
    };
    revision.submit(terms);
    revision.learn({ ...order, status: 'working', filledQuantity: '0' });
    const executionId = executionIdFor('bench', clientOrderId);
    const execution = {
      executionId,
      brokerageExecutionId: clientOrderId,
      brokerageOrderId: clientOrderId,
      quantity,
      executedAt: at,
    };
    revision.report({ ...execution, price: terms.limitPrice ?? '100' });
    revision.learn({ ...order, status: 'filled', filledQuantity: quantity });
  }
}

// Node runs this file as it is, and knows no decorators.
Handles(ReservationAsked)(AccountCommands.prototype, 'reserve', {});
Handles(SettlementAsked)(AccountCommands.prototype, 'settle', {});
Handles(ReleaseAsked)(AccountCommands.prototype, 'release', {});
Handles(OrderChangeAsked)(OrderCommands.prototype, 'tell', {});
Handles(SubmissionAsked)(BrokerOrderCommands.prototype, 'submit', {});

async function runCommands(name: string, handlers: object[]): Promise<void> {
  const parts = await partsFor(name);
  const decider = new CommandDecider({ name, topics: [topics.orderPlacement.name], handlers, catalogue });
  await new Subscription(measured(new DecidingBatches(decider, parts)), parts).start();
}

if (process.argv[2] === 'saga') {
  const hears = [topics.orderEvents, topics.accountEvents, topics.brokerEvents].map(({ name }) => name);
  const parts = await partsFor('order-saga');
  await new RunningSaga({ ...parts, name: 'order-saga', topics: hears, saga: OrderPlacement, around: measured }).start();
} else {
  await runCommands('command-api', [new AccountCommands(), new OrderCommands()]);
  await runCommands('broker-gateway', [new BrokerOrderCommands()]);
}
process.on('message', () => process.send?.({ cpu: process.cpuUsage(), ...profile }));
process.on('disconnect', () => process.exit());
process.send?.('ready');
