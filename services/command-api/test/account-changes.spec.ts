import {
  Busy,
  ConcurrencyException,
  InMemoryEventStore,
  type AggregateClass,
  type AnyAggregate,
} from '@tradecore/event-sourcing';
import { catalogue, freshId } from '@tradecore/events';
import { currentContext, runInContext } from '@tradecore/telemetry';
import { Account } from '@tradecore/trading';
import { AccountChanges } from '../src/account-changes.ts';
import { MoveFunds } from '../src/move-funds.ts';

const accountId = freshId();
const asked = <T>(ask: () => Promise<T>) => runInContext({ correlationId: freshId(), actor: 'client' }, ask);
const conflict = () => new ConcurrencyException([{ aggregateId: accountId, expected: 1, found: 2 }]);

describe('changes of one account', () => {
  it('go one after the other, those of another beside them; each in the context of who asked', async () => {
    const changes = new AccountChanges();
    const told: string[] = [];
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const change = (id: string, name: string, until = Promise.resolve()) =>
      asked(() =>
        changes.make(id, async () => {
          told.push(`${name} begins`);
          await until;
          told.push(`${name} ends for ${currentContext()?.account === id ? 'its account' : 'nobody'}`);
        }),
      );
    const all = [change(accountId, 'first', gate), change(accountId, 'second'), change(freshId(), 'other')];
    await all[2];
    open();
    await Promise.all(all);
    expect(told).toHaveLength(6);
    expect(told.indexOf('second begins')).toBeGreaterThan(told.indexOf('first ends for its account'));
    expect(told.indexOf('other ends for its account')).toBeLessThan(told.indexOf('first ends for its account'));
  });

  it('that fail are told to who asked; the next one goes on', async () => {
    const changes = new AccountChanges();
    const [failed, next] = [
      asked(() => changes.make(accountId, () => Promise.reject(new Error('a bug')))),
      asked(() => changes.make(accountId, () => Promise.resolve('done'))),
    ];
    await expect(failed).rejects.toThrow('a bug');
    expect(await next).toBe('done');
  });

  it('are decided again while others are faster, and refused as busy when that does not end', async () => {
    const changes = new AccountChanges();
    let attempts = 0;
    const lose = (times: number) => () => {
      attempts += 1;
      return attempts <= times ? Promise.reject(conflict()) : Promise.resolve(attempts);
    };
    expect(await asked(() => changes.make(accountId, lose(4)))).toBe(5);
    attempts = 0;
    await expect(asked(() => changes.make(accountId, lose(Infinity)))).rejects.toThrow(Busy);
    expect(attempts).toBe(20);
  });

  it('have room for 100 that wait: further ones are refused as busy', async () => {
    const changes = new AccountChanges();
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const waiting = Array.from({ length: 100 }, () => asked(() => changes.make(accountId, () => gate)));
    await expect(asked(() => changes.make(accountId, () => gate))).rejects.toThrow(Busy);
    await asked(() => changes.make(freshId(), () => Promise.resolve()));
    open();
    await Promise.all(waiting);
    await asked(() => changes.make(accountId, () => gate));
  });
});

/** A store in which the first load of an account waits while somebody else is at work. */
class HeldStore extends InMemoryEventStore {
  hold: (() => Promise<void>) | undefined;

  override async loadAggregate<A extends AnyAggregate>(type: AggregateClass<A>, id: string): Promise<A> {
    const { hold } = this;
    this.hold = undefined;
    await hold?.();
    return super.loadAggregate(type, id);
  }
}

it('a withdrawal that another process made while this one looked is the same withdrawal, not one too many', async () => {
  const store = new HeldStore(catalogue);
  const account = new Account(accountId);
  account.open({ owner: 'somebody', currency: 'USD' });
  account.deposit('5');
  await asked(() => store.saveAggregate(account));
  const [here, there] = [new MoveFunds(store, new AccountChanges()), new MoveFunds(store, new AccountChanges())];
  const command = { kind: 'withdrawal', accountId, amount: '5', idempotencyKey: 'key' } as const;
  store.hold = async () => void (await asked(() => there.execute(command)));
  expect((await asked(() => here.execute(command))).outcome).toBe('repeated');
});
