import { once } from 'node:events';
import { WebSocket, type RawData } from 'ws';
import { listen, startPaper, until, type Json, type Paper } from '../test/paper.ts';

describe('the streams', () => {
  let paper: Paper;

  beforeAll(async () => {
    paper = await startPaper({ PAPER_WALK: 'on' });
  });
  afterAll(() => paper.stop());

  const open = async (path: string) => {
    const socket = new WebSocket(`${paper.url.replace('http', 'ws')}${path}`);
    const frames: { data: RawData; isBinary: boolean }[] = [];
    socket.on('message', (data, isBinary) => frames.push({ data, isBinary }));
    await once(socket, 'open');
    const heard = (): Json[] => frames.flatMap(({ data }) => [JSON.parse(String(data)) as Json | Json[]].flat());
    return { socket, frames, heard, say: (message: object) => socket.send(JSON.stringify(message)) };
  };

  it('of updates use JSON in binary frames, and acknowledge subscriptions', async () => {
    const { socket, frames, heard, say } = await open('/stream');
    say({ action: 'authenticate', data: { key_id: 'paper', secret_key: 'paper-secret' } });
    say({ action: 'listen', data: { streams: ['trade_updates', 'account_updates'] } });
    await until('both', () => frames.length === 2);
    expect(frames.every(({ isBinary }) => isBinary)).toBe(true);
    expect(heard()).toEqual([
      { stream: 'authorization', data: { status: 'authorized', action: 'authenticate' } },
      { stream: 'listening', data: { streams: ['trade_updates'] } },
    ]);
    await paper.order({ client_order_id: 'binary' });
    await until('fill', () => heard().some(({ data }) => (data as Json)['event'] === 'fill'));
    say({ action: 'listen', data: { streams: [] } });
    await until('no streams', () => JSON.stringify(heard().at(-1)) === '{"stream":"listening","data":{"streams":[]}}');
    const count = frames.length;
    await paper.order({ client_order_id: 'unheard' });
    say({ action: 'listen', data: { streams: [] } });
    await until('an answer', () => frames.length > count);
    expect(heard().slice(count)).toEqual([{ stream: 'listening', data: { streams: [] } }]);
    socket.terminate();
  });

  it('of updates accept the short form of authentication, and refuse wrong keys, nonsense and listening first', async () => {
    const short = await open('/stream');
    short.say({ action: 'listen', data: { streams: ['trade_updates'] } });
    short.say({ action: 'auth', key: 'paper', secret: 'paper-secret' });
    await until('both', () => short.frames.length === 2);
    expect(short.heard().map(({ data }) => (data as Json)['status'])).toEqual(['unauthorized', 'authorized']);
    short.socket.terminate();
    const wrong = await open('/stream');
    wrong.say({ action: 'auth', key: 'paper', secret: 'wrong' });
    expect(await once(wrong.socket, 'close')).toMatchObject([1008, expect.anything()]);
    expect(wrong.heard()).toMatchObject([{ data: { status: 'unauthorized' } }]);
    const nonsense = await open('/stream');
    nonsense.socket.send('nonsense');
    expect(await once(nonsense.socket, 'close')).toMatchObject([1008, expect.anything()]);
  });

  it('send each account only its own updates', async () => {
    await paper.call('POST', '/accounts', { key_id: 'stranger', secret_key: 'x' });
    const [own, strange] = [await paper.listen(), await paper.listen({ id: 'stranger', secret: 'x' })];
    await paper.order({ client_order_id: 'mine' });
    await paper.order({ client_order_id: 'hers' }, { id: 'stranger', secret: 'x' });
    await until('both', () => own.events('mine').length === 2 && strange.events('hers').length === 2);
    expect([own.events('hers'), strange.events('mine')]).toEqual([[], []]);
  });

  it('of prices send each new price to the subscribers of its symbol', async () => {
    const { socket, heard, say } = await open('/v2/iex');
    say({ action: 'subscribe', trades: ['ACME'] });
    say({ action: 'auth', key: 'paper', secret: 'paper-secret' });
    say({ action: 'subscribe', trades: ['ACME'] });
    await until('prices', () => heard().filter(({ T }) => T === 't').length > 3);
    expect(heard().slice(0, 4)).toEqual([
      { T: 'success', msg: 'connected' },
      { T: 'error', code: 401, msg: 'not authenticated' },
      { T: 'success', msg: 'authenticated' },
      { T: 'subscription', trades: ['ACME'], quotes: [], bars: [] },
    ]);
    const trades = heard().filter(({ T }) => T === 't');
    expect(trades[0]).toMatchObject({ S: 'ACME', p: expect.any(Number), t: expect.any(String) });
    const sequences = trades.map(({ i }) => i as number);
    expect(new Set(sequences).size).toBe(sequences.length);
    socket.terminate();
  });

  it('are not found at other paths', async () => {
    const socket = new WebSocket(`${paper.url.replace('http', 'ws')}/v1/stream`);
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error.message).toContain('404');
  });

  it('close their sockets when the service stops', async () => {
    const other = await startPaper();
    const ear = await listen(other.url);
    const closed = once(ear.socket, 'close');
    await other.stop();
    expect((await closed)[0]).toBe(1012);
  });
});
