import { once } from 'node:events';
import { startPaper, until, type Ear, type Json, type Paper } from '../test/paper.ts';

describe('a scripted fault', () => {
  let paper: Paper;
  let ear: Ear;
  let names = 0;
  const fresh = (): string => `fault-${(names += 1)}`;
  const byName = async (name: string) => (await paper.call('GET', `/v2/orders:by_client_order_id?client_order_id=${name}`)).body;
  const script = (fault: Json) => paper.call('POST', '/faults', fault);
  const resting = { type: 'limit', limit_price: '50.00' };

  beforeAll(async () => {
    paper = await startPaper();
    ear = await paper.listen();
  });
  afterEach(() => paper.call('DELETE', '/faults'));
  afterAll(() => paper.stop());

  it('is listed, counts down, and can be deleted', async () => {
    const { status, body } = await script({ kind: '429', times: 2 });
    expect(status).toBe(201);
    expect((await paper.order({})).status).toBe(429);
    expect((await paper.call<Json[]>('GET', '/faults')).body).toMatchObject([{ kind: '429', times: 1 }]);
    expect((await paper.call('DELETE', `/faults/${body['id']}`)).status).toBe(204);
    expect((await paper.call('DELETE', `/faults/${body['id']}`)).status).toBe(404);
    expect((await paper.order({})).status).toBe(200);
  });

  it('that is unknown or could never happen is refused', async () => {
    for (const fault of [{ kind: 'flood' }, { kind: '500', times: 0 }, { kind: 'slow', ms: -1 }, { kind: '500', sybmol: 'X' }]) {
      expect((await script(fault)).status).toBe(422);
    }
  });

  it('applies only to its symbol, its account, its kind of request', async () => {
    await paper.call('POST', '/accounts', { key_id: 'other', secret_key: 'x' });
    await script({ kind: '500', symbol: 'KO' });
    await script({ kind: '429', account: 'other' });
    await script({ kind: '500', on: 'cancel' });
    const name = fresh();
    expect((await paper.order({ client_order_id: name, ...resting })).status).toBe(200);
    expect((await paper.order({ symbol: 'KO' })).status).toBe(500);
    expect((await paper.order({}, { id: 'other', secret: 'x' })).status).toBe(429);
    expect((await paper.call('DELETE', `/v2/orders/${(await byName(name))['id']}`)).status).toBe(500);
  });

  it.each([
    ['timeout-after-accept', true],
    ['timeout-before-accept', false],
  ])('%s: no answer; the order was accepted: %s', async (kind, isTaken) => {
    const name = fresh();
    await script({ kind, ms: 50 });
    await expect(paper.order({ client_order_id: name })).rejects.toThrow('fetch failed');
    expect((await byName(name))['client_order_id'] === name).toBe(isTaken);
    expect((await paper.order({ client_order_id: name })).status).toBe(isTaken ? 422 : 200);
  });

  it.each([
    ['500-after-accept', true],
    ['500', false],
  ])('%s: an error; the order was accepted: %s', async (kind, isTaken) => {
    const name = fresh();
    await script({ kind });
    expect(await paper.order({ client_order_id: name })).toMatchObject({ status: 500, body: { code: 50010000 } });
    expect((await byName(name))['client_order_id'] === name).toBe(isTaken);
  });

  it('slow: a late answer', async () => {
    await script({ kind: 'slow', ms: 150 });
    const began = performance.now();
    expect((await paper.order({})).status).toBe(200);
    expect(performance.now() - began).toBeGreaterThan(140);
  });

  it('fill-before-ack: the stream sends the fill, then the answer shows the order as accepted', async () => {
    const name = fresh();
    await script({ kind: 'fill-before-ack', ms: 100 });
    const order = paper.order({ client_order_id: name }).then((answer) => ({ answer, told: ear.events(name) }));
    const { answer, told } = await order;
    expect(told).toEqual(['new', 'fill']);
    expect(answer.body).toMatchObject({ status: 'pending_new', filled_qty: '0' });
  });

  it.each([
    ['partial-then-cancel-race', ['new', 'pending_cancel', 'partial_fill', 'canceled'], '5'],
    ['cancel-rejected', ['new', 'pending_cancel', 'fill', 'order_cancel_rejected'], '10'],
    ['fill-after-cancel', ['new', 'pending_cancel', 'canceled', 'partial_fill'], '5'],
  ])('%s: the stream sends %j', async (kind, told, filled) => {
    const name = fresh();
    await script({ kind });
    await paper.order({ client_order_id: name, ...resting });
    await until('new', () => ear.events(name).includes('new'));
    await paper.call('DELETE', `/v2/orders/${(await byName(name))['id']}`);
    await until(`${kind} told`, () => ear.events(name).length === told.length);
    expect(ear.events(name)).toEqual(told);
    expect((await byName(name))['filled_qty']).toBe(filled);
  });

  it.each([
    ['reject', ['rejected']],
    ['suspend', ['new', 'suspended']],
    ['done-for-day', ['new', 'done_for_day']],
    ['duplicate-updates', ['new', 'new', 'fill']],
    ['out-of-order-updates', ['fill', 'new']],
  ])('%s: the stream sends %j', async (kind, told) => {
    const name = fresh();
    await script({ kind });
    const rests = kind === 'suspend' || kind === 'done-for-day';
    await paper.order({ client_order_id: name, ...(rests && resting) });
    await until(`${kind} told`, () => ear.events(name).length === told.length);
    expect(ear.events(name)).toEqual(told);
  });

  it('out-of-order-updates: sent after a delay if no other update follows', async () => {
    const name = fresh();
    await paper.order({ client_order_id: name, ...resting });
    await until('new', () => ear.events(name).includes('new'));
    await script({ kind: 'out-of-order-updates', times: 2 });
    await paper.call('DELETE', `/v2/orders/${(await byName(name))['id']}`);
    await until('both', () => ear.events(name).length === 3);
    expect(ear.events(name)).toEqual(['new', 'canceled', 'pending_cancel']);
  });

  it('stream-gap: no updates until the client reconnects, and none are repeated', async () => {
    const lost = await paper.listen();
    const [before, during, after] = [fresh(), fresh(), fresh()];
    await paper.order({ client_order_id: before });
    await until('told before', () => lost.events(before).length === 2);
    await script({ kind: 'stream-gap', ms: 300 });
    await paper.order({ client_order_id: during });
    await once(lost.socket, 'close');
    const again = await paper.listen();
    await paper.order({ client_order_id: after });
    await until('told after', () => again.events(after).length === 2);
    expect([lost.events(during), again.events(during)]).toEqual([[], []]);
    expect((await byName(during))['status']).toBe('filled');
    ear = again;
  });

  it('bust and correct: the update names the execution', async () => {
    const name = fresh();
    await paper.order({ client_order_id: name });
    await until('fill', () => ear.events(name).includes('fill'));
    const fill = ear.heard.find((update) => update['event'] === 'fill' && (update['order'] as Json)['client_order_id'] === name);
    expect((await script({ kind: 'correct', client_order_id: name, price: '99' })).status).toBe(201);
    expect((await script({ kind: 'bust', execution_id: fill?.['execution_id'] })).status).toBe(201);
    expect((await script({ kind: 'bust', execution_id: fill?.['execution_id'] })).status).toBe(404);
    await until('told', () => ear.events(name).length === 4);
    expect(ear.events(name).slice(2)).toEqual(['trade_correct', 'trade_bust']);
    expect(ear.heard.at(-1)).toMatchObject({ previous_execution_id: fill?.['execution_id'], qty: '10', price: '99' });
  });

  it('away: connections break and requests get no answer; then the broker works as before', async () => {
    const gone = once(ear.socket, 'close');
    await script({ kind: 'away', ms: 250 });
    await gone;
    await expect(paper.call('GET', '/v2/clock')).rejects.toThrow('fetch failed');
    await expect(paper.listen()).rejects.toThrow();
    await until('back', async () => (await paper.call('GET', '/v2/clock').catch(() => undefined))?.status === 200);
    ear = await paper.listen();
  });

  it.each([
    ['ACME.500', 500],
    ['ACME.SLOW', 200],
  ])('in %s applies to every order (%i)', async (symbol, status) => {
    const answers = [];
    for (const name of [fresh(), fresh()]) {
      const began = performance.now();
      const answer = await paper.order({ symbol, client_order_id: name });
      answers.push(answer.status);
      expect((await byName(name))['client_order_id']).toBe(name);
      if (symbol === 'ACME.SLOW') expect(performance.now() - began).toBeGreaterThan(1900);
    }
    expect(answers).toEqual([status, status]);
  });

  it('in ACME.DUPE sends every update twice; in ACME.RACE fills half before each cancel', async () => {
    const [dupe, race] = [fresh(), fresh()];
    await paper.order({ symbol: 'ACME.DUPE', client_order_id: dupe });
    await until('twice', () => ear.events(dupe).length === 4);
    expect(ear.events(dupe)).toEqual(['new', 'new', 'fill', 'fill']);
    await paper.order({ symbol: 'ACME.RACE', client_order_id: race, type: 'limit', limit_price: '5.00' });
    await paper.call('DELETE', `/v2/orders/${(await byName(race))['id']}`);
    await until('canceled', () => ear.events(race).includes('canceled'));
    expect(await byName(race)).toMatchObject({ status: 'canceled', filled_qty: '5', filled_avg_price: '5' });
  });
});
