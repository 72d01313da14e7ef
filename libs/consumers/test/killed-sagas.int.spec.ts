import { freshId } from '@tradecore/events';
import { Child, killedAt } from './child.ts';
import { createErrandWorld, walletOf, type ErrandWorld } from './errand-world.ts';
import { errandIdFor } from './errands.ts';

type Role = 'errand-saga' | 'purse-keeper';

const children = new Set<Child>();
let isEnded = false;

/** Errands or purses in a process that kills itself. */
function startChild(world: ErrandWorld, role: Role, failpoint: string): Child {
  // After a timeout the test function continues: a process started now would keep Jest from ending.
  if (isEnded) throw new Error('the test has ended');
  const child = new Child('errand-process.ts', {
    DATABASE_URL: world.database.urlFor(role),
    KAFKA_BROKERS: world.test.brokers.join(','),
    NAMESPACE: world.test.namespace,
    GROUP: `${role}-${failpoint.replace(':', '-')}`,
    ROLE: role,
    FAILPOINT: failpoint,
  });
  children.add(child);
  return child;
}

/** In a saga's process the deadlines, which come constantly, pass the same lines; only they are sure to lock. */
const points = {
  'errand-saga': ['after-offsets:2', 'after-lock:2', 'after-append:3', 'after-rows:3', 'after-commit:2'],
  'purse-keeper': ['after-offsets:2', 'after-rows:2', 'after-commit:2'],
};

describe('a process and the consumers that it asks, killed with kill -9', () => {
  let world: ErrandWorld;
  afterEach(async () => {
    isEnded = true;
    for (const child of children) child.kill();
    await world.drop();
  }, 30_000);

  it('decide everything once, wherever they die', async () => {
    world = await createErrandWorld(2);
    const walletId = freshId();
    const jobs: string[] = [];
    let over = false;
    const load = (async () => {
      while (!over) {
        // Every other job is asked again, because its deadline is short.
        jobs.push(await world.open({ walletId }), await world.open({ deadlineMs: 20 }));
        await world.pay();
        await new Promise((resolve) => setTimeout(resolve, 40));
      }
    })();
    const killAll = async (role: Role) =>
      expect(await killedAt(points[role], (point) => startChild(world, role, point))).toEqual(
        points[role].map((point) => [point, 'SIGKILL']),
      );
    // A side that has gone through all its kills runs on here, so that the other still has work to die in.
    const saga = killAll('errand-saga').then(() => world.runErrands());
    const purses = killAll('purse-keeper').then(() => world.runPurses());
    await Promise.all([saga, purses]).finally(() => (over = true));
    await load;
    await world.ended(...jobs);

    const [counts] = await world.query<object>(`select
      (select count(*)::int from event_store where event_type = 'PursePaid') as paid,
      (select count(distinct command_id)::int from purse_keeper.payments) as payments,
      (select count(*)::int from event_store where event_type = 'JobDone') as done,
      (select count(*)::int from event_store where event_type = 'WalletHeld') as held,
      (select count(*)::int from event_store where event_type = 'WalletPaid') as "walletPaid",
      (select count(*)::int from event_store where event_type = 'ErrandEnded') as ended`);
    const { length } = jobs;
    expect(counts).toEqual({ paid: length, payments: length, done: length, held: length, walletPaid: length, ended: length });
    expect(await walletOf(world, walletId)).toMatchObject({ held: 0, paid: length / 2 });
    for (const job of jobs) {
      const attempts = (await world.eventsOf(errandIdFor(job))).flatMap(
        ({ data }) => (data as { attempt?: number }).attempt ?? [],
      );
      expect(attempts).toEqual(attempts.map((_, n) => n + 1));
    }
    expect(await world.query('select * from errand_saga.open_sagas')).toEqual([]);
    const parked = await world.query(
      'select reason from errand_saga.parked_messages union all select reason from purse_keeper.parked_messages',
    );
    expect(parked).toEqual([]);
    expect(await world.deadLetters()).toEqual([]);
  }, 180_000);
});
