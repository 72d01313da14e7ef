import { accountById, Accounts, activitiesOfAccount, executionsOfAccount, readModelMigrations } from '@tradecore/read-models';
import { TestReadModels } from '@tradecore/read-models/testing';
import { projectorService } from '@tradecore/service/projector';
import { eventually, TestProjector } from '@tradecore/service/testing';

let projector: TestProjector<TestReadModels>;

beforeAll(async () => {
  const service = projectorService(Accounts, readModelMigrations);
  projector = await TestProjector.start(service, TestReadModels.create({ projected: false }));
}, 30_000);
afterAll(() => projector.drop(), 30_000);

const shown = (id: string, version: number) =>
  eventually(async () => {
    const account = await accountById(projector.db, id);
    return account && account.version >= version ? account : undefined;
  });

/** An account with money, an order that reserves some, and two trades of it. */
async function trade(): Promise<{ id: string; orderId: string; executionId: string }> {
  const { models } = projector;
  const id = await models.openAccount({ deposit: '10000' });
  const orderId = await models.flow.place(id, { limitPrice: '100' });
  await models.flow.accepted(orderId);
  await models.flow.traded(orderId, '1', '99.5');
  const executionId = await models.flow.traded(orderId, '2', '99');
  await projector.relay();
  return { id, orderId, executionId };
}

const seen = async (accountId: string) => ({
  account: await accountById(projector.db, accountId),
  activities: (await activitiesOfAccount(projector.db, { accountId, limit: 500 })).lines,
  executions: (await executionsOfAccount(projector.db, { accountId, limit: 500 })).lines,
});

describe('the account-projector', () => {
  it('shows money, reservations, the ledger and the trades once their events are on the topic', async () => {
    const { id, orderId } = await trade();
    const account = await shown(id, 5);
    expect(account).toMatchObject({ available: '9002.02', reserved: '700.35', currency: 'USD' });
    expect(Object.values(account.reservations)).toMatchObject([{ orderId, symbol: 'ACME', quantity: '7', amount: '700.35' }]);
    const { activities, executions } = await seen(id);
    expect(activities.map(({ kind }) => kind)).toEqual(['fill', 'fill', 'reservation', 'deposit', 'opened']);
    expect(activities[0]).toMatchObject({ available: account.available, reserved: account.reserved });
    expect(executions).toMatchObject([
      { quantity: '2', price: '99', notional: '198', fee: '0.09', executedAt: '2026-01-02T09:00:00.000000Z' },
      { quantity: '1', price: '99.5', notional: '99.5', fee: '0.04' },
    ]);
  }, 20_000);

  it('shows a trade that was taken back as a reversal, and its money where it was', async () => {
    const { id, orderId, executionId } = await trade();
    const before = await shown(id, 5);
    await projector.models.flow.busted(orderId, executionId);
    await projector.relay();
    const after = await shown(id, 6);
    expect([before.available, after.available]).toEqual(['9002.02', '9000.01']);
    expect(after.reservations[orderId]).toMatchObject({ quantity: '9' });
    const { executions } = await seen(id);
    expect(executions.map(({ kind }) => kind)).toEqual(['reversal', 'fill', 'fill']);
    expect(executions[0]).toMatchObject({ executionId, quantity: '2', price: '99', notional: '198', fee: '0.09' });
  }, 20_000);

  it('pages go through the ledger, each line once, though more comes meanwhile', async () => {
    const { id } = await trade();
    await shown(id, 5);
    const versions: number[] = [];
    let before: number | undefined;
    do {
      const page = await activitiesOfAccount(projector.db, { accountId: id, limit: 2, ...(before !== undefined && { before }) });
      versions.push(...page.lines.map(({ version }) => version));
      before = page.next;
      await projector.models.account(id, (account) => account.deposit('1'));
      await projector.relay();
    } while (before !== undefined);
    expect(versions).toEqual([5, 4, 3, 2, 1]);
  }, 20_000);

  it('gives the same rows and lines when it is built anew from the store', async () => {
    const { id } = await trade();
    await shown(id, 5);
    const before = await seen(id);
    await projector.models.database.dataSource.query(
      `update account_projector.accounts set owner = gen_random_uuid(), available = 1`,
    );
    await projector.models.database.dataSource.query('select account_projector.rebuild()');
    await eventually(async () => ((await accountById(projector.db, id))?.owner === 'tester' ? true : undefined));
    expect(await seen(id)).toEqual(before);
  }, 30_000);

  it('can’t change a line of the ledger', async () => {
    const own = await projector.models.database.dataSourceFor('account-projector');
    await expect(own.query('update account_projector.activities set available = 0')).rejects.toThrow('permission denied');
    await expect(projector.db.query('select from account_projector.accounts')).rejects.toThrow('permission denied');
  });
});
