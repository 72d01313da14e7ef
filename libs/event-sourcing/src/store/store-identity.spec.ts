import { setTimeout as sleep } from 'node:timers/promises';
import { StoreIdentity } from './store-identity.ts';

/** A store whose row changes; it counts how often it is asked, and answers after so many ms. */
function store() {
  const row = { storeId: 's', epoch: 'e1', opening: 'o1', isClosed: false };
  const asked = { times: 0, takesMs: 0 };
  const query = async () => {
    asked.times += 1;
    const seen = { ...row };
    await sleep(asked.takesMs);
    return [seen];
  };
  return { row, asked, identity: new StoreIdentity({ query }) };
}

describe('the identity of a store', () => {
  it('is asked for once for all who want it, and again when half a second has passed', async () => {
    const { row, asked, identity } = store();
    const found = await Promise.all(Array.from({ length: 100 }, () => identity.current()));
    expect(found).toEqual(Array(100).fill({ storeId: 's', epoch: 'e1', opening: 'o1' }));
    row.epoch = 'e2';
    expect([(await identity.current()).epoch, asked.times]).toEqual(['e1', 1]);
    await sleep(550);
    expect([(await identity.current()).epoch, asked.times]).toEqual(['e2', 2]);
  });

  it('of a closed store is asked for by each alone: another may begin at any moment', async () => {
    const { row, asked, identity } = store();
    row.isClosed = true;
    asked.takesMs = 30;
    const early = identity.current();
    await sleep(10);
    row.epoch = 'e2';
    const late = identity.current();
    expect([(await early).epoch, (await late).epoch, asked.times]).toEqual(['e1', 'e2', 2]);
  });

  it('is not taken from an answer that came too late for those who came meanwhile', async () => {
    const { row, asked, identity } = store();
    asked.takesMs = 600;
    const early = identity.current();
    await sleep(10);
    [row.epoch, asked.takesMs] = ['e2', 0];
    expect([(await identity.current()).epoch, (await early).epoch]).toEqual(['e2', 'e1']);
  });

  it('is asked for again after a failure', async () => {
    const { row, asked } = store();
    const failing = new StoreIdentity({
      query: () => (asked.times++ === 0 ? Promise.reject(new Error('away')) : Promise.resolve([row])),
    });
    await expect(failing.current()).rejects.toThrow('away');
    expect((await failing.current()).epoch).toBe('e1');
  });
});
