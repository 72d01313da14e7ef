import { Positions, positionsOfAccount, readModelMigrations } from '@tradecore/read-models';
import { TestReadModels } from '@tradecore/read-models/testing';
import { projectorService } from '@tradecore/service/projector';
import { eventually, TestProjector } from '@tradecore/service/testing';

let projector: TestProjector<TestReadModels>;

beforeAll(async () => {
  const service = projectorService(Positions, readModelMigrations);
  projector = await TestProjector.start(service, TestReadModels.create({ projected: false }));
}, 30_000);
afterAll(() => projector.drop(), 30_000);

type Held = Awaited<ReturnType<typeof positionsOfAccount>>;

const untilHeld = (accountId: string, condition: (positions: Held) => boolean): Promise<Held> =>
  eventually(async () => {
    const positions = await positionsOfAccount(projector.db, accountId);
    return condition(positions) ? positions : undefined;
  });

/** An order that fills at once. Returns the ids of order and execution. */
async function trade(accountId: string, side: 'buy' | 'sell', symbol: string, [quantity, price]: readonly [string, string]) {
  const { flow } = projector.models;
  const orderId = await flow.place(accountId, { side, symbol, quantity, limitPrice: price });
  await flow.accepted(orderId);
  return { orderId, executionId: await flow.traded(orderId, quantity, price) };
}

describe('the position-projector', () => {
  it('shows quantity, cost and realised profit of each symbol', async () => {
    const id = await projector.models.openAccount();
    await trade(id, 'buy', 'ACME', ['10', '100']);
    await trade(id, 'buy', 'ACME', ['10', '110']);
    await trade(id, 'sell', 'ACME', ['5', '120']);
    await trade(id, 'buy', 'BRK.B', ['1', '400']);
    await projector.relay();
    expect(await untilHeld(id, (all) => all.length === 2 && all[0]?.quantity === '15')).toMatchObject([
      { symbol: 'ACME', quantity: '15', costBasis: '1575.7875', realised: '74.4375' },
      { symbol: 'BRK.B', quantity: '1', costBasis: '400.2', realised: '0' },
    ]);
  }, 20_000);

  it('keeps a position that is closed, with its profit and without a cost', async () => {
    const id = await projector.models.openAccount();
    await trade(id, 'buy', 'ACME', ['2', '100']);
    await trade(id, 'sell', 'ACME', ['2', '101']);
    await projector.relay();
    const [closed] = await untilHeld(id, ([first]) => first?.quantity === '0');
    expect(closed).toMatchObject({ quantity: '0', costBasis: '0', realised: '1.8' });
  }, 20_000);

  it('is as before a trade once the brokerage has taken it back', async () => {
    const id = await projector.models.openAccount();
    await trade(id, 'buy', 'ACME', ['10', '100']);
    const { orderId, executionId } = await trade(id, 'buy', 'ACME', ['5', '110']);
    await projector.models.flow.busted(orderId, executionId);
    await projector.relay();
    const [held] = await untilHeld(id, ([first]) => first?.quantity === '10');
    expect(held).toMatchObject({ quantity: '10', costBasis: '1000.5', realised: '0' });
  }, 20_000);

  it('gives the same rows when it is built anew from the store', async () => {
    const id = await projector.models.openAccount();
    for (const price of ['100', '103', '99.99']) await trade(id, 'buy', 'ACME', ['3', price]);
    await trade(id, 'sell', 'ACME', ['4', '101']);
    await projector.relay();
    const before = await untilHeld(id, ([first]) => first?.quantity === '5');
    const { dataSource } = projector.models.database;
    await dataSource.query('update position_projector.positions_held set quantity = 77');
    await dataSource.query('select position_projector.rebuild()');
    expect(await untilHeld(id, ([first]) => first?.quantity !== '77')).toEqual(before);
  }, 30_000);
});
