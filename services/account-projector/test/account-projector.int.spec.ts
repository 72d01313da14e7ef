import { freshId, topics } from '@tradecore/events';
import type { TestKafka } from '@tradecore/messaging/testing';
import { accountById, Accounts, activitiesOfAccount, executionsOfAccount } from '@tradecore/read-models';
import { TestReadModels } from '@tradecore/read-models/testing';
import { eventually, startTestProjector, type TestProjector } from '@tradecore/service/testing';
import { rebuildProjection } from '@tradecore/consumers';
import type { DataSource } from 'typeorm';
import { accountProjector } from '../src/account-projector.ts';

let models: TestReadModels;
let kafka: TestKafka;
let db: DataSource;
let running: TestProjector<TestReadModels>;

beforeAll(async () => {
  running = await startTestProjector(accountProjector, TestReadModels.create({ projected: false }), [topics.accountEvents]);
  ({ models, kafka, db } = running);
}, 30_000);
afterAll(() => running.drop(), 30_000);

const shown = (id: string, version: number) =>
  eventually(async () => {
    const account = await accountById(db, id, [id]);
    return account && account.version >= version ? account : undefined;
  });

/** An account with money, an order that holds some, and two trades of it. */
async function trade(): Promise<string> {
  const accountId = await models.openAccount({ deposit: '10000' });
  const orderId = freshId();
  const terms = { orderId, symbol: 'ACME', side: 'buy' } as const;
  const executedAt = '2026-01-02T03:04:05.123456Z';
  await models.account(accountId, (account) => {
    account.reserve({ ...terms, quantity: '10', unitPrice: '100' });
    account.settle({ ...terms, quantity: '1', price: '99.5', executionId: freshId(), executedAt });
    account.settle({ ...terms, quantity: '2', price: '99', executionId: freshId(), executedAt });
  });
  return accountId;
}

const seen = async (accountId: string) => ({
  account: await accountById(db, accountId, [accountId]),
  ...(await activitiesOfAccount(db, { accountId, limit: 500 })),
  ...(await executionsOfAccount(db, { accountId, limit: 500 })),
});

describe('the account-projector', () => {
  it('shows money, reservations, the ledger and the trades once their events are on the topic', async () => {
    const id = await trade();
    await models.relay(kafka.kafka);
    const account = await shown(id, 5);
    expect(account).toMatchObject({ cash: '9702.37', reserved: '700.35', buyingPower: '9002.02', currency: 'USD' });
    expect(account.reservations).toMatchObject([{ symbol: 'ACME', quantity: '7', amount: '700.35' }]);
    const { activities, executions } = await seen(id);
    expect(activities.map(({ kind }) => kind)).toEqual(['fill', 'fill', 'reservation', 'deposit', 'opened']);
    expect(activities[0]).toMatchObject({ cash: account.cash, reserved: account.reserved, buyingPower: account.buyingPower });
    expect(executions).toMatchObject([
      { quantity: '2', price: '99', notional: '198', fee: '0.09', executedAt: '2026-01-02T03:04:05.123456Z' },
      { quantity: '1', price: '99.5', notional: '99.5', fee: '0.04' },
    ]);
  }, 20_000);

  it('pages go through the ledger, each line once, though more comes meanwhile', async () => {
    const id = await trade();
    await models.relay(kafka.kafka);
    await shown(id, 5);
    const versions: number[] = [];
    let before: number | undefined;
    do {
      const page = await activitiesOfAccount(db, { accountId: id, limit: 2, ...(before !== undefined && { before }) });
      versions.push(...page.activities.map(({ version }) => version));
      before = page.next;
      await models.account(id, (account) => account.deposit('1'));
      await models.relay(kafka.kafka);
    } while (before !== undefined);
    expect(versions).toEqual([5, 4, 3, 2, 1]);
  }, 20_000);

  it('gives the same rows and lines when it is built anew from the store', async () => {
    const id = await trade();
    await models.relay(kafka.kafka);
    await shown(id, 5);
    const before = await seen(id);
    await models.database.dataSource.query(`update account_projector.accounts set owner = 'WRONG', available = 1`);
    await rebuildProjection(Accounts, { dataSource: models.database.dataSource });
    await eventually(async () => ((await accountById(db, id, [id]))?.owner === 'tester' ? true : undefined));
    expect(await seen(id)).toEqual(before);
  }, 30_000);

  it('can’t change a line of the ledger', async () => {
    const own = await models.database.dataSourceFor('account-projector');
    await expect(own.query('update account_projector.activities set available = 0')).rejects.toThrow('permission denied');
    await expect(db.query('select from account_projector.accounts')).rejects.toThrow('permission denied');
  });
});
