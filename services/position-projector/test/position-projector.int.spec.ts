import { freshId, topics } from '@tradecore/events';
import type { TestKafka } from '@tradecore/messaging/testing';
import { Positions, positionsOfAccount } from '@tradecore/read-models';
import { sampleQuote, TestReadModels } from '@tradecore/read-models/testing';
import { startTestProjector, type TestProjector } from '@tradecore/service/testing';
import { rebuildProjection } from '@tradecore/consumers';
import type { DataSource } from 'typeorm';
import { positionProjector } from '../src/position-projector.ts';

let models: TestReadModels;
let kafka: TestKafka;
let db: DataSource;
let running: TestProjector<TestReadModels>;

beforeAll(async () => {
  running = await startTestProjector(positionProjector, TestReadModels.create({ projected: false }), [topics.accountEvents]);
  ({ models, kafka, db } = running);
}, 30_000);
afterAll(() => running.drop(), 30_000);

const executedAt = '2026-01-02T03:04:05.000000Z';
const quote = (symbol: string) => (symbol === 'ACME' ? { ...sampleQuote(), lastPrice: '110', pricedAt: executedAt } : undefined);
const held = (accountId: string) => positionsOfAccount(db, accountId, quote);

/** Waits for what must come; the end of the test's time ends it. */
async function untilHeld(accountId: string, condition: (positions: Awaited<ReturnType<typeof held>>) => boolean) {
  for (;;) {
    const positions = await held(accountId);
    if (condition(positions)) return positions;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const trade = (accountId: string, side: 'buy' | 'sell', symbol: string, [quantity, price]: readonly [string, string]) =>
  models.account(accountId, (account) =>
    account.settle({ orderId: freshId(), executionId: freshId(), symbol, side, quantity, price, executedAt }),
  );

describe('the position-projector', () => {
  it('shows quantity, average cost, realised and unrealised profit of each symbol; without a price no value', async () => {
    const id = await models.openAccount();
    await trade(id, 'buy', 'ACME', ['10', '100']);
    await trade(id, 'buy', 'ACME', ['10', '110']);
    await trade(id, 'sell', 'ACME', ['5', '120']);
    await trade(id, 'buy', 'BRK.B', ['1', '400']);
    await models.relay(kafka.kafka);
    const positions = await untilHeld(id, (all) => all.length === 2 && all[0]?.quantity === '15');
    expect(positions).toMatchObject([
      { symbol: 'ACME', quantity: '15', averageCost: '105.0525', cost: '1575.7875', realised: '74.4375', lastPrice: '110' },
      { symbol: 'BRK.B', quantity: '1', averageCost: '400.2', cost: '400.2', realised: '0' },
    ]);
    expect(positions[0]).toMatchObject({ marketValue: '1650', unrealised: '74.2125' });
    expect(positions[1]).not.toHaveProperty('unrealised');
  }, 20_000);

  it('keeps a position that is closed, with its profit and without a cost', async () => {
    const id = await models.openAccount();
    await trade(id, 'buy', 'ACME', ['2', '100']);
    await trade(id, 'sell', 'ACME', ['2', '101']);
    await models.relay(kafka.kafka);
    const [closed] = await untilHeld(id, ([first]) => first?.quantity === '0');
    expect(closed).toMatchObject({ quantity: '0', cost: '0', realised: '1.8', unrealised: '0' });
    expect(closed).not.toHaveProperty('averageCost');
  }, 20_000);

  it('gives the same rows when it is built anew from the store', async () => {
    const id = await models.openAccount();
    for (const price of ['100', '103', '99.99']) await trade(id, 'buy', 'ACME', ['3', price]);
    await trade(id, 'sell', 'ACME', ['4', '101']);
    await models.relay(kafka.kafka);
    const before = await untilHeld(id, ([first]) => first?.quantity === '5');
    await models.database.dataSource.query('update position_projector.positions_held set quantity = 77');
    await rebuildProjection(Positions, { dataSource: models.database.dataSource });
    expect(await untilHeld(id, ([first]) => first?.quantity !== '77')).toEqual(before);
  }, 30_000);
});
