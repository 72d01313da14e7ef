import { BatchCoalescer } from './batch-coalescer.ts';

const together = [64, () => 1] as const;

describe('items that arrive together', () => {
  it('run as one batch; later arrivals form the next one', async () => {
    const runs: (readonly number[])[] = [];
    const gate = Promise.withResolvers<void>();
    const coalescer = new BatchCoalescer<number, number>(
      async (items) => {
        runs.push(items);
        if (runs.length === 1) await gate.promise;
        return items;
      },
      ...together,
    );
    const first = [1, 2, 3].map((item) => coalescer.add(item));
    await new Promise((resolve) => setTimeout(resolve, 5));
    const second = [4, 5].map((item) => coalescer.add(item));
    gate.resolve();
    await Promise.all([...first, ...second]);
    expect(runs).toEqual([
      [1, 2, 3],
      [4, 5],
    ]);
  });

  it('run one by one when the joint run fails, and only the faulty one fails', async () => {
    const done: number[] = [];
    const coalescer = new BatchCoalescer<number, number>(
      async (items) => {
        if (items.includes(2)) throw new Error('two');
        done.push(...items);
        return items;
      },
      ...together,
    );
    const results = await Promise.allSettled([1, 2, 3].map((item) => coalescer.add(item)));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(done).toEqual([1, 3]);
  });

  it('are split at the limit of a run', async () => {
    const runs: number[] = [];
    const coalescer = new BatchCoalescer<number, number>(
      async (items) => {
        runs.push(items.length);
        return items;
      },
      10,
      (item) => item,
    );
    expect(await Promise.all([5, 5, 11, 1, 2].map((item) => coalescer.add(item)))).toEqual([5, 5, 11, 1, 2]);
    expect(runs).toEqual([2, 1, 2]);
  });
});
