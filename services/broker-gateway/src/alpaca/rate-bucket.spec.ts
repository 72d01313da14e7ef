import { RateBucket, RateExceeded } from './rate-bucket.ts';

describe('a rate bucket of 600 calls a minute', () => {
  it('lets a tenth of them go at once, then one each 100 ms, in turn', async () => {
    const bucket = new RateBucket(600, 1_000);
    await Promise.all(Array.from({ length: 60 }, () => bucket.take()));
    const begun = performance.now();
    const order: number[] = [];
    await Promise.all([1, 2, 3].map(async (n) => bucket.take().then(() => order.push(n))));
    expect(order).toEqual([1, 2, 3]);
    expect(performance.now() - begun).toBeGreaterThan(200);
  });

  it('says how long to wait where that is longer than a call may, and takes nothing for it', async () => {
    const bucket = new RateBucket(600, 50);
    bucket.pause(500);
    const refusals = await Promise.all([1, 2].map(() => bucket.take().catch((error: unknown) => error)));
    for (const refusal of refusals) {
      expect(refusal).toBeInstanceOf(RateExceeded);
      expect((refusal as RateExceeded).retryAfterMs).toBeLessThanOrEqual(500);
      expect((refusal as RateExceeded).retryAfterMs).toBeGreaterThan(300);
    }
  });
});
