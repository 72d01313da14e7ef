import { setTimeout as sleep } from 'node:timers/promises';
import { createEventStore, PostgresEventStore, type PartToSave, type Saved, type SaveOptions } from '@tradecore/event-sourcing';
import { catalogue } from '@tradecore/events';
import { add, decimal, subtract } from '@tradecore/money';
import { Account } from '@tradecore/trading';
import type { DataSource } from 'typeorm';
import { RunningCommandApi, type Answer } from './running-command-api.ts';
import { Settlements } from './settlements.ts';
import { outcomesOf, requested, UseCases } from './use-cases.ts';
import type { KnownCaller } from '@tradecore/service';

let one: RunningCommandApi;
let other: RunningCommandApi;
let saga: DataSource;
beforeAll(async () => {
  one = await RunningCommandApi.start();
  other = await RunningCommandApi.beside(one.around);
  saga = await one.database.dataSourceFor('order-saga');
});
afterAll(async () => {
  await other?.stopService();
  await one?.stop();
});

/** One client of both processes, with this much money. */
async function client(money: string): Promise<[RunningCommandApi, RunningCommandApi]> {
  const here = await one.newClient();
  await here.deposit(money);
  return [here, other.as(here.account, here.bearerText)];
}

const small = { quantity: '1', limitPrice: '100' };
const place = (api: RunningCommandApi): Promise<Answer> => api.post('/v1/orders', api.terms(small));
const countOf = (answers: readonly Answer[], status: number): number => answers.filter((each) => each.status === status).length;

async function accountOf({ database, account }: RunningCommandApi): Promise<Account> {
  const store = createEventStore({ dataSource: database.dataSource, catalogue });
  return store.loadAggregate(Account, account);
}

describe('one account with many orders', () => {
  it('pays for exactly as many as it has money for; the others are denied with what was needed and available', async () => {
    const [here, there] = await client('5100'); // each takes 100 and a fee of a few cents
    const answers = await Promise.all(Array.from({ length: 100 }, () => [place(here), place(there)]).flat());
    const account = await accountOf(here);
    const placed = account.reservations.length;
    expect([countOf(answers, 201), countOf(answers, 422)]).toEqual([placed, 200 - placed]);
    const perOrder = decimal(account.reservations[0]?.amount ?? '0');
    const left = account.available('currency', 'USD');
    expect(subtract(left, perOrder).startsWith('-')).toBe(true);
    expect(add(left, account.reserved('currency', 'USD'))).toBe('5100');
    for (const { status, body } of answers) {
      if (status !== 422) continue;
      expect(body).toMatchObject({ rule: 'insufficient-funds', figures: { needed: perOrder } });
      expect(subtract(decimal((body['figures'] as { available: string }).available), perOrder).startsWith('-')).toBe(true);
    }
  });

  it('settles under load: no deadlock, nothing refused as busy, and the books balance', async () => {
    const [here, there] = await client('1000000');
    const settlements = new Settlements(saga, here.account);
    const placed: string[] = [];
    let isOver = false;
    const settling = (async () => {
      let settled = 0;
      while (!isOver || settled < placed.length) {
        const next = placed.slice(settled, settled + 20);
        if (next.length === 0) await sleep(2);
        else await settlements.settle(...next.map((orderId) => ({ orderId, words: filled })));
        settled += next.length;
      }
      return settled;
    })();
    const answers: Answer[] = [];
    for (let round = 0; round < 15; round += 1) {
      const now = await Promise.all(Array.from({ length: 8 }, () => [place(here), place(there)]).flat());
      answers.push(...now);
      placed.push(...now.map(({ body }) => body['id'] as string));
    }
    isOver = true;
    expect(await settling).toBe(240);
    expect(countOf(answers, 201)).toBe(240);
    const account = await accountOf(here);
    expect([account.reservations, account.reserved('currency', 'USD')]).toEqual([[], '0']);
    expect(account.available('symbol', 'ACME')).toBe('240');
    await settlements.close();
  }, 60_000);

  it('that another process locks for a second is waited for', async () => {
    const [here] = await client('1000');
    const holder = saga.createQueryRunner();
    await holder.startTransaction();
    await holder.query(
      `select from load_locked(array['${here.account}']::uuid[], array['Account'], array[0], array[null]::uuid[], array[null]::int[], array[]::uuid[], 1, 1000)`,
    );
    const answers = Promise.all([place(here), place(here)]);
    await sleep(1000);
    await holder.rollbackTransaction();
    await holder.release();
    expect((await answers).map(({ status }) => status)).toEqual([201, 201]);
  });
});

const filled = [{ says: 'accepted' }, { says: 'executed', quantity: '1', price: '100' }] as const;

/** A store whose saves block until `open` is called. */
class StalledStore extends PostgresEventStore {
  readonly #gate = Promise.withResolvers<void>();
  stalled = 0;

  open(): void {
    this.#gate.resolve();
  }

  override async savePrepared(parts: readonly PartToSave[], options?: SaveOptions): Promise<Saved> {
    this.stalled += 1;
    await this.#gate.promise;
    return super.savePrepared(parts, options);
  }
}

describe('a kill switch', () => {
  it.each(['all', 'the account'])('of %s that is acknowledged while saves block: nothing is placed after it', async (which) => {
    const [here] = await client('1000');
    const dataSource = await one.database.dataSourceFor('command-api');
    const store = new StalledStore({ dataSource, catalogue });
    const useCases = new UseCases(store);
    const scope = which === 'all' ? 'all' : here.account;
    const operator = await one.bearer([], { role: 'operator' });
    const setSwitch = (trading: string) =>
      one.post('/v1/admin/kill-switch', { scope, trading, reason: 'test' }, { authorization: operator });
    const owner = {
      ...{ subject: 'any', person: 'any', accounts: [here.account], role: 'client', scopes: ['trade'] },
      expiresAt: Infinity,
    } as KnownCaller;
    const terms = here.terms(small) as never;
    const placing = requested(() => useCases.placeOrder.execute({ caller: owner, terms }));
    while (store.stalled === 0) await sleep(5);
    expect((await setSwitch('halted')).status).toBe(200);
    store.open();
    const { outcome, history } = await placing;
    expect([outcome, history[1]?.data]).toMatchObject(['denied', { rule: 'trading-halted' }]);
    expect((await accountOf(here)).reservations).toEqual([]);
    await setSwitch('resumed');
    expect(
      outcomesOf(
        await Promise.allSettled([
          requested(() => useCases.placeOrder.execute({ caller: owner, terms: here.terms(small) as never })),
        ]),
      ),
    ).toEqual(['placed']);
    await store.close();
  });
});
