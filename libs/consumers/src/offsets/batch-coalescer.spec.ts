import { BatchCoalescer } from './batch-coalescer.ts';

const together = [64, () => 1] as const;

describe('what arrives together', () => {
  it('runs as one, and what arrives meanwhile as the next', async () => {
    const runs: (readonly number[])[] = [];
    const held = Promise.withResolvers<void>();
    const joined = new BatchCoalescer<number>(
      async (items) => {
        runs.push(items);
        if (runs.length === 1) await held.promise;
      },
      ...together,
    );
    const first = [1, 2, 3].map((item) => joined.add(item));
    await new Promise((resolve) => setTimeout(resolve, 5));
    const second = [4, 5].map((item) => joined.add(item));
    held.resolve();
    await Promise.all([...first, ...second]);
    expect(runs).toEqual([
      [1, 2, 3],
      [4, 5],
    ]);
  });

  it('runs one by one when the run of all failed, and only the faulty one fails', async () => {
    const done: number[] = [];
    const joined = new BatchCoalescer<number>(
      async (items) => {
        if (items.includes(2)) throw new Error('two');
        done.push(...items);
      },
      ...together,
    );
    const results = await Promise.allSettled([1, 2, 3].map((item) => joined.add(item)));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(done).toEqual([1, 3]);
  });

  it('is cut to the limit of a run', async () => {
    const runs: number[] = [];
    const joined = new BatchCoalescer<number>(
      async (items) => void runs.push(items.length),
      10,
      (item) => item,
    );
    await Promise.all([5, 5, 11, 1, 2].map((item) => joined.add(item)));
    expect(runs).toEqual([2, 1, 2]);
  });
});
