import type { BatchProcessor, RecordBatch } from '@tradecore/consumers';
import { createErrandWorld, type ErrandWorld } from './errand-world.ts';
import { until } from './world.ts';

const change = (work: BatchProcessor, changes: Partial<BatchProcessor>): BatchProcessor =>
  Object.assign(Object.create(work) as BatchProcessor, changes);

describe('several instances of a process and of the consumers that it asks', () => {
  let world: ErrandWorld;
  beforeEach(async () => {
    world = await createErrandWorld(2);
  });
  afterEach(() => world.drop(), 30_000);

  const open = (count: number) => Promise.all(Array.from({ length: count }, () => world.open()));
  /** Each job: one step, one payment, one end. The database's collation ignores case. */
  const expectEachOnce = async (jobs: readonly string[]): Promise<void> => {
    await world.ended(...jobs);
    const counts = await world.query<{ type: string; n: number }>(
      `select event_type as type, count(*)::int as n from event_store
        where event_type in ('PaymentRequested', 'PursePaid', 'ErrandEnded', 'WalletPaid', 'JobDone') group by 1 order by 1`,
    );
    expect(counts).toEqual(
      ['ErrandEnded', 'JobDone', 'PaymentRequested', 'PursePaid', 'WalletPaid'].map((type) => ({ type, n: jobs.length })),
    );
  };

  it('decide everything once while two owners fight over every partition', async () => {
    const zombie = (name: string) => (work: BatchProcessor) => change(work, { name });
    await Promise.all([world.runErrands(), world.runPurses()]);
    await Promise.all([world.runErrands(zombie('errand-zombie')), world.runPurses({ around: zombie('purse-zombie') })]);
    const jobs: string[] = [];
    for (let n = 0; n < 8; n += 1) jobs.push(...(await open(10)));
    await expectEachOnce(jobs);
  }, 60_000);

  it('decide everything once through a rebalance in the middle of a batch', async () => {
    const entered = Promise.withResolvers<undefined>();
    const release = Promise.withResolvers<undefined>();
    const first = await world.runErrands((work) =>
      change(work, {
        handle: (batch: RecordBatch) =>
          work.handle({
            ...batch,
            moveOffsets: async (tx) => {
              await batch.moveOffsets(tx);
              entered.resolve(undefined);
              await release.promise;
            },
          }),
      }),
    );
    await world.runPurses();
    const jobs = await open(20);
    await entered.promise;
    const second = await world.runErrands();
    await until(
      () => first.subscription.status().consumer?.state,
      (state) => state === 'rebalancing',
      1500,
    ).catch(() => undefined); // kafkajs may report it only after the batch
    release.resolve(undefined);
    jobs.push(...(await open(20)));
    await expectEachOnce(jobs);
    await until(
      () => [first, second].map((each) => each.subscription.status().consumer?.assignment.length ?? 0),
      (shares) => shares.every((share) => share > 0),
      30_000,
    );
    jobs.push(...(await open(5)));
    await expectEachOnce(jobs);
  }, 60_000);
});
