import { jest } from '@jest/globals';
import { Health } from './health.ts';

const stateOf = async (health: Health, name: string) => (await health.report()).checks.find((each) => each.name === name);

describe('readiness', () => {
  afterEach(() => jest.restoreAllMocks());

  it('names each check with its state and since when', async () => {
    const health = new Health();
    let ok = true;
    health.add({ name: 'assignment', check: () => ({ ok, state: ok ? '6 partitions' : 'none' }) });
    const first = await stateOf(health, 'assignment');
    expect(first).toEqual({ name: 'assignment', ok: true, state: '6 partitions', since: expect.stringMatching(/Z$/) });
    expect((await stateOf(health, 'assignment'))?.since).toBe(first?.since);
    ok = false;
    expect(await health.report()).toMatchObject({ ready: false, checks: [{ ok: false, state: 'none' }] });
  });

  it('treats a check that throws as not ok, with its reason', async () => {
    const health = new Health();
    health.add({ name: 'schema', check: () => Promise.reject(new Error('connection refused')) });
    expect(await stateOf(health, 'schema')).toMatchObject({ ok: false, state: 'connection refused' });
  });

  it('treats a check that does not answer as not ok', async () => {
    const health = new Health();
    health.add({ name: 'stuck', check: () => new Promise(() => undefined) });
    expect(await stateOf(health, 'stuck')).toMatchObject({ ok: false, state: 'no answer within 1000 ms' });
  });

  it('ends for good when the process drains', async () => {
    const health = new Health();
    expect((await health.report()).ready).toBe(true);
    health.drain();
    expect(await health.report()).toEqual({ ready: false, draining: true, checks: [] });
  });

  it('has one check for each name', () => {
    const health = new Health();
    const loop = { name: 'loop', check: () => ({ ok: true, state: '' }) };
    health.add(loop);
    expect(() => health.add(loop)).toThrow('already has a check loop');
  });

  it('is not ready before everything has started, even if no check fails', async () => {
    const health = new Health();
    const started = health.starting();
    expect(await health.report()).toEqual({ ready: false, draining: false, starting: true, checks: [] });
    started();
    expect(await health.report()).toEqual({ ready: true, draining: false, checks: [] });
  });
});
