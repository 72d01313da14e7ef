import { jest } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { call, listen, until, type Json } from '../test/paper.ts';
import { startProcess } from '../test/paper-process.ts';

// Processes on a busy machine start late.
jest.setTimeout(120_000);

describe('the state', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'paper-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const post = (url: string, changes: Json) =>
    call(url, 'POST', '/v2/orders', {
      body: { symbol: 'ACME', qty: '40', side: 'buy', type: 'market', time_in_force: 'gtc', ...changes },
    });
  const resting = { type: 'limit', limit_price: '90.00' };

  it('is the same, to the hash, after a kill and a restart; what waited goes on', async () => {
    const first = await startProcess({ PAPER_STATE: folder, PAPER_PARTIAL_FILLS: '0.5' });
    await call(first.url, 'POST', '/accounts', { body: { key_id: 'second', secret_key: 'x', cash: '5000' } });
    for (let n = 0; n < 10; n += 1) await post(first.url, { client_order_id: `market-${n}` });
    await post(first.url, { client_order_id: 'resting', ...resting });
    await post(first.url, { client_order_id: 'cancelled', ...resting });
    const { body: cancelled } = await call(first.url, 'GET', '/v2/orders:by_client_order_id?client_order_id=cancelled');
    await call(first.url, 'DELETE', `/v2/orders/${cancelled['id']}`);
    await until('only one open', async () => (await call<Json[]>(first.url, 'GET', '/v2/orders')).body.length === 1);
    await call(first.url, 'POST', '/prices', { body: { symbol: 'ACME', price: '101.00' } });
    const paths = ['/state', '/v2/account', '/v2/positions', '/v2/orders?status=all&limit=500', '/v2/account/activities/FILL'];
    const look = async (url: string) => Promise.all(paths.map(async (path) => (await call(url, 'GET', path)).body));
    const before = await look(first.url);
    await first.kill();
    const second = await startProcess({ PAPER_STATE: folder });
    const after = await look(second.url);
    expect(after).toEqual(before);
    expect((await call(second.url, 'GET', '/v2/account', { keys: { id: 'second', secret: 'x' } })).body).toMatchObject({
      cash: '5000',
    });
    expect((await post(second.url, { client_order_id: 'market-1' })).status).toBe(422);
    const ear = await listen(second.url);
    await call(second.url, 'POST', '/prices', { body: { symbol: 'ACME', price: '89.00' } });
    await until('the resting order to fill', () => ear.events('resting').includes('fill'));
    ear.close();
    expect(await second.stop()).toBe(0);
  });

  it('holds every order that was acknowledged, whenever the kill came, and traded each once', async () => {
    const acknowledged = new Set<string>();
    let names = 0;
    for (let round = 0; round < 3; round += 1) {
      const broker = await startProcess({ PAPER_STATE: folder });
      for (const name of acknowledged) {
        const found = await call(broker.url, 'GET', `/v2/orders:by_client_order_id?client_order_id=${name}`);
        expect(found.body).toMatchObject({ client_order_id: name });
      }
      const { body } = await call(broker.url, 'GET', '/v2/positions/ACME');
      const shares = Number(body['qty'] ?? 0);
      expect(shares >= acknowledged.size && shares <= names).toBe(true);
      let isDead = false;
      const trade = async (): Promise<void> => {
        while (!isDead) {
          const name = `kill-${(names += 1)}`;
          const answer = await post(broker.url, { client_order_id: name, qty: '1' }).catch(() => undefined);
          if (answer?.status === 200) acknowledged.add(name);
        }
      };
      const traders = [trade(), trade(), trade()];
      await until('some orders', () => acknowledged.size >= (round + 1) * 40);
      await broker.kill();
      isDead = true;
      await Promise.all(traders);
    }
    expect(acknowledged.size).toBeGreaterThanOrEqual(120);
  });

  it('belongs to one process at a time', async () => {
    const first = await startProcess({ PAPER_STATE: folder });
    await expect(startProcess({ PAPER_STATE: folder })).rejects.toThrow(/database is locked/);
    expect(await first.stop()).toBe(0);
  });

  it('is nowhere without a folder', async () => {
    const first = await startProcess({});
    await post(first.url, { client_order_id: 'forgotten' });
    await first.kill();
    const second = await startProcess({});
    expect((await call<Json[]>(second.url, 'GET', '/v2/orders?status=all')).body).toEqual([]);
    expect(await second.stop()).toBe(0);
  });
});
