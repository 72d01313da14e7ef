/**
 * Loading an account of 10 events and of 10,000, from its snapshot and later events, and by replaying all of them.
 * Accounts whose last snapshots are differently old are loaded in turn. `npm run bench -- snapshot`
 */
import { createEventStore, type PostgresEventStore } from '@tradecore/event-sourcing';
import { createTestDatabase } from '@tradecore/event-sourcing/testing';
import { catalogue, freshId, type AccountEvent } from '@tradecore/events';
import { Account } from '@tradecore/trading';
import { machine, percentile, writeResults } from './harness.ts';

const rounds = Number(process.argv[2] ?? 400);
const many = 10_000;
/** Number of events after the last snapshot: on average half of `Account.snapshots.every`. */
const behind = [0, 12, 25, 37, 49];

/** The same account without snapshots. */
class Replayed extends Account {
  static override readonly snapshots = undefined as never;
}

/** The saga's events, beside those of the APIs. */
const book = (account: Account, event: AccountEvent | undefined): void => {
  if (event) (account as unknown as { apply(event: AccountEvent): void }).apply(event);
};

/**
 * One order's share of a history: reserved, filled in three parts, the reservation used up; every fifth stays open for
 * a while and is released.
 */
function trade(account: Account, turn: number): void {
  const orderId = freshId();
  const order = { orderId, symbol: `SYM${turn % 10}`, side: 'buy' as const };
  const reserved = (shares: number) => ({ ...order, quantity: String(shares), unitPrice: '101.5', amount: String(shares * 102) });
  account.reserve(reserved(30));
  const parts = turn % 5 === 0 ? 2 : 3;
  for (let part = 1; part <= parts; part += 1) {
    const fill = { ...order, executionId: freshId(), quantity: '10', price: '101.25', executedAt: '2026-11-23T09:00:00Z' };
    book(account, account.settling(fill, part === 3 ? undefined : reserved(30 - 10 * part)));
  }
  if (parts === 2) book(account, account.reserving(orderId, undefined));
}

/** Saves an account with that many events; its last snapshot is at `snapshotAt`. */
async function makeAccount(store: PostgresEventStore, events: number, snapshotAt: number): Promise<string> {
  const account = new Account(freshId());
  account.open({ owner: 'bench', currency: 'USD' });
  account.deposit('1000000000');
  for (let turn = 0; account.version < events; turn += 1) {
    const planned = account.version < snapshotAt ? Math.min(snapshotAt, account.version + 96) : events;
    while (account.version < planned && account.uncommittedEvents.length < 96) {
      if (planned - account.version < 4) account.deposit('1');
      else trade(account, turn);
    }
    // Saved with the other class up to the last snapshot, so that the bench chooses its version.
    if (account.version !== snapshotAt) Object.setPrototypeOf(account, Replayed.prototype);
    await store.saveAggregate(account);
    Object.setPrototypeOf(account, Account.prototype);
  }
  return account.id;
}

type Contestant = readonly [name: string, load: () => Promise<Account>, events: number];

/**
 * Time of each load in milliseconds, by variant; the first 20 rounds warm up. Replaying everything is slow: a twentieth
 * of the rounds is enough.
 */
async function measure(contestants: readonly Contestant[]): Promise<number[][]> {
  const waits = contestants.map((): number[] => []);
  for (let round = -20; round < rounds; round += 1) {
    for (const [index, [name, load, events]] of contestants.entries()) {
      if (index === contestants.length - 1 && round % 20 !== 0) continue;
      const start = performance.now();
      const { version } = await load();
      if (round >= 0) waits[index]?.push(performance.now() - start);
      if (version !== events) throw new Error(`${name}: version ${version}`);
    }
  }
  return waits;
}

const database = await createTestDatabase();
try {
  const store = createEventStore({ dataSource: database.dataSource, catalogue });
  const short = await makeAccount(store, 10, 0);
  const long: [number, string][] = [];
  for (const after of behind) long.push([after, await makeAccount(store, many, many - after)]);
  await database.dataSource.query('vacuum analyze');

  const [, first] = long[0] as [number, string];
  const contestants: Contestant[] = [
    ['10 events', () => store.loadAggregate(Account, short), 10],
    ...long.map(([after, id]): Contestant => [
      `${many} events, snapshot ${after} behind`,
      () => store.loadAggregate(Account, id),
      many,
    ]),
    [`${many} events, all replayed`, () => store.loadAggregate(Replayed, first), many],
  ];
  const waits = await measure(contestants);
  const p50 = waits.map((each) => percentile(each, 0.5));
  const fromSnapshots = percentile(waits.slice(1, -1).flat(), 0.5);
  const ratio = fromSnapshots / (p50[0] as number);
  const worst = (p50.at(-2) as number) / (p50[0] as number);
  await store.close();
  writeResults({
    name: 'snapshot',
    method: `One account loaded after the other, ${rounds} times each in turn, one caller. A snapshot every ${Account.snapshots.every} events.`,
    machine: await machine(database.url),
    rows: contestants.map(([account], index) => ({
      account,
      'p50, ms': (p50[index] as number).toFixed(2),
      'p99, ms': percentile(waits[index] as number[], 0.99).toFixed(2),
    })),
    targets: [
      {
        target: `loading ${many} events <= 2 x loading 10 (p50, all distances of the snapshot alike)`,
        found: `${ratio.toFixed(2)} x`,
        reached: ratio <= 2,
      },
      {
        target: 'the same where the snapshot is as far behind as it can be',
        found: `${worst.toFixed(2)} x`,
        reached: worst <= 2,
      },
    ],
  });
} finally {
  await database.drop();
}
