import { createErrandWorld, type ErrandWorld } from './errand-world.ts';
import type { BatchProcessor } from '../src/offsets/subscription.ts';

describe('the statements of a batch', () => {
  let world: ErrandWorld;
  afterEach(() => world.drop(), 30_000);

  it('are five at most, the offset and the rows of handlers included, however many records it has', async () => {
    world = await createErrandWorld(1);
    world.relay(false);
    const jobs = await Promise.all(Array.from({ length: 50 }, () => world.open()));
    const counts = { saga: [] as number[], commands: [] as number[] };
    const counted = (into: number[]) => (work: BatchProcessor) =>
      Object.assign(Object.create(work) as BatchProcessor, {
        open: () => work.open(),
        handle: async (...[tx, records, isolated]: Parameters<BatchProcessor['handle']>) => {
          let statements = 1; // the offset
          const counting = { query: (sql: string, values?: unknown[]) => ((statements += 1), tx.query(sql, values)) };
          const handled = await work.handle(counting, records, isolated);
          if (records.length > 0) into.push(statements);
          return handled;
        },
      });
    await Promise.all([world.runErrands(counted(counts.saga)), world.runPurses(counted(counts.commands))]);
    world.relay(true);
    await world.ended(...jobs);
    expect(Math.max(...counts.saga)).toBe(5);
    expect(Math.max(...counts.commands)).toBe(5);
  }, 60_000);
});
