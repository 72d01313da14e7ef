import { jest } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPaper, until, call, type Json, type Paper } from '../test/paper.ts';
import { startProcess } from '../test/paper-process.ts';
import { StateFile } from './state-file.ts';

// Processes start slowly on a busy machine.
jest.setTimeout(240_000);

describe('the state', () => {
  let folder: string;
  let paper: Paper | undefined;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'paper-'))));
  afterEach(async () => {
    await paper?.stop();
    paper = undefined;
    rmSync(folder, { recursive: true, force: true });
  });

  const post = (url: string, changes: Json) =>
    call(url, 'POST', '/v2/orders', {
      body: { symbol: 'ACME', qty: '40', side: 'buy', type: 'market', time_in_force: 'gtc', ...changes },
    });
  const resting = { type: 'limit', limit_price: '90.00' };

  it('has the same hash after a kill and a restart, and open orders continue', async () => {
    const { url, kill } = await startProcess({ PAPER_STATE: folder, PAPER_PARTIAL_FILLS: '0.5' });
    await call(url, 'POST', '/accounts', { body: { key_id: 'second', secret_key: 'x', cash: '5000' } });
    for (let n = 0; n < 10; n += 1) await post(url, { client_order_id: `market-${n}` });
    await post(url, { client_order_id: 'resting', ...resting });
    await post(url, { client_order_id: 'cancelled', ...resting });
    const { body: cancelled } = await call(url, 'GET', '/v2/orders:by_client_order_id?client_order_id=cancelled');
    await call(url, 'DELETE', `/v2/orders/${cancelled['id']}`);
    await until('only one open', async () => (await call<Json[]>(url, 'GET', '/v2/orders')).body.length === 1, 60_000);
    await call(url, 'POST', '/prices', { body: { symbol: 'ACME', price: '101.00' } });
    const paths = ['/state', '/v2/account', '/v2/positions', '/v2/orders?status=all&limit=500', '/v2/account/activities/FILL'];
    const look = async (at: string) => Promise.all(paths.map(async (path) => (await call(at, 'GET', path)).body));
    const before = await look(url);
    await kill();
    paper = await startPaper({ PAPER_STATE: folder });
    expect(await look(paper.url)).toEqual(before);
    expect((await paper.call('GET', '/v2/account', undefined, { id: 'second', secret: 'x' })).body).toMatchObject({
      cash: '5000',
    });
    expect((await post(paper.url, { client_order_id: 'market-1' })).status).toBe(422);
    const ear = await paper.listen();
    await paper.call('POST', '/prices', { symbol: 'ACME', price: '89.00' });
    await until('the resting order to fill', () => ear.events('resting').includes('fill'));
  });

  it('has every acknowledged order, traded once, whenever the process was killed', async () => {
    const acknowledged = new Set<string>();
    let names = 0;
    for (let round = 1; round <= 2; round += 1) {
      const broker = await startProcess({ PAPER_STATE: folder });
      let isDead = false;
      const trade = async (): Promise<void> => {
        while (!isDead) {
          const name = `kill-${(names += 1)}`;
          const answer = await post(broker.url, { client_order_id: name, qty: '1' }).catch(() => undefined);
          if (answer?.status === 200) acknowledged.add(name);
        }
      };
      const traders = [trade(), trade(), trade()];
      await until('some orders', () => acknowledged.size >= round * 40, 60_000);
      await broker.kill();
      isDead = true;
      await Promise.all(traders);
    }
    paper = await startPaper({ PAPER_STATE: folder });
    for (const name of acknowledged) {
      const found = await paper.call('GET', `/v2/orders:by_client_order_id?client_order_id=${name}`);
      expect(found.body).toMatchObject({ client_order_id: name, filled_qty: '1' });
    }
    const { body } = await paper.call('GET', '/v2/positions/ACME');
    expect(Number(body['qty'])).toBeGreaterThanOrEqual(acknowledged.size);
    expect(Number(body['qty'])).toBeLessThanOrEqual(names);
  });

  it('belongs to one process at a time, and is released when that stops', async () => {
    paper = await startPaper({ PAPER_STATE: folder });
    expect(() => new StateFile(folder)).toThrow(/database is locked/);
    await paper.stop();
    paper = undefined;
    new StateFile(folder).close();
  });

  it('is lost without a folder', async () => {
    const first = await startPaper();
    await post(first.url, { client_order_id: 'forgotten' });
    await first.stop();
    paper = await startPaper();
    expect((await paper.call<Json[]>('GET', '/v2/orders?status=all')).body).toEqual([]);
  });
});
