import { freshId, WrittenText } from '@tradecore/events';
import { sampleTerms } from '@tradecore/events/testing';
import type { DataSource } from 'typeorm';
import {
  accountById,
  Accounts,
  accountsOfSubject,
  activitiesOfAccount,
  feedAfter,
  feedHeads,
  isReadableBy,
  orderById,
  orderFrom,
  ordersOfAccount,
  progressOf,
  revocationsSince,
  type OrderCursor,
} from './index.ts';
import { TestReadModels } from './testing.ts';

let models: TestReadModels;
/** Logged in as query-api: these tests see only what it may see. */
let db: DataSource;

beforeAll(async () => {
  models = await TestReadModels.create();
  db = await models.database.dataSourceFor('query-api');
});
afterAll(() => models.drop());

const placeFor = (accountId: string, changes = {}) =>
  models.place({ ...sampleTerms({ accountId, ...changes }), clientOrderId: freshId() });

describe('an order that is read', () => {
  it('equals the fold of its events, including decimals and microseconds', async () => {
    const account = freshId();
    const id = await placeFor(account, { quantity: '1234567890123456789.123456789', limitPrice: '0.000000001' });
    await models.requestCancel(account, id, 'changed my mind');
    const found = await orderById(db, id);
    const folded = orderFrom(await models.store.readEvents(id));
    expect(found).toEqual({ order: await models.store.withTexts(folded), version: 2 });
    expect(found?.order).toMatchObject({
      quantity: '1234567890123456789.123456789',
      status: 'pendingCancel',
      cancelReason: 'changed my mind',
    });
  });

  it('tells how far it is, and why it stays there', async () => {
    const account = freshId();
    const id = await placeFor(account);
    expect(await progressOf(db, 'orders', id)).toEqual({ version: 1 });
    expect(await progressOf(db, 'orders', freshId())).toEqual({ version: 0 });
    await models.database.dataSource.query(
      `update order_projector.checkpoints set parked_version = 2, parked_reason = 'fold-failed: no', parked_at = now() where aggregate_id = $1`,
      [id],
    );
    expect(await progressOf(db, 'orders', id)).toEqual({ version: 1, parked: 'fold-failed: no' });
    expect(await orderById(db, id)).toMatchObject({ version: 1, parked: 'fold-failed: no' });
  });
});

describe('pages of orders', () => {
  it('show each order once, newest first, even with new orders meanwhile', async () => {
    const account = freshId();
    const ids: string[] = [];
    for (let n = 0; n < 7; n += 1) ids.unshift(await placeFor(account));
    await placeFor(freshId());
    const seen: string[] = [];
    let after: OrderCursor | undefined;
    do {
      const page = await ordersOfAccount(db, { accountId: account, limit: 3, ...(after && { after }) });
      seen.push(...page.orders.map(({ order }) => order.orderId));
      after = page.next;
      await placeFor(account);
    } while (after);
    expect(seen).toEqual(ids);
  });

  it('separate orders of the same microsecond by id', async () => {
    const account = freshId();
    const ids = [await placeFor(account), await placeFor(account), await placeFor(account)].sort().reverse();
    await models.database.dataSource.query(
      `update order_projector.orders set created_at = '2026-01-02T03:04:05.000006Z' where account_id = $1`,
      [account],
    );
    const first = await ordersOfAccount(db, { accountId: account, limit: 2 });
    const second = await ordersOfAccount(db, { accountId: account, limit: 2, after: first.next! });
    expect([...first.orders, ...second.orders].map(({ order }) => order.orderId)).toEqual(ids);
    expect(second.next).toBeUndefined();
  });

  it('can be filtered by client order id', async () => {
    const account = freshId();
    const id = await models.place({ ...sampleTerms({ accountId: account }), clientOrderId: 'mine' });
    await placeFor(account);
    const { orders } = await ordersOfAccount(db, { accountId: account, clientOrderId: 'mine', limit: 50 });
    expect(orders.map(({ order }) => order.orderId)).toEqual([id]);
    expect((await ordersOfAccount(db, { accountId: account, clientOrderId: 'other', limit: 50 })).orders).toEqual([]);
  });

  it("are found by the account's index, not by scanning all orders", async () => {
    const account = freshId();
    await models.database.dataSource.query(
      `with filled as (
         insert into order_projector.orders (order_id, account_id, client_order_id, symbol, side, type, quantity, limit_price, stop_price,
                                             time_in_force, status, canceling, filled_quantity, executed_value, revision, revisions,
                                             cancel_reason, version, created_at, updated_at)
         select gen_random_uuid(), gen_random_uuid(), null, 'ACME', 'buy', 'market', 1, null, null, 'day', 'pendingNew', false, 0, 0, 1, '[]',
                null, 1, now(), now()
           from generate_series(1, 20000) returning order_id)
       insert into order_projector.checkpoints (aggregate_id, version, event_id) select order_id, 1, gen_random_uuid() from filled`,
    );
    await models.database.dataSource.query('analyze order_projector.orders, order_projector.checkpoints');
    const plans: string[] = [];
    const explaining = {
      query: async (sql: string, parameters?: unknown[]) => {
        plans.push(JSON.stringify(await models.database.dataSource.query(`explain ${sql}`, parameters)));
        return [];
      },
    };
    await ordersOfAccount(explaining, { accountId: account, limit: 50 });
    expect(plans.join()).toContain('orders_of_account');
    expect(plans.join()).not.toContain('Seq Scan on accounts');
  });
});

describe('the accounts of a subject', () => {
  it('are those it owns and those it was granted access to, found by their indexes', async () => {
    const subject = freshId();
    const owned = await models.openAccount({ owner: subject });
    const granted = await models.openAccount();
    await models.grant(granted, subject);
    await models.database.dataSource.query(
      `with filled as (
         insert into account_projector.accounts (account_id, owner, currency, granted, available, reserved, reservations, version, opened_at,
                                                 updated_at)
         select gen_random_uuid(), gen_random_uuid(), 'USD', array[gen_random_uuid()], 0, 0, '{}', 1, now(), now()
           from generate_series(1, 20000) returning account_id)
       insert into account_projector.checkpoints (aggregate_id, version, event_id) select account_id, 1, gen_random_uuid() from filled`,
    );
    await models.database.dataSource.query('analyze account_projector.accounts, account_projector.checkpoints');
    expect((await accountsOfSubject(db, subject, 10)).toSorted()).toEqual([owned, granted].toSorted());
    expect(await accountsOfSubject(db, freshId(), 10)).toEqual([]);
    const plans: string[] = [];
    const explaining = {
      query: async (sql: string, parameters?: unknown[]) => {
        plans.push(JSON.stringify(await models.database.dataSource.query(`explain ${sql}`, parameters)));
        return [];
      },
    };
    await accountsOfSubject(explaining, subject, 10);
    expect(plans.join()).toContain('accounts_of_owner');
    expect(plans.join()).toContain('accounts_of_granted');
    expect(plans.join()).not.toContain('Seq Scan on accounts');
  });
});

describe('access that was granted', () => {
  it('ends when revoked, even if the model lags or is parked; the revocation is found by its index', async () => {
    const [subject, other] = [freshId(), freshId()];
    const id = await models.openAccount({ owner: freshId() });
    await models.grant(id, subject);
    await models.grant(id, other);
    models.behind.add(Accounts);
    const before = await revocationsSince(db, undefined);
    await models.revoke(id, subject);
    models.behind.clear();
    expect(await isReadableBy(db, subject, id)).toBe(false);
    expect(await accountsOfSubject(db, subject, 10)).toEqual([]);
    expect(await isReadableBy(db, other, id)).toBe(true);
    expect((await revocationsSince(db, before.until)).revoked).toContainEqual({ accountId: id, subject });
    const plan = JSON.stringify(
      await models.database.dataSource.transaction(async (tx) => {
        await tx.query('set local enable_seqscan = off');
        return tx.query(
          `explain select from event_store where event_type = 'AccountAccessRevoked' and timestamp > now() - interval '2 min'`,
        );
      }),
    );
    expect(plan).toContain('Index Scan using event_store_access_revoked');
  });
});

describe("an account's feed", () => {
  it('numbers its changes from 1 without gaps, across its orders, and can be resumed anywhere', async () => {
    const account = freshId();
    const [one, two] = [await placeFor(account), await placeFor(account)];
    await models.requestCancel(account, one);
    const start = (await feedHeads(db, [account])).get(account);
    const whole = await feedAfter(db, account, { epoch: start!.epoch, sequence: 0 }, 100);
    expect(whole.head).toEqual({ epoch: start!.epoch, sequence: 3 });
    expect(whole.entries).toMatchObject([
      { sequence: 1, orderId: one, orderVersion: 1, change: 'orderPlaced', data: { symbol: 'ACME' } },
      { sequence: 2, orderId: two, orderVersion: 1, change: 'orderPlaced' },
      { sequence: 3, orderId: one, orderVersion: 2, change: 'orderCancelRequested', data: {} },
    ]);
    const rest = await feedAfter(db, account, { epoch: start!.epoch, sequence: 1 }, 1);
    expect(rest.entries).toEqual([whole.entries[1]]);
  });

  it('is at 0 in the same epoch for an account without changes', async () => {
    const [busy, quiet] = [freshId(), freshId()];
    await placeFor(busy);
    const heads = await feedHeads(db, [busy, quiet]);
    expect([heads.get(busy)?.sequence, heads.get(quiet)?.sequence]).toEqual([1, 0]);
    expect(heads.get(busy)?.epoch).toBe(heads.get(quiet)?.epoch);
    expect(await feedAfter(db, quiet, heads.get(quiet)!, 10)).toEqual({ head: heads.get(quiet), entries: [] });
  });

  it('reports a new epoch instead of entries that do not match the position', async () => {
    const account = freshId();
    await placeFor(account);
    const { head, entries } = await feedAfter(db, account, { epoch: freshId(), sequence: 0 }, 10);
    expect([head.sequence, entries]).toEqual([1, []]);
    expect((await feedAfter(db, account, { epoch: 'garbage', sequence: 0 }, 10)).entries).toEqual([]);
  });
});

describe('persons and what they wrote', () => {
  it('are shown by subject and as text, and once forgotten by person and not at all', async () => {
    const [id, owner, friend] = [freshId(), await models.person('owner@home'), await models.person('friend@home')];
    await models.account(id, (account) => {
      account.open({ owner, currency: 'USD', name: new WrittenText('Pension of Ada') });
      account.grantAccess(friend);
      account.deposit('5', new WrittenText('from aunt Eve'));
    });
    const shown = async () => {
      const { epoch } = (await feedHeads(db, [id])).get(id)!;
      const { entries } = await feedAfter(db, id, { epoch, sequence: 0 }, 10);
      const { lines } = await activitiesOfAccount(db, { accountId: id, limit: 1 });
      const data = entries.map((entry) => ({ change: entry.change, ...entry.data }));
      return [...data, (await accountById(db, id)) ?? {}, ...lines].map((each) => ({ ...each }) as Record<string, unknown>);
    };
    expect(await shown()).toMatchObject([
      { change: 'accountOpened', owner: 'owner@home', name: 'Pension of Ada' },
      { change: 'accessGranted', subject: 'friend@home' },
      { change: 'deposit', reference: 'from aunt Eve' },
      { owner: 'owner@home', name: 'Pension of Ada' },
      { kind: 'deposit', reference: 'from aunt Eve' },
    ]);
    await models.database.dataSource.query(`delete from people where subject like '%@home'`);
    await models.database.dataSource.query(`delete from texts where text in ('Pension of Ada', 'from aunt Eve')`);
    const left = await shown();
    expect(left).toMatchObject([{ owner }, { subject: friend }, { amount: '5' }, { owner }, { kind: 'deposit' }]);
    expect(left.filter((each) => 'name' in each || 'reference' in each)).toEqual([]);
  });
});

describe('least privilege', () => {
  it.each(['order_projector.orders', 'order_projector.checkpoints', 'feed_projector.feed_entries', 'feed_projector.feeds'])(
    "query-api can't read the table %s, only exported views",
    (table) => expect(db.query(`select * from ${table} limit 1`)).rejects.toThrow('permission denied'),
  );

  it('the feed-projector itself can’t change an entry', async () => {
    const own = await models.database.dataSourceFor('feed-projector');
    await expect(own.query('update feed_projector.feed_entries set sequence = 1')).rejects.toThrow('permission denied');
  });
});
