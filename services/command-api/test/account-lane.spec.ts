import { Busy, InMemoryEventStore, type PartToSave, type Saved, type SaveOptions } from '@tradecore/event-sourcing';
import { catalogue, freshId, orderIdFor, orderIdForKey, tradingControlIdFor, WrittenText } from '@tradecore/events';
import { sampleTerms } from '@tradecore/events/testing';
import { Account, Order, TradingControl } from '@tradecore/trading';
import { AccountLanes } from '../src/account-lane/account-lanes.ts';
import type { AccountRequest } from '../src/account-lane/account-request.ts';
import { caller, outcomesOf, requested, UseCases } from './use-cases.ts';

/** A store in which another writer may be faster: `meanwhile` runs once, between a decision and its save. */
class SharedStore extends InMemoryEventStore {
  readonly saves: PartToSave[][] = [];
  meanwhile: (() => Promise<unknown>) | undefined;
  /** This save and later ones wait for it. */
  gate: Promise<void> | undefined;
  lockedDecisions = 0;

  override async savePrepared(parts: readonly PartToSave[], options?: SaveOptions): Promise<Saved> {
    const { meanwhile } = this;
    this.meanwhile = undefined;
    await this.gate;
    await meanwhile?.();
    this.saves.push([...parts]);
    return super.savePrepared(parts, options);
  }

  override decideLocked(...parameters: Parameters<InMemoryEventStore['decideLocked']>): Promise<Saved> {
    this.lockedDecisions += 1;
    return super.decideLocked(...parameters);
  }
}

const settled = <T>(requests: readonly Promise<T>[]) => Promise.allSettled(requests);

/** One process, its account, and another process on the same store. */
async function world(money = '0') {
  const store = new SharedStore(catalogue);
  const [here, there] = [new UseCases(store), new UseCases(store)];
  const accountId = await here.openAccount(money);
  store.saves.length = 0;
  return { store, here, there, accountId };
}

const eventTypes = async (store: InMemoryEventStore, id: string) => (await store.readEvents(id)).map(({ type }) => type);

describe('requests of one account', () => {
  it('that wait are stored together, up to 100 events per save, each under the name of its caller', async () => {
    const { store, here, accountId } = await world('1000000');
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    store.gate = gate;
    const names = Array.from({ length: 60 }, (_, number) => `order-${number}`);
    const all = settled(names.map((clientOrderId) => here.place(accountId, { clientOrderId })));
    open();
    expect(new Set(outcomesOf(await all))).toEqual(new Set(['placed']));
    const counts = store.saves.map((parts) => parts.reduce((sum, { events }) => sum + events.length, 0));
    expect(counts).toEqual([4, 100, 100, 36]);
    const account = (await store.readEvents(accountId)).slice(2);
    for (const [index, name] of names.entries()) {
      const [placed, approved] = await store.readEvents(orderIdFor(accountId, name));
      const reserved = account[index];
      expect([placed?.metadata.actor, approved?.metadata.actor, reserved?.metadata.actor]).toEqual([name, name, name]);
      expect(new Set([placed, approved, reserved].map((each) => each?.correlationId)).size).toBe(1);
      expect(approved?.data).toMatchObject({ accountVersion: reserved?.aggregateVersion });
    }
  });

  it('get the available money in their order; the others are denied with the figures', async () => {
    const { here, accountId } = await world('5100');
    const results = await settled(Array.from({ length: 50 }, () => here.place(accountId)));
    expect(outcomesOf(results)).toEqual([...Array<string>(5).fill('placed'), ...Array<string>(45).fill('denied')]);
    const last = results.at(-1);
    const denial = last?.status === 'fulfilled' ? last.value.history[1] : undefined;
    expect(denial).toMatchObject({
      type: 'OrderDenied',
      data: { rule: 'insufficient-funds', figures: { needed: expect.any(String) } },
    });
  });

  it('see every kind of change queued before them', async () => {
    const { store, here, accountId } = await world();
    const withdraw = (amount: string) =>
      requested(() =>
        here.moveFunds.execute({ kind: 'withdrawal', accountId, amount, person: 'client', idempotencyKey: amount }),
      );
    const requests: readonly Promise<{ readonly outcome: string }>[] = [
      here.deposit(accountId, '1'),
      here.deposit(accountId, '2100'),
      withdraw('1000'),
      withdraw('1200'),
      here.place(accountId),
      here.place(accountId),
    ];
    const results = await settled(requests);
    expect(outcomesOf(results)).toEqual(['moved', 'moved', 'moved', 'insufficient-funds', 'placed', 'denied']);
    expect(store.saves).toHaveLength(2);
  });

  it('that fail are answered with their own error; one that had changed the account leaves nothing', async () => {
    const { store, here, accountId } = await world();
    const broken: AccountRequest<never> = {
      accountId,
      maxEvents: 1,
      decide: ({ account }) => {
        account.deposit('99');
        throw new Error('a bug');
      },
    };
    const results = await settled<unknown>([
      here.deposit(accountId, '1'),
      here.deposit(accountId, '2'),
      requested(() => here.lanes.submit(broken)),
      here.deposit(accountId, '3'),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    expect((await store.loadAggregate(Account, accountId)).available('currency', 'USD')).toBe('6');
  });

  it('fail together when the store can not be read: it is not asked again for each of them', async () => {
    const { store, here, accountId } = await world();
    let reads = 0;
    store.loadMany = () => {
      reads += 1;
      return Promise.reject(new Error('connect ECONNREFUSED'));
    };
    const results = await settled(Array.from({ length: 9 }, () => here.deposit(accountId, '1')));
    expect(new Set(results.map(({ status }) => status))).toEqual(new Set(['rejected']));
    expect(reads).toBe(2); // the first alone, then those that arrived meanwhile
  });

  it('have room for 1,000 that wait; other accounts continue', async () => {
    const { store, here, accountId } = await world();
    const other = await here.openAccount();
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    store.gate = gate;
    const waiting = Array.from({ length: 1001 }, () => here.deposit(accountId, '1'));
    await expect(here.deposit(accountId, '1')).rejects.toThrow(Busy);
    store.gate = undefined;
    await here.deposit(other, '1');
    open();
    await Promise.all(waiting);
  }, 30_000);

  it('need a context', () => {
    const lanes = new AccountLanes(new SharedStore(catalogue));
    const request = { accountId: freshId(), maxEvents: 1, decide: () => ({ answer: () => undefined }) };
    expect(() => lanes.submit(request)).toThrow(TypeError);
  });
});

describe('when another writer is faster', () => {
  it('on the account, all is decided again under its lock: the same orders, nothing spent twice', async () => {
    const { store, here, there, accountId } = await world('1100');
    store.meanwhile = () => there.deposit(accountId, '1');
    const result = await here.place(accountId, { clientOrderId: 'mine' });
    expect(result.outcome).toBe('placed');
    expect(store.lockedDecisions).toBe(1);
    expect(await eventTypes(store, orderIdFor(accountId, 'mine'))).toEqual(['OrderPlaced', 'OrderApproved']);
  });

  it('and takes the money, the order is denied by what is left', async () => {
    const { store, here, there, accountId } = await world('1100');
    store.meanwhile = () => there.place(accountId);
    expect((await here.place(accountId)).outcome).toBe('denied');
    expect((await store.loadAggregate(Account, accountId)).reservations).toHaveLength(1);
  });

  it('and takes the name, the order is a repeat; the others are decided without it', async () => {
    const { store, here, there, accountId } = await world('1100');
    store.meanwhile = () => there.place(accountId, { clientOrderId: 'same' });
    const first = here.deposit(accountId, '1'); // its save gives the other process time
    const all = settled([here.place(accountId, { clientOrderId: 'same' }), here.place(accountId)]);
    await first;
    expect(outcomesOf(await all)).toEqual(['repeated', 'denied']);
  });

  it('and takes the name between decision and save, also with other terms', async () => {
    const { store, here, there, accountId } = await world('100000');
    store.meanwhile = () => there.place(accountId, { clientOrderId: 'same' });
    expect((await here.place(accountId, { clientOrderId: 'same' })).outcome).toBe('repeated');
    store.meanwhile = () => there.place(accountId, { clientOrderId: 'other', quantity: '1' });
    await expect(here.place(accountId, { clientOrderId: 'other' })).rejects.toMatchObject({ code: 'order-already-placed' });
  });

  it('and stores the order under other event ids, it is a repeat as well', async () => {
    const { store, here, accountId } = await world('100000');
    const terms = { ...sampleTerms({ accountId, clientOrderId: 'same' }), limitPrice: '100' };
    const order = new Order(orderIdFor(accountId, 'same'));
    order.place(terms);
    store.meanwhile = () => requested(() => store.saveAggregate(order));
    expect((await here.place(accountId, terms)).outcome).toBe('repeated');
    expect((await store.loadAggregate(Account, accountId)).reservations).toEqual([]);
  });

  it('on the account and the name at once, the repeat takes no money from the order after it', async () => {
    const { store, here, there, accountId } = await world('2100');
    store.meanwhile = async () => {
      await there.place(accountId, { clientOrderId: 'same' });
      await there.deposit(accountId, '1');
    };
    const results = await settled([
      here.place(accountId, { clientOrderId: 'same' }),
      here.place(accountId, { clientOrderId: 'new' }),
      here.place(accountId, { clientOrderId: 'too-much' }),
    ]);
    expect(outcomesOf(results)).toEqual(['repeated', 'placed', 'denied']);
  });

  it('with the key under another name, the order is refused and nothing is stored', async () => {
    const { store, here, there, accountId } = await world('100000');
    const key = { idempotencyKey: 'key' };
    store.meanwhile = () => there.place(accountId, { clientOrderId: 'theirs' }, key);
    await expect(here.place(accountId, { clientOrderId: 'mine' }, key)).rejects.toMatchObject({
      code: 'idempotency-key-reused',
      details: { differingFields: ['clientOrderId'] },
    });
    expect(await store.readEvents(orderIdFor(accountId, 'mine'))).toEqual([]);
    expect(await store.readEvents(orderIdForKey(accountId, 'key'))).toEqual([]);
  });

  it('with a kill switch, the order is denied', async () => {
    const { store, here, accountId } = await world('100000');
    for (const scope of ['all', accountId]) {
      const control = await store.loadAggregate(TradingControl, tradingControlIdFor(scope));
      control.halt(scope, new WrittenText('test'));
      store.meanwhile = () => requested(() => store.saveAggregate(control));
      const { outcome, history } = await here.place(accountId);
      expect([outcome, history[1]?.data]).toMatchObject(['denied', { rule: 'trading-halted' }]);
      control.resume(scope, new WrittenText('over'));
      await requested(() => store.saveAggregate(control));
    }
  });

  it('with the same withdrawal, it is one withdrawal', async () => {
    const { store, here, there, accountId } = await world('5');
    const command = { kind: 'withdrawal', accountId, amount: '5', person: 'client', idempotencyKey: 'key' } as const;
    store.meanwhile = () => requested(() => there.moveFunds.execute(command));
    expect((await requested(() => here.moveFunds.execute(command))).outcome).toBe('repeated');
  });
});

describe('one request, sent many times at once', () => {
  it('is one order, whichever process is asked', async () => {
    const { store, here, there, accountId } = await world('100000');
    const terms = { clientOrderId: 'race' };
    const results = await settled([1, 2, 3].flatMap(() => [here.place(accountId, terms), there.place(accountId, terms)]));
    expect(outcomesOf(results).sort()).toEqual(['placed', ...Array<string>(5).fill('repeated')]);
    expect(await store.readEvents(orderIdFor(accountId, 'race'))).toHaveLength(2);
  });

  it('is one cancel: with one key all get the same answer, without a key only one succeeds', async () => {
    const { here, there, accountId } = await world('100000');
    for (const key of [{ idempotencyKey: 'key' }, {}] as readonly { readonly idempotencyKey?: string }[]) {
      const { history } = await here.place(accountId);
      const command = { orderId: history[0]?.aggregateId ?? '', caller, ...key };
      const results = await settled([here, there, here].map((each) => requested(() => each.requestCancel.execute(command))));
      const heard = results.map((each) =>
        each.status === 'fulfilled' ? each.value.length : (each.reason as { code: string }).code,
      );
      expect(heard).toEqual('idempotencyKey' in key ? [3, 3, 3] : [3, 'cancel-already-requested', 'cancel-already-requested']);
    }
  });
});
