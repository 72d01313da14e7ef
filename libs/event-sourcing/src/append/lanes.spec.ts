import { Lanes } from './lanes.ts';

describe('lanes', () => {
  it('refuse new work while they close, and tell every closer when the last work is done', async () => {
    const lanes = new Lanes(1);
    const work = Promise.withResolvers<string>();
    const running = lanes.run(() => work.promise, 0);
    let closed = 0;
    const closers = [lanes.close(), lanes.close()].map((closing) => closing.then(() => (closed += 1)));
    await expect(lanes.run(() => Promise.resolve(), 0)).rejects.toThrow('closing');
    expect(closed).toBe(0);
    work.resolve('done');
    expect(await running).toBe('done');
    await Promise.all([...closers, lanes.close()]);
    expect(closed).toBe(2);
  }, 2_000);
});
