import type { BatchProcessor, RecordBatch } from '@tradecore/consumers';
import { createErrandWorld, type ErrandWorld } from './errand-world.ts';
import { until } from './world.ts';

describe('the transaction of a batch', () => {
  let world: ErrandWorld;
  afterEach(() => world.drop(), 30_000);

  it('covers all its records; irrelevant records cost none, and their offset is still stored', async () => {
    world = await createErrandWorld(1);
    world.halt(true);
    const jobs = await Promise.all(Array.from({ length: 40 }, () => world.open()));
    const batches = { saga: [] as number[], purses: [] as number[] };
    const counted = (into: number[]) => (processor: BatchProcessor) =>
      Object.assign(Object.create(processor) as BatchProcessor, {
        handle: (batch: RecordBatch) => {
          into.push(batch.records.length);
          return processor.handle(batch);
        },
      });
    const saga = await world.runErrands(counted(batches.saga));
    const { subscription } = await world.runPurses({ around: counted(batches.purses) });
    world.halt(false);
    await world.ended(...jobs);
    const transactions = batches.saga.length;
    expect(batches.saga.reduce((sum, count) => sum + count, 0)).toBe(80);
    expect(Math.max(...batches.saga)).toBeGreaterThan(5);
    // The ends of jobs and of errands are irrelevant to both.
    const stored = async (schema: string) =>
      (await world.query<{ n: string }>(`select sum(next_offset) as n from ${schema}.offsets`))[0]?.n;
    const end = async (...topics: string[]) => {
      const ends = await Promise.all(topics.map((topic) => world.test.kafka.endOffsets(topic)));
      return String(ends.flatMap((each) => [...each.values()]).reduce((sum, each) => sum + each, 0n));
    };
    const { names } = await import('./errands.ts');
    await until(
      async () => [await stored('errand_saga'), await stored('purse_keeper')],
      ([own, others]) => Number(own) >= 120 && Number(others) >= 80,
    );
    expect(batches.saga).toHaveLength(transactions);
    expect(Number(await end(names.jobs, names.purses))).toBeGreaterThanOrEqual(120);
    expect([saga.subscription.status().state, subscription.status().state]).toEqual(['running', 'running']);
  }, 60_000);
});
