import type { z } from 'zod';
import { accountPageResponse, activityPageResponse, executionPageResponse, positionsResponse } from '../account-reads.ts';
import { accountPath, accountResponse, reservationPageResponse } from '../accounts.ts';
import { orderEventsResponse, orderPageResponse, orderPath, orderResponse } from '../orders.ts';
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
import { streamTicketResponse } from '../stream.ts';
import { timelineResponse } from '../timeline.ts';
import type { Answer, OpenApiDocument, Operation } from './document.ts';
import { answerHeaders, json, notFound, parametersOf, problem, refusals, securityOf } from './parts.ts';

const etag = { ETag: answerHeaders.ETag };
const token = readHeaders.pick({ 'consistency-token': true });

interface Read {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly tag: 'Orders' | 'Accounts';
  readonly path?: z.ZodType;
  readonly query?: z.ZodType;
  /** Absent if the answer comes from the event store, which is always up to date. */
  readonly headers?: z.ZodType;
  readonly answer: z.ZodType;
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

const unchanged = { 304: { description: 'The ETag still matches.' } };

const orders: OpenApiDocument['paths'] = {
  '/v1/orders': get({
    operationId: 'listOrders',
    summary: 'List the orders of an account',
    description: 'Newest first. Orders placed meanwhile do not change the pages after a cursor.',
    tag: 'Orders',
    query: ordersQuery,
    headers: token,
    answer: orderPageResponse,
  }),
  '/v1/orders/{id}': get({
    operationId: 'getOrder',
    summary: 'Read an order',
    description:
      'Its current state or, with `asOf`, its state at that version or time, rebuilt from at most 20,000 events by the same code. With the `Consistency-Token` of the answer, reads of the account and its positions include the money of all trades that the order shows.',
    tag: 'Orders',
    path: orderPath,
    query: orderQuery,
    headers: readHeaders,
    answer: orderResponse,
    answerHeaders: etag,
    more: { ...unchanged, 422: problem('There are more than 20,000 events up to then: `history-too-long`.') },
  }),
  '/v1/orders/{id}/timeline': get({
    operationId: 'getOrderTimeline',
    summary: 'Read the timeline of an order, in plain words',
    description:
      'Its events, the bookings in its account, the steps of its saga, the answers of the brokerage, and what it still waits for; always up to date. The first page is the newest; each page is oldest first.',
    tag: 'Orders',
    path: orderPath,
    query: timelineQuery,
    answer: timelineResponse,
  }),
  '/v1/orders/{id}/events': get({
    operationId: 'getOrderEvents',
    summary: 'Read the history of an order',
    description: 'Every stored event, oldest first, in pages; always up to date. The ETag is that of the page.',
    tag: 'Orders',
    path: orderPath,
    query: eventsQuery,
    headers: readHeaders.pick({ 'if-none-match': true }),
    answer: orderEventsResponse,
    answerHeaders: etag,
    more: unchanged,
  }),
};

const accounts: OpenApiDocument['paths'] = {
  '/v1/accounts': get({
    operationId: 'listAccounts',
    summary: 'List your accounts',
    description: 'Accounts that your token names, that you opened, or that you were granted access to; by id.',
    tag: 'Accounts',
    query: accountsQuery,
    headers: token,
    answer: accountPageResponse,
  }),
  '/v1/accounts/{id}': get({
    operationId: 'getAccount',
    summary: 'Read an account',
    description: 'Its cash, what each open order reserves of it, and what is free: `cash` = `buyingPower` + `reserved`.',
    tag: 'Accounts',
    path: accountPath,
    headers: readHeaders,
    answer: accountResponse,
    answerHeaders: etag,
    more: unchanged,
  }),
  '/v1/accounts/{id}/reservations': get({
    operationId: 'listReservations',
    summary: 'List what the open orders of an account reserve',
    description: 'By symbol, then by order. Orders that end meanwhile do not shift the pages after a cursor.',
    tag: 'Accounts',
    path: accountPath,
    query: reservationsQuery,
    headers: token,
    answer: reservationPageResponse,
  }),
  '/v1/accounts/{id}/positions': get({
    operationId: 'listPositions',
    summary: 'List what an account holds',
    description: 'By symbol, at average cost, valued at the last known prices.',
    tag: 'Accounts',
    path: accountPath,
    headers: token,
    answer: positionsResponse,
  }),
  '/v1/accounts/{id}/activities': get({
    operationId: 'listActivities',
    summary: 'Read the ledger of an account',
    description: 'Newest first, each line with what moved and the balance after it.',
    tag: 'Accounts',
    path: accountPath,
    query: ledgerQuery,
    headers: token,
    answer: activityPageResponse,
  }),
  '/v1/accounts/{id}/executions': get({
    operationId: 'listExecutions',
    summary: 'List the trades of an account',
    description: 'Latest booking first. A busted or corrected trade has a `reversal` with the same id.',
    tag: 'Accounts',
    path: accountPath,
    query: ledgerQuery,
    headers: token,
    answer: executionPageResponse,
  }),
};

const stream: OpenApiDocument['paths'] = {
  '/v1/stream': {
    get: {
      operationId: 'openStream',
      summary: 'Open the stream of your accounts (WebSocket)',
      description:
        'A WebSocket (RFC 6455) with the bearer token in a header of the upgrade request; from a browser, with the subprotocols `tradecore.v1` and `ticket.<ticket>`, see `POST /v1/stream-tickets`. Send `StreamClientMessage`, receive `StreamServerMessage`: JSON text, at most 16 KiB from the client. Sequences of an account rise by one; after a disconnect, subscribe `after` your last entry to miss and repeat nothing. A heartbeat is sent every 15 s. A subscription ends (`unsubscribed`, `access-ended`) within a second after access is revoked. Send `authenticate` with a new token before the old one expires. The close code is 4401 when the token expires, 4429 after too many messages, 1012 when the service restarts: reconnect. By default a stream may have 100 subscriptions, and a subject 20 streams.',
      tags: ['Stream'],
      security: securityOf(['read']),
      parameters: [],
      responses: {
        101: { description: 'The stream is open.' },
        401: refusals[401],
        403: refusals[403],
        429: problem('The subject has too many open streams: `too-many-streams`.'),
        503: refusals[503],
      },
    },
  },
  '/v1/stream-tickets': {
    post: {
      operationId: 'makeStreamTicket',
      summary: 'Get a ticket for a stream',
      description:
        "For browsers: `new WebSocket(url, ['tradecore.v1', `ticket.${ticket}`])`. Signed, valid for 30 s and one stream. The stream ends when the token that requested the ticket expires, unless a new token is sent in band.",
      tags: ['Stream'],
      security: securityOf(['read']),
      parameters: [],
      responses: {
        201: { description: 'The ticket.', content: json(streamTicketResponse) },
        401: refusals[401],
        403: refusals[403],
        503: refusals[503],
      },
    },
  },
};

/** The operations that read. */
export const readPaths: OpenApiDocument['paths'] = { ...orders, ...accounts, ...stream };
