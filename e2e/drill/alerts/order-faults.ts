import type { Fault } from './fault.ts';
import type { WatchedFleet } from './watched-fleet.ts';

const terms = { symbol: 'ACME', side: 'buy', type: 'market', timeInForce: 'day', quantity: '1' } as const;

/** An order whose step the gateway has not taken, because it hangs. */
async function orderWithoutGateway(fleet: WatchedFleet): Promise<void> {
  fleet.hang('broker-gateway');
  await fleet.order();
  const isWaiting = async (): Promise<boolean> =>
    (await fleet.sql('select from order_saga.open_sagas where due_at is not null')).length > 0;
  await fleet.world.until('the saga to wait for the gateway', isWaiting);
}

/** The next deadline is now: in production they come after 30 s, a minute, two, four and eight. */
const deadlinesNow = (fleet: WatchedFleet): Promise<unknown> =>
  fleet.sql(`update order_saga.open_sagas set due_at = clock_timestamp() - interval '5 s' where due_at is not null`);

/** A trade of an account that can be taken back. */
async function filledOrder(fleet: WatchedFleet): Promise<string> {
  const { id } = await fleet.client.place(fleet.accounts[1] ?? '', terms, 10);
  const { revisions } = await fleet.client.orderWhen(id, ({ status }) => status === 'filled');
  return revisions[0]?.brokerOrderId ?? '';
}

/** Orders that stand still, and a brokerage that is away or surprises. */
export const orderFaults: readonly Fault[] = [
  {
    fault: 'a forgotten session locks the heads of the streams; deadlines pass',
    alerts: ['DeadlinesLate'],
    inject: async (fleet) => {
      await orderWithoutGateway(fleet);
      const unlock = await fleet.lock('select from stream_heads for update');
      await deadlinesNow(fleet);
      return async () => {
        await fleet.tradecore('doctor');
        await unlock();
        await fleet.kill('broker-gateway');
      };
    },
  },
  {
    fault: 'the brokerage does not answer, with orders on their way',
    alerts: ['BrokerAway', 'MarketFeedBehind', 'MarketDataStale', 'BrokerOutcomeUnknown', 'BrokerOutcomeUnresolved', 'SagaStuck'],
    inject: async (fleet) => {
      fleet.hang('paper-broker');
      await Promise.all(fleet.accounts.slice(0, 4).map((account) => fleet.order(account)));
      return async () => {
        await fleet.tradecore('orders', 'unknown');
        await fleet.tradecore('orders', 'stuck');
        process.kill(fleet.world.pidOf('paper-broker'), 'SIGCONT');
      };
    },
  },
  {
    fault: 'a person trades directly at the brokerage',
    alerts: ['ForeignOrder', 'ReconciliationFindings'],
    lasting: ['ForeignOrder'],
    inject: async (fleet) => {
      const order = { symbol: 'KO', qty: '1', side: 'buy', type: 'market', time_in_force: 'day' };
      await fleet.world.paper().ask('POST', '/v2/orders', order);
      return async () => {
        await fleet.tradecore('orders', 'foreign');
        await fleet.acknowledge();
      };
    },
  },
  {
    fault: 'the brokerage takes a trade back, and trades more than was ordered',
    alerts: ['ExecutionBusted', 'OrderOverfilled'],
    lasting: ['ExecutionBusted', 'OrderOverfilled'],
    inject: async (fleet) => {
      await fleet.world.paper().bust(await filledOrder(fleet));
      await fleet.world.paper().fault({ kind: 'overfill', symbol: 'ACME' });
      await fleet.order(fleet.accounts[2]);
      return () => fleet.tradecore('orders', 'corrected');
    },
  },
];
