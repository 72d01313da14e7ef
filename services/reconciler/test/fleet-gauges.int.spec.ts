import { freshId, topics } from '@tradecore/events';
import type { RunningService } from '@tradecore/service';
import { eventually } from '@tradecore/service/testing';
import { openMetricsFaults } from '@tradecore/telemetry/testing';
import { World } from './world.ts';

let world: World;
let service: RunningService;
beforeAll(async () => {
  world = await World.create();
  service = await world.start();
}, 30_000);
afterAll(async () => {
  await service.stop();
  await world.drop();
}, 30_000);

const pageOf = async (): Promise<string> => (await fetch(`${service.adminUrl}/metrics`)).text();
/** The value of a series; NaN until there is one. */
const figure = async (series: string): Promise<number> =>
  Number(
    (await pageOf())
      .split('\n')
      .find((line) => line.startsWith(`${series} `))
      ?.slice(series.length) ?? NaN,
  );
/** Resolves once the series has the value, or fulfils the condition. */
const shows = (series: string, value: number | ((found: number) => boolean)) =>
  eventually(async () => {
    const found = await figure(series);
    return (typeof value === 'number' ? found === value : value(found)) ? true : undefined;
  });

describe('the gauges of the fleet', () => {
  it('show what waits in the outbox, without a relay; and which orders are open, since when', async () => {
    await world.models.flow.place(await world.models.openAccount());
    await shows('tradecore_outbox_events', (events) => events > 1);
    await shows('tradecore_outbox_oldest_age_seconds', (age) => age > 0);
    await shows('tradecore_orders_open{status="pendingNew"}', 1);
    await shows('tradecore_orders_oldest_open_age_seconds{status="pendingNew"}', (age) => age > 0 && age < 60);
    await shows('tradecore_model_staleness_seconds{group="order-projector"}', (age) => age > 0);
    await world.relay();
    await shows('tradecore_outbox_events', 0);
  });

  it('show how far a group is behind and that it is halted, without a process of it', async () => {
    const topic = topics.orderEvents.name;
    await world.sql(
      `insert into order_projector.offsets (topic, partition, next_offset) select $1, n, 0 from generate_series(0, 1) n`,
      [topic],
    );
    await shows('tradecore_consumer_lag_events{group="order-projector"}', (lag) => lag > 0);
    await shows('tradecore_consumer_oldest_unread_seconds{group="order-projector"}', (age) => age > 0 && age < 60);
    await world.sql(`update order_projector.projection set stopped_reason = 'a test'`);
    await shows('tradecore_consumer_halted{group="order-projector"}', 1);
    await world.sql(`update order_projector.projection set stopped_reason = null`);
    for (const [partition, end] of await world.kafka.kafka.endOffsets(topic))
      await world.sql('update order_projector.offsets set next_offset = $1 where partition = $2', [String(end), partition]);
    await shows('tradecore_consumer_halted{group="order-projector"}', 0);
    await shows('tradecore_consumer_lag_events{group="order-projector"}', 0);
    await shows('tradecore_consumer_oldest_unread_seconds{group="order-projector"}', 0);
    expect(await figure('tradecore_consumer_lag_events{group="notifier"}')).toBe(0);
  });

  it('show what is parked, what is held behind it, and which dead letters wait', async () => {
    const saga = freshId();
    for (const reason of ['a test', null, null])
      await world.sql(
        `insert into order_saga.parked_messages (saga_id, target_id, reason, release) values ($1, $1, $2, '1.0.0')`,
        [saga, reason],
      );
    await shows('tradecore_parked{group="order-saga"}', 1);
    await shows('tradecore_held_messages{group="order-saga"}', 2);
    const original = {
      topic: 'transport.order-events',
      partition: 0,
      offset: 7n,
      key: null,
      value: Buffer.from('x'),
      headers: {},
      timestamp: 0,
    };
    await world.kafka.kafka.deadLetter(original, { group: 'order-saga', reason: 'undecodable', attempts: 1 });
    await shows('tradecore_dead_letters_waiting{group="order-saga"}', 1);
    await world.kafka.kafka
      .eventBus()
      .publish(topics.deadLetters.name, { key: 'order-saga/transport.order-events/0/7', value: null });
    await shows('tradecore_dead_letters_waiting{group="order-saga"}', 0);
  });

  it('show the kill switch, of all and of accounts', async () => {
    const event = (scope: string, version: number, type: string) =>
      world.tamper(
        `insert into event_store (event_id, aggregate_id, aggregate_type, aggregate_version, event_type, event_data, "timestamp", metadata, schema_version, position, hash)
         values (gen_random_uuid(), md5($1)::uuid, 'TradingControl', $2, $3, jsonb_build_object('scope', $1::text), clock_timestamp(), '{}', 1, 0, '')`,
        [scope, version, type],
      );
    await event('all', 1, 'TradingHalted');
    await event(freshId(), 1, 'TradingHalted');
    await shows('tradecore_trading_halted', 1);
    await shows('tradecore_trading_halted_accounts', 1);
    await event('all', 2, 'TradingResumed');
    await shows('tradecore_trading_halted', 0);
  });

  it('show the account whose books do not sum to zero, as a finding; then when they were last read', async () => {
    const account = await world.models.openAccount();
    await world.relay();
    await world.tamper(
      `update event_store set event_data = jsonb_set(event_data, '{postings,0,amount}', '"1"') where aggregate_id = $1 and event_type = 'FundsDeposited'`,
      [account],
    );
    await world.finding('store', 'uneven', account);
    await shows('tradecore_ledger_imbalance', 1);
    const readAt = await figure('tradecore_gauges_refreshed_timestamp_seconds{of="fleet"}');
    expect(Date.now() / 1000 - readAt).toBeLessThan(10);
    expect(openMetricsFaults(await pageOf())).toEqual([]);
  });
});
