import { topics } from '@tradecore/events';
import { proposeCorrection } from '@tradecore/service/testing';
import { revisionTerms, until, World } from './world.ts';

describe('an outcome at the brokerage', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.create();
    await world.start({ BROKER_TRIES: '3', BROKER_PRICE_MS: '600000' });
  }, 60_000);
  afterEach(() => world.reconnect());
  afterAll(() => world.close(), 30_000);

  const silent = () => world.paper.fault({ kind: 'stream-gap', symbol: 'ACME' });

  it('that was lost in transit is looked up, and the order is adopted', async () => {
    await until('a sweep was made', async () => (await world.metric('tradecore_broker_sweep_seconds_count')) > 0);
    await silent();
    await world.paper.fault({ kind: 'timeout-after-accept', symbol: 'ACME' });
    const id = await world.submit(revisionTerms());
    await world.reaches(id, 'filled');
    expect(await world.story(id)).toEqual(['BrokerOutcomeUnknown', 'BrokerOrderAccepted', 'ExecutionReported']);
    expect((await world.events(id))[1]).toMatchObject({ data: { found: true } });
    expect((await world.paper.orders()).filter(({ client_order_id }) => client_order_id === id)).toHaveLength(1);
  }, 30_000);

  it('that the stream has not told is asked for when an operator applies a correction, once', async () => {
    await silent();
    const id = await world.submit(revisionTerms());
    await until('it has traded there', async () =>
      (await world.paper.orders()).some(({ client_order_id, status }) => client_order_id === id && status === 'filled'),
    );
    expect((await world.brokerOrder(id)).filledQuantity).toBe('0');
    const { dataSource } = world.database;
    const correction = await proposeCorrection(dataSource, { kind: 'query', owner: 'broker-gateway', target: id });
    const operator = await world.database.dataSourceFor('operator');
    await operator.query('select operate.apply_correction($1, $2)', [correction, 'it waits for an hour']);
    const topic = topics.corrections.name;
    await dataSource.query(
      'insert into event_outbox select seq + 1000000, event_id, topic, key from event_outbox where topic = $1',
      [topic],
    );
    await world.relay();
    await world.reaches(id, 'filled');
    expect(await world.story(id)).toEqual(['BrokerOrderAccepted', 'ExecutionReported']);
    await operator.destroy();
  }, 30_000);

  it('that nothing proves is reported and counted, and stays unknown until it is proved', async () => {
    await silent();
    await world.paper.fault({ kind: '500-after-accept', symbol: 'ACME' });
    await world.paper.fault({ kind: '500', on: 'read', times: 5 });
    const id = await world.submit(revisionTerms());
    await until('it is unresolved', async () => (await world.brokerOrder(id)).isUnresolved);
    await until('it is counted', async () => (await world.metric('tradecore_broker_orders{state="unresolved"}')) === 1);
    await world.reaches(id, 'filled');
    const story = await world.story(id);
    expect(story.slice(0, 2)).toEqual(['BrokerOutcomeUnknown', 'BrokerOutcomeUnresolved']);
    expect((await world.paper.orders()).filter(({ client_order_id }) => client_order_id === id)).toHaveLength(1);
    await until(
      'it is no longer unresolved',
      async () => (await world.metric('tradecore_broker_orders{state="unresolved"}')) === 0,
    );
  }, 40_000);
});
