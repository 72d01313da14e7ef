import type { Message } from 'kafkajs';
import { topics } from '@tradecore/events';
import type { IncomingMessage } from '@tradecore/messaging';
import { withKafka } from '@tradecore/messaging/testing';
import { openFleet } from '@tradecore/operate/program';
import type { Fault } from './fault.ts';
import type { WatchedFleet } from './watched-fleet.ts';

/** Refuses rows of a table, as a constraint does that a release forgot. Returns what mends it. */
async function refuseRows(fleet: WatchedFleet, table: string): Promise<() => Promise<unknown>> {
  await fleet.sql(`create function refuse_rows() returns trigger language plpgsql as
    $$ begin raise exception 'a drill refuses it' using errcode = 'check_violation'; end $$`);
  await fleet.sql(`create trigger refuse_rows before insert or update on ${table} for each row execute function refuse_rows()`);
  return () => fleet.sql('drop function refuse_rows cascade');
}

/** Writes a record as no process of the fleet does. */
const write = ({ world }: WatchedFleet, topic: string, message: Message): Promise<void> =>
  withKafka(async (kafka) => {
    const producer = kafka.producer();
    await producer.connect();
    await producer.send({ topic: `${world.namespace}.${topic}`, messages: [message] });
    await producer.disconnect();
  });

/** Writes the newest record of a topic once more, as only the relay may. */
async function writeAgain(fleet: WatchedFleet, topic: string): Promise<void> {
  const { kafka: client, close } = await openFleet({ TRADECORE_HOME: fleet.world.home });
  let newest: IncomingMessage | undefined;
  await client.readTopic(topic, (records) => void (newest = records.at(-1) ?? newest));
  await close();
  if (!newest) throw new Error(`${topic} is empty`);
  const { key, value, headers } = newest;
  await write(fleet, topic, { key, value, headers });
}

/** What stands in tables and topics and should not. */
export const dataFaults: readonly Fault[] = [
  {
    fault: 'a row of a read model is refused',
    alerts: ['AggregateParked'],
    inject: async (fleet) => {
      const mend = await refuseRows(fleet, 'order_projector.orders');
      await fleet.order();
      return async () => {
        await fleet.tradecore('parked', 'list');
        await mend();
        await fleet.act('all', 'parked', 'redrive', '--all');
      };
    },
  },
  {
    fault: "a row of order-saga's is refused",
    alerts: ['CommandParked'],
    inject: async (fleet) => {
      const mend = await refuseRows(fleet, 'order_saga.open_sagas');
      await fleet.order();
      return async () => {
        await fleet.tradecore('parked', 'list');
        await mend();
        await fleet.act('all', 'parked', 'redrive', '--all');
      };
    },
  },
  {
    fault: 'a record on a topic of events that is no event',
    alerts: ['DeadLettersWaiting'],
    inject: async (fleet) => {
      await write(fleet, topics.orderEvents.name, { key: 'drill', value: 'no JSON' });
      return async () => {
        const letters = await fleet.tradecore('dead-letters', 'list');
        const keys = [...letters.matchAll(/\S+\/transport\.order-events\/\d+\/\d+/g)].map(([key]) => key);
        for (const key of new Set(keys)) await fleet.act(key, 'dead-letters', 'drop', key);
        await fleet.acknowledge();
      };
    },
  },
  {
    fault: 'an event is written to its topic a second time',
    alerts: ['DuplicateEffect', 'ReconciliationFindings'],
    lasting: ['DuplicateEffect'],
    inject: async (fleet) => {
      await writeAgain(fleet, topics.orderEvents.name);
      return () => fleet.acknowledge();
    },
  },
  {
    fault: 'a superuser changes a deposit in the store',
    alerts: ['LedgerImbalance', 'ReconciliationFindings'],
    inject: async (fleet) => {
      const setAmount = async (amount: string): Promise<void> => {
        await fleet.sql('alter table event_store disable trigger event_store_append_only');
        await fleet.sql(
          `update event_store set event_data = jsonb_set(event_data, '{postings,0,amount}', to_jsonb($2::text))
            where aggregate_id = $1 and event_type = 'FundsDeposited'`,
          fleet.accounts[5],
          amount,
        );
        await fleet.sql('alter table event_store enable trigger event_store_append_only');
      };
      const [row] = await fleet.sql(
        `select event_data#>>'{postings,0,amount}' as amount from event_store where aggregate_id = $1 and event_type = 'FundsDeposited'`,
        fleet.accounts[5],
      );
      await setAmount('1');
      return async () => {
        await fleet.tradecore('findings', 'list');
        await setAmount(row?.['amount'] ?? '');
      };
    },
  },
  {
    fault: 'a row of a read model is changed by hand',
    alerts: ['ReconciliationFindings'],
    inject: async (fleet) => {
      await fleet.sql(`update order_projector.orders set symbol = 'WRONG' where order_id =
        (select order_id from order_projector.orders where status = 'filled' limit 1)`);
      return async () => {
        await fleet.tradecore('findings', 'list');
        await fleet.act('order-projector', 'projections', 'rebuild', 'order-projector');
      };
    },
  },
  {
    fault: 'the store says that it was moved',
    alerts: ['StoreMoved'],
    inject: async (fleet) => {
      await fleet.sql(`update store_identity set moved_at = clock_timestamp(), moved_from = 'another server'`);
      return () => fleet.act(fleet.world.namespace, 'relay', 'acknowledge-move');
    },
  },
  {
    fault: "the relay's tables are emptied by hand",
    alerts: ['RelayHalted', 'StoreClosed'],
    inject: async (fleet) => {
      const since = new Date(Date.now() - 600_000).toISOString();
      fleet.hang('outbox-relay');
      await fleet.sql('delete from outbox_batch');
      await fleet.sql('select').then(() => process.kill(fleet.world.pidOf('outbox-relay'), 'SIGKILL'));
      return async () => {
        await fleet.tradecore('relay', 'status');
        await fleet.act(fleet.world.namespace, 'relay', 'resume', '--since', since);
      };
    },
  },
];

/** A table is locked while sixty clients ask again and again. Returns what ends both. */
async function locked(
  fleet: WatchedFleet,
  table: string,
  ask: (client: number) => Promise<unknown>,
): Promise<() => Promise<unknown>> {
  const unlock = await fleet.lock(`lock table ${table}`);
  let isOver = false;
  const clients = Array.from({ length: 60 }, async (_, n) => {
    while (!isOver) await ask(n).catch(() => undefined);
  });
  return async () => {
    await fleet.tradecore('doctor');
    await unlock();
    isOver = true;
    await Promise.all(clients);
  };
}

/** What holds the database up. */
export const databaseFaults: readonly Fault[] = [
  {
    fault: 'a forgotten session locks the rows of a read model',
    alerts: ['LoopStuck', 'ConsumerStalled', 'FreshnessBudgetBurn'],
    inject: async (fleet) => {
      const unlock = await fleet.lock('lock table order_projector.orders in exclusive mode');
      await Promise.all(fleet.accounts.map((account) => fleet.order(account)));
      return async () => {
        await fleet.tradecore('doctor');
        await unlock();
      };
    },
  },
  {
    fault: 'a forgotten session locks the event store while clients write',
    alerts: ['DoorErrorBudgetBurn'],
    inject: (fleet) =>
      locked(fleet, 'event_store in exclusive mode', (n) => fleet.order(fleet.accounts[n % fleet.accounts.length])),
  },
  {
    fault: 'a forgotten session locks a read model while clients read',
    alerts: ['PoolExhausted'],
    inject: (fleet) =>
      locked(fleet, 'account_projector.accounts in access exclusive mode', () => fleet.client.account(fleet.accounts[0] ?? '')),
  },
  {
    fault: 'a forgotten session locks what the reconciler reads for the watch',
    alerts: ['WatchBlind'],
    inject: async (fleet) => {
      const unlock = await fleet.lock('lock table order_projector.projection in access exclusive mode');
      return async () => {
        await fleet.tradecore('status');
        await unlock();
      };
    },
  },
  {
    fault: "a forgotten session locks the reconciler's rounds",
    alerts: ['ReconcilerBehind'],
    inject: async (fleet) => {
      const unlock = await fleet.lock('lock table reconciler.checks in exclusive mode');
      return async () => {
        await fleet.tradecore('doctor');
        await unlock();
      };
    },
  },
];
