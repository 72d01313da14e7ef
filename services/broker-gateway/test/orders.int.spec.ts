import { executionIdFor } from '@tradecore/events';
import { startTestService } from '@tradecore/service/testing';
import { brokerGateway } from '../src/broker-gateway.module.ts';
import { revisionTerms, restingTerms, until, World } from './world.ts';

describe('a revision at the brokerage', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.create();
    await world.start();
  }, 60_000);
  afterAll(() => world.close(), 30_000);

  it('is sent once, accepted and filled, each execution under an id derived from the brokerage’s', async () => {
    const id = await world.submit(revisionTerms());
    await world.reaches(id, 'filled');
    const [accepted, executed, ...rest] = await world.events(id);
    expect([accepted?.type, executed?.type, rest]).toEqual(['BrokerOrderAccepted', 'ExecutionReported', []]);
    const data = executed?.data as { executionId: string; brokerageExecutionId: string };
    expect(data).toMatchObject({ quantity: '10', price: '100', symbol: 'ACME', side: 'buy', revision: 1 });
    expect(data.executionId).toBe(executionIdFor('paper', data.brokerageExecutionId));
    expect(executed).toMatchObject({ sagaId: accepted?.sagaId, correlationId: accepted?.correlationId });
    expect((await world.paper.orders()).filter(({ client_order_id }) => client_order_id === id)).toHaveLength(1);
    await until('its row is gone', async () => (await world.rows()).length === 0);
  });

  it('is rejected with the brokerage’s code and reason', async () => {
    const id = await world.submit(restingTerms({ limitPrice: '50.001' }));
    await world.reaches(id, 'rejected');
    expect((await world.events(id)).at(-1)).toMatchObject({ type: 'BrokerOrderRejected', data: { code: expect.any(String) } });
  });

  it('rests, and is cancelled at the brokerage', async () => {
    const terms = restingTerms();
    const id = await world.submit(terms);
    await world.reaches(id, 'working');
    await world.cancel(terms);
    await world.reaches(id, 'canceled');
    expect((await world.events(id)).at(-1)).toMatchObject({ data: { atBrokerage: true, filledQuantity: '0' } });
  });

  it('is replaced by the next revision, which trades the rest', async () => {
    const terms = restingTerms();
    const first = await world.submit(terms);
    await world.reaches(first, 'working');
    const second = await world.replace(terms, { quantity: '20', limitPrice: '120' });
    await world.reaches(first, 'replaced');
    await world.reaches(second, 'filled');
    expect((await world.events(first)).at(-1)).toMatchObject({ data: { by: second, filledQuantity: '0' } });
    expect((await world.brokerOrder(second)).filledQuantity).toBe('20');
  });

  it('is stored once when two gateways share the work and both hear of it', async () => {
    const other = await startTestService(brokerGateway, world.env());
    const ids = await Promise.all(Array.from({ length: 20 }, () => world.submit(revisionTerms())));
    for (const id of ids) await world.reaches(id, 'filled');
    for (const id of ids) {
      expect(await world.story(id)).toEqual(['BrokerOrderAccepted', 'ExecutionReported']);
    }
    await other.stop();
  }, 30_000);
});
