import { streamProtocol, streamTicketResponse } from '@tradecore/api';
import { freshId } from '@tradecore/events';
import { Accounts, Feed } from '@tradecore/read-models';
import { SignJWT } from 'jose';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { TestQueryApi } from '../../test/query-api.ts';
import { epochOf, StreamClient, streamUrl } from '../../test/stream-client.ts';

const ticketKey = 'x'.repeat(32);
let api: TestQueryApi;
beforeAll(async () => void (api = await TestQueryApi.start({ STREAM_TICKET_KEY: ticketKey })), 30_000);
afterAll(() => api?.stop());

describe('revoked access', () => {
  afterEach(() => api.models.behind.clear());

  /** A stream of an account that the subject may read only by a grant. */
  async function granted() {
    const subject = freshId();
    const accountId = await api.models.openAccount();
    await api.models.grant(accountId, subject);
    const client = await StreamClient.open([], { subject }, api);
    client.say({ type: 'subscribe', accountId });
    await client.last('subscribed');
    return { subject, accountId, client };
  }

  it('ends the stream and reads within a second though no read model shows it', async () => {
    const { subject, accountId, client } = await granted();
    for (const model of [Accounts, Feed]) api.models.behind.add(model);
    const started = performance.now();
    await api.models.revoke(accountId, subject);
    expect(await client.last('unsubscribed')).toEqual({ type: 'unsubscribed', accountId, reason: 'access-ended' });
    expect(performance.now() - started).toBeLessThan(1000);
    expect((await api.get(`/v1/accounts/${accountId}`, [], { subject })).status).toBe(404);
    client.say({ type: 'subscribe', accountId });
    expect(await client.last('problem')).toMatchObject({ code: 'account-not-found' });
    client.socket.close();
  });

  it('is the last message to the client, though more happened in the same slice', async () => {
    const { subject, accountId, client } = await granted();
    for (const model of [Accounts, Feed]) api.models.behind.add(model);
    await api.models.revoke(accountId, subject);
    await api.models.account(accountId, (account) => account.deposit('7'));
    api.models.behind.delete(Feed);
    await api.models.project(accountId, [Feed]);
    await client.last('unsubscribed');
    expect(client.entries()).toEqual([]);
    client.socket.close();
  });

  it('that is granted again continues the stream, in a replay too', async () => {
    const { subject, accountId, client } = await granted();
    await api.models.revoke(accountId, subject);
    await client.last('unsubscribed');
    await api.models.grant(accountId, subject);
    client.say({ type: 'subscribe', accountId, after: { epoch: await epochOf(api), sequence: 0 } });
    await client.until(() => client.entries().filter(({ change }) => change === 'accessGranted').length === 2);
    await new Promise((resolve) => setTimeout(resolve, 300)); // polls find the old revocation meanwhile
    await api.models.account(accountId, (account) => account.deposit('7'));
    await client.until(() => client.entries().some(({ data }) => data['amount'] === '7'));
    client.socket.close();
  });
});

describe('a ticket', () => {
  const ticketOf = async (accounts: readonly string[], at = api): Promise<string> => {
    const headers = { authorization: await at.bearer(accounts, { subject: freshId() }) };
    const response = await fetch(`${at.service.url}/v1/stream-tickets`, { method: 'POST', headers });
    expect([response.status, response.headers.get('cache-control')]).toEqual([201, 'no-store']);
    return streamTicketResponse.parse(await response.json()).ticket;
  };
  const openWith = async (ticket: string, at = api): Promise<StreamClient> => {
    const client = new StreamClient(new WebSocket(streamUrl(at), [streamProtocol, `ticket.${ticket}`]));
    await once(client.socket, 'open');
    return client;
  };

  it("opens its caller's stream without a header, once, and is not returned as the protocol", async () => {
    const account = freshId();
    const ticket = await ticketOf([account]);
    const client = await openWith(ticket);
    expect(client.socket.protocol).toBe('tradecore.v1');
    client.say({ type: 'subscribe', accountId: account });
    await client.last('subscribed');
    await expect(openWith(ticket)).rejects.toThrow('401');
    client.socket.close();
  });

  it('that was changed, has expired, or is not a ticket opens nothing', async () => {
    const [head, , signature] = (await ticketOf([])).split('.');
    const caller = { subject: 'eve', accounts: [], role: 'operator', expiresAt: Date.now() + 60_000 };
    const forged = Buffer.from(JSON.stringify({ caller, aud: 'stream', jti: freshId(), exp: 4e9 })).toString('base64url');
    const over = await new SignJWT({ caller })
      .setProtectedHeader({ alg: 'HS256', typ: 'stream-ticket+jwt' })
      .setAudience('stream')
      .setJti(freshId())
      .setExpirationTime(Math.floor(Date.now() / 1000) - 1)
      .sign(new TextEncoder().encode(ticketKey));
    const token = (await api.bearer([])).slice('Bearer '.length);
    for (const ticket of [`${head}.${forged}.${signature}`, over, token, 'x'])
      await expect(openWith(ticket)).rejects.toThrow('401');
  });

  it('is valid while Redis is away, and at every instance with the same key', async () => {
    const own = await TestQueryApi.start({ REDIS_URL: 'redis://127.0.0.1:9', STREAM_TICKET_KEY: ticketKey });
    const client = await openWith(await ticketOf([]), own);
    client.socket.close();
    await own.stop();
  }, 20_000);
});

describe('a new token', () => {
  it('is accepted in band: the stream continues with it and keeps its subject', async () => {
    const [subject, account] = [freshId(), freshId()];
    const client = await StreamClient.open([account], { subject, expiresIn: 2 }, api);
    client.say({ type: 'subscribe', accountId: account });
    await client.last('subscribed');
    const token = async (of: string, accounts: string[]) => (await api.bearer(accounts, { subject: of })).slice('Bearer '.length);
    client.say({ type: 'authenticate', token: await token(freshId(), [account]) });
    expect(await client.last('problem')).toMatchObject({ code: 'other-subject' });
    client.say({ type: 'authenticate', token: 'x.y.z' });
    await client.until(() => client.heard.some((each) => each.type === 'problem' && each.code === 'invalid-token'));
    client.say({ type: 'authenticate', token: await token(subject, []) });
    expect(await client.last('authenticated')).toHaveProperty('expiresAt');
    // The new token no longer names the account.
    expect(await client.last('unsubscribed')).toMatchObject({ accountId: account, reason: 'access-ended' });
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect(client.socket.readyState).toBe(WebSocket.OPEN);
    client.socket.close();
  });
});
