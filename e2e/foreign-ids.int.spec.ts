import { StoreIdentity } from '@tradecore/event-sourcing';
import { apiPaths, encodeConsistencyToken, openApiDocument } from '@tradecore/api';
import {
  accountIdFor,
  brokerOrderIdFor,
  freshId,
  placementIdFor,
  topics,
  tradingControlIdFor,
  WrittenText,
} from '@tradecore/events';
import { createTestKafka, type TestKafka } from '@tradecore/messaging/testing';
import { publishMarket, sampleQuote, sampleSession } from '@tradecore/market-data/testing';
import { TestReadModels } from '@tradecore/read-models/testing';
import type { RunningService } from '@tradecore/service';
import { createTestIssuer, startTestService, type TestIssuer } from '@tradecore/service/testing';
import { extendContext } from '@tradecore/telemetry';
import { TradingControl } from '@tradecore/trading';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { commandApi } from '../services/command-api/src/command-api.module.ts';
import { queryApi } from '../services/query-api/src/query-api.module.ts';

/*
 * Every operation of the document, with every kind of token, on other clients' ids. Whatever they name, the answer is
 * byte for byte that for an unknown id: it does not reveal what exists.
 */

const document = openApiDocument();
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), ...operation })),
);
type Route = (typeof operations)[number];
const stream = '/v1/stream';
/** Operations that take no id. */
const withoutIds = ['openAccount', 'makeStreamTicket'];

/** A value that fits a schema of the document: its required properties, or all of them if none is required. */
function sampleOf(schema: Readonly<Record<string, unknown>>): unknown {
  const {
    $ref,
    examples,
    enum: values,
    properties,
    required,
  } = schema as {
    readonly $ref?: string;
    readonly examples?: readonly unknown[];
    readonly enum?: readonly unknown[];
    readonly properties?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
    readonly required?: readonly string[];
  };
  if ($ref !== undefined) return sampleOf(document.components.schemas[$ref.split('/').at(-1) ?? ''] ?? {});
  if (!properties) return examples?.[0] ?? values?.[0];
  const names = Object.keys(properties).filter((name) => !required?.length || required.includes(name));
  return Object.fromEntries(names.map((name) => [name, sampleOf(properties[name] ?? {})]));
}

let models: TestReadModels;
let kafka: TestKafka;
let issuer: TestIssuer;
let doors: { readonly commands: RunningService; readonly queries: RunningService };
/** Ids that belong to another client, by what they name. */
let foreign: Readonly<Record<string, string>>;
/** Of the store. */
let epoch: string;
const nothing = freshId();
/** A client's token that names each of these. */
const named = () => Object.values(foreign).filter((id) => id !== foreign['account'] && id !== foreign['guessed account']);

beforeAll(async () => {
  [models, kafka, issuer] = await Promise.all([
    TestReadModels.create(),
    createTestKafka({ declarations: [topics.marketData] }),
    createTestIssuer(),
  ]);
  await publishMarket(kafka.kafka, sampleSession(), sampleQuote());
  // More requests per second than any test sends.
  const rates = Object.fromEntries(['ORDERS', 'CANCELS', 'WRITES', 'READS'].map((each) => [`LIMIT_${each}`, '100000/100000']));
  const settings = { ...issuer.env, ...rates, KAFKA_BROKERS: kafka.brokers.join(), NAMESPACE: kafka.namespace };
  const start = (options: typeof commandApi) =>
    startTestService(options, {
      ...settings,
      DATABASE_URL: models.database.urlFor(options.name),
      REDIS_URL: process.env['REDIS_URL'] ?? '',
    });
  const [commands, queries] = await Promise.all([start(commandApi), start(queryApi)]);
  doors = { commands, queries };
  ({ epoch } = await new StoreIdentity(models.database.dataSource).current());
  const account = await models.openAccount({ owner: 'victim' });
  const order = await models.flow.place(account, { limitPrice: '100' });
  await models.flow.accepted(order);
  // An account's id derives from its person and a key that anyone can guess: the id must not confirm the guess.
  const victim = await models.person('victim');
  const guessed = accountIdFor(victim, 'first');
  await models.account(guessed, (each) => each.open({ owner: victim, currency: 'USD' }));
  const control = new TradingControl(tradingControlIdFor(account));
  control.halt(account, new WrittenText('a test'));
  await extendContext({ correlationId: freshId() }, () => models.store.saveAggregate(control));
  foreign = {
    account,
    'guessed account': guessed,
    order,
    placement: placementIdFor(order),
    'broker order': brokerOrderIdFor(order, 1),
    control: control.id,
  };
});
afterAll(async () => {
  await Promise.all([doors?.commands.stop(), doors?.queries.stop()]);
  await Promise.all([models?.drop(), kafka?.drop(), issuer?.close()]);
});

/** A request to a route with `id` wherever it takes one; undefined if it takes none. */
function requestFor({ path, method, parameters, requestBody }: Route, id: string) {
  const [schema] = Object.values(requestBody?.content ?? {}).map((each) => each.schema);
  const body = schema && (sampleOf(schema) as Record<string, unknown>);
  const filled =
    body &&
    Object.fromEntries(Object.entries(body).map(([name, value]) => [name, /^(accountId|scope)$/.test(name) ? id : value]));
  const query = parameters.filter((each) => each.in === 'query' && each.required).map(({ name }) => `${name}=${id}`);
  const url = `${path.replace(/\{(id|scope)\}/g, id).replace('{subject}', 'someone')}${query.length > 0 ? `?${query.join('&')}` : ''}`;
  const headers = { 'idempotency-key': freshId(), 'if-match': '*', ...(body && { 'content-type': 'application/json' }) };
  const content = JSON.stringify(filled);
  const takesToken = parameters.some(({ name }) => name === 'Consistency-Token');
  return { url, method, headers, body: content, takesToken, names: url.includes(id) || (content ?? '').includes(id) };
}

type Request = ReturnType<typeof requestFor>;

/** The answer without the parts that differ between requests. */
async function answerTo({ url, method, headers, body }: Request, id: string, more: Record<string, string>): Promise<string> {
  const door = method === 'GET' ? doors.queries : doors.commands;
  const sent = { method, headers: { ...headers, ...more }, ...(body !== undefined && { body }) };
  const response = await fetch(`${door.url}${url}`, sent);
  const shown = [...response.headers].filter(
    ([name]) => !/^(date|traceparent|x-correlation-id|content-length|ratelimit-.*)$/.test(name),
  );
  const text = (await response.text()).replaceAll(id, '<id>').replace(/"traceId":"\w+"/, '');
  return `${response.status} ${JSON.stringify(shown)} ${text}`;
}

/** Consistency tokens with made-up claims. */
const madeUp = (id: string, { takesToken }: Request): Record<string, string>[] => {
  if (!takesToken) return [{}];
  const tokens = [1, 1000].map((version) => encodeConsistencyToken({ epoch, aggregateId: id, version }));
  const viaAccount = encodeConsistencyToken({ epoch, aggregateId: freshId(), version: 1, accountId: id, accountVersion: 1 });
  return [{}, ...[...tokens, viaAccount].map((token) => ({ 'consistency-token': token }))];
};

/** The distinct answers with their counts: one for all ids. */
async function answersTo(route: Route, ids: readonly string[], authorization: Record<string, string>): Promise<string[]> {
  const answers = await Promise.all(
    ids.map(async (id) => {
      const request = requestFor(route, id);
      const each = await Promise.all(madeUp(id, request).map((token) => answerTo(request, id, { ...authorization, ...token })));
      return each.join('\n');
    }),
  );
  return [...new Set(answers)];
}

const scopes = ['read', 'trade', 'transfer'];
const needsOf = ({ security }: Route): string[] => security.flatMap(({ bearer }) => bearer);
/** Claims of tokens by kind: each scope and each role alone, all of a client's, and none. */
const kinds = {
  ...Object.fromEntries(scopes.map((scope) => [scope, { scope }])),
  ...Object.fromEntries(['operator', 'treasury'].map((role) => [role, { scope: '', role }])),
  client: { scope: scopes.join(' ') },
  nothing: { scope: 'openid' },
} as Readonly<Record<string, { readonly scope: string; readonly role?: string }>>;
const has = (kind: string, needs: readonly string[]): boolean =>
  needs.includes(kind) || (kind === 'client' && needs.some((need) => scopes.includes(need)));

const tested = operations.filter(({ path, operationId }) => path !== stream && !withoutIds.includes(operationId));

it('the APIs serve exactly the operations of the document', async () => {
  const served = await Promise.all(Object.values(doors).map(async ({ adminUrl }) => (await fetch(`${adminUrl}/metrics`)).text()));
  const series = served.flatMap((text) => [
    ...text.matchAll(/^tradecore_http_request_duration_seconds_count\{method="(\w+)",route="([^"]*)",status="2xx"\}/gm),
  ]);
  const routes = series.map(([, method = '', route = '']) => `${method} ${route.replaceAll(/:(\w+)/g, '{$1}')}`);
  const told = Object.entries(apiPaths).flatMap(([path, methods]) => methods.map((method) => `${method} ${path}`));
  expect([...new Set(routes)].sort()).toEqual(told.filter((each) => each !== `GET ${stream}`).sort());
});

it('every operation takes an id, or is listed as taking none', () => {
  const silent = tested.filter((route) => {
    const { names, takesToken } = requestFor(route, nothing);
    return !names && !takesToken;
  });
  expect(silent.map(({ operationId }) => operationId)).toEqual([]);
});

describe.each(tested.map((route) => [route.operationId, route] as const))('%s', (_name, route) => {
  const needs = needsOf(route);
  const isForRoles = needs.some((need) => !scopes.includes(need));

  it('reveals nothing without a token or with another client’s', async () => {
    const ids = [foreign['account'] ?? '', nothing];
    const expired = `Bearer ${await issuer.token({ expiresIn: -60 })}`;
    for (const headers of [{}, { authorization: 'Bearer a.b.c' }, { authorization: expired }]) {
      const answers = await answersTo(route, ids, headers as Record<string, string>);
      expect(answers.map((each) => each.slice(0, 3))).toEqual(['401']);
    }
  });

  it.each(Object.keys(kinds))('answers a token for "%s" the same for foreign ids as for unknown ones', async (kind) => {
    const authorization = `Bearer ${await issuer.token({ subject: 'stranger', ...kinds[kind] })}`;
    const isAdmitted = has(kind, needs);
    // An operator may act on every account, but on nothing else.
    const accounts = [foreign['account'], foreign['guessed account']];
    const ids = Object.values(foreign).filter((id) => !(isAdmitted && isForRoles && accounts.includes(id)));
    const asked = isAdmitted ? ids : ids.slice(0, 2);
    const answers = await answersTo(route, [...asked, nothing], { authorization });
    expect(answers).toHaveLength(1);
    const status = answers[0]?.slice(0, 3);
    expect(status).toBe(!isAdmitted ? '403' : requestFor(route, nothing).names ? '404' : '200');
  });

  it('answers a token that names an unknown account like any other', async () => {
    const role = isForRoles ? { role: needs[0] ?? '' } : {};
    const token = { subject: 'stranger', accounts: named(), scope: scopes.join(' '), ...role };
    const answers = await answersTo(route, named(), { authorization: `Bearer ${await issuer.token(token)}` });
    expect(answers).toHaveLength(1);
    expect(answers[0]?.slice(0, 3)).toMatch(/^(404|200)$/);
  });
});

it('the stream answers the same for a foreign account as for an unknown one', async () => {
  const authorization = `Bearer ${await issuer.token({ subject: 'stranger' })}`;
  const url = `${doors.queries.url?.replace('http', 'ws')}${stream}`;
  const refused = new WebSocket(url, { headers: { authorization: `Bearer ${await issuer.token({ scope: 'trade' })}` } });
  const [, response] = (await once(refused, 'unexpected-response')) as [unknown, { statusCode: number; destroy(): void }];
  response.destroy();
  expect(response.statusCode).toBe(403);
  const socket = new WebSocket(url, { headers: { authorization } });
  await once(socket, 'open');
  const answers = new Set<string>();
  for (const accountId of [...Object.values(foreign), nothing]) {
    const answer = once(socket, 'message');
    socket.send(JSON.stringify({ type: 'subscribe', accountId }));
    answers.add(String((await answer)[0]).replaceAll(accountId, '<id>'));
  }
  socket.terminate();
  expect([...answers]).toEqual([expect.stringContaining('account-not-found')]);
});
