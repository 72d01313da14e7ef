import type { z } from 'zod';
import { accountPath } from '../accounts.ts';
import { orderPath } from '../orders.ts';
import {
  accountsQuery,
  eventsQuery,
  ledgerQuery,
  orderQuery,
  ordersQuery,
  readHeaders,
  reservationsQuery,
  timelineQuery,
} from '../read-queries.ts';
import type { Answer, OpenApiDocument, Operation } from './document.ts';
import { answerHeaders, json, notFound, parametersOf, problem, refusals, securityOf, type SchemaName } from './parts.ts';

const etag = { ETag: answerHeaders.ETag };
const token = readHeaders.pick({ 'consistency-token': true });

interface Read {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly tag: 'Orders' | 'Accounts';
  readonly path?: z.ZodType;
  readonly query?: z.ZodType;
  /** Absent where the answer comes from the event store, which is always up to date. */
  readonly headers?: z.ZodType;
  readonly answer: SchemaName;
  readonly answerHeaders?: Answer['headers'];
  readonly more?: Readonly<Record<number, Answer>>;
}

function get({ tag, path, query, headers, answer, answerHeaders: named, more, ...words }: Read): { get: Operation } {
  const good: Answer = { description: words.summary, ...(named && { headers: named }), content: json(answer) };
  return {
    get: {
      ...words,
      tags: [tag],
      security: securityOf(['read']),
      parameters: [...parametersOf('path', path), ...parametersOf('query', query), ...parametersOf('header', headers)],
      responses: { 200: good, ...more, ...refusals, 404: notFound },
    },
  };
}

const unchanged = { 304: { description: 'The ETag still holds.' } };

const orders: OpenApiDocument['paths'] = {
  '/v1/orders': get({
    operationId: 'listOrders',
    summary: 'List the orders of an account',
    description: 'Newest first. An order placed meanwhile does not change the pages after a cursor.',
    tag: 'Orders',
    query: ordersQuery,
    headers: token,
    answer: 'OrderPage',
  }),
  '/v1/orders/{id}': get({
    operationId: 'getOrder',
    summary: 'Read an order',
    description:
      'Its current state, or with `asOf` its state at that version or time, folded from its events by the same code, of which there may be 20,000. The `Consistency-Token` of the answer makes reads of the account and its positions show the money of all trades that the order shows.',
    tag: 'Orders',
    path: orderPath,
    query: orderQuery,
    headers: readHeaders,
    answer: 'Order',
    answerHeaders: etag,
    more: { ...unchanged, 422: problem('There are more than 20,000 events until then: `history-too-long`.') },
  }),
  '/v1/orders/{id}/timeline': get({
    operationId: 'getOrderTimeline',
    summary: 'Read the timeline of an order, in plain words',
    description:
      'Its own events, what its account booked, the steps of its saga, what the brokerage said, and what it still waits for; always up to date. The newest first, page by page; within a page the oldest first.',
    tag: 'Orders',
    path: orderPath,
    query: timelineQuery,
    answer: 'Timeline',
  }),
  '/v1/orders/{id}/events': get({
    operationId: 'getOrderEvents',
    summary: 'Read the history of an order',
    description: 'Every stored event, oldest first, page by page; always up to date. The ETag is that of the page.',
    tag: 'Orders',
    path: orderPath,
    query: eventsQuery,
    headers: readHeaders.pick({ 'if-none-match': true }),
    answer: 'OrderEvents',
    answerHeaders: etag,
    more: unchanged,
  }),
};

const accounts: OpenApiDocument['paths'] = {
  '/v1/accounts': get({
    operationId: 'listAccounts',
    summary: 'List your accounts',
    description: 'Those that your token names, those that you opened, and those that you were granted access to; by id.',
    tag: 'Accounts',
    query: accountsQuery,
    headers: token,
    answer: 'AccountPage',
  }),
  '/v1/accounts/{id}': get({
    operationId: 'getAccount',
    summary: 'Read an account',
    description:
      'Its cash, what open orders reserve of it, order by order, and what is free: `cash` = `buyingPower` + `reserved`.',
    tag: 'Accounts',
    path: accountPath,
    headers: readHeaders,
    answer: 'Account',
    answerHeaders: etag,
    more: unchanged,
  }),
  '/v1/accounts/{id}/reservations': get({
    operationId: 'listReservations',
    summary: 'List what the open orders of an account reserve',
    description: 'By symbol, then by order. What ends meanwhile does not change the pages after a cursor.',
    tag: 'Accounts',
    path: accountPath,
    query: reservationsQuery,
    headers: token,
    answer: 'ReservationPage',
  }),
  '/v1/accounts/{id}/positions': get({
    operationId: 'listPositions',
    summary: 'List what an account holds',
    description: 'By symbol, by the average cost method, valued at the last known prices.',
    tag: 'Accounts',
    path: accountPath,
    headers: token,
    answer: 'Positions',
  }),
  '/v1/accounts/{id}/activities': get({
    operationId: 'listActivities',
    summary: 'Read the ledger of an account',
    description: 'Newest first, each line with what moved and the balance after it.',
    tag: 'Accounts',
    path: accountPath,
    query: ledgerQuery,
    headers: token,
    answer: 'ActivityPage',
  }),
  '/v1/accounts/{id}/executions': get({
    operationId: 'listExecutions',
    summary: 'List the trades of an account',
    description: 'Latest booking first. A trade that was taken back or corrected has a `reversal` of the same id.',
    tag: 'Accounts',
    path: accountPath,
    query: ledgerQuery,
    headers: token,
    answer: 'ExecutionPage',
  }),
};

const stream: OpenApiDocument['paths'] = {
  '/v1/stream': {
    get: {
      operationId: 'openStream',
      summary: 'Open the stream of your accounts (WebSocket)',
      description:
        'A WebSocket (RFC 6455) with the bearer token in the header of the upgrade; from a browser with the subprotocols `tradecore.v1` and `ticket.<ticket>`, see `POST /v1/stream-tickets`. Send `StreamClientMessage`, receive `StreamServerMessage`: JSON text, at most 16 KiB from the client. Sequences of an account rise by one; after a break, subscribe `after` your last entry, and nothing is missed or repeated. A heartbeat comes every 15 s. A subscription ends (`unsubscribed`, `access-ended`) within a second after access was taken back. Send `authenticate` with a new token before the old one expires. Closed with 4401 when the token expires, 4429 after too many messages, 1012 when the service restarts: connect again. 100 subscriptions a stream and 20 streams a subject, unless the operator says otherwise.',
      tags: ['Stream'],
      security: securityOf(['read']),
      parameters: [],
      responses: {
        101: { description: 'The stream is open.' },
        401: refusals[401],
        403: refusals[403],
        429: problem('The subject has as many open streams as it may: `too-many-streams`.'),
        503: refusals[503],
      },
    },
  },
  '/v1/stream-tickets': {
    post: {
      operationId: 'makeStreamTicket',
      summary: 'Get a ticket for a stream',
      description:
        "For browsers: `new WebSocket(url, ['tradecore.v1', `ticket.${ticket}`])`. Signed, good for 30 s and one stream; the stream ends with the token that the ticket was made with, unless it is renewed in band.",
      tags: ['Stream'],
      security: securityOf(['read']),
      parameters: [],
      responses: {
        201: { description: 'The ticket.', content: json('StreamTicket') },
        401: refusals[401],
        403: refusals[403],
        503: refusals[503],
      },
    },
  },
};

/** The operations that read. */
export const readPaths: OpenApiDocument['paths'] = { ...orders, ...accounts, ...stream };
