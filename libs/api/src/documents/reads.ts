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
import type { OpenApiDocument } from './document.ts';
import { json, notVisible, problem, refusals, securityOf, type Route } from './parts.ts';

const token = readHeaders.pick({ 'consistency-token': true });

type Read = Omit<Route, 'method' | 'needs' | 'answers' | 'refusals' | 'answerHeaders'> & Partial<Route>;

const read = (route: Read): Route => ({
  method: 'get',
  needs: ['read'],
  answers: { 200: route.summary },
  answerHeaders: [],
  ...route,
  refusals: { 404: notVisible, ...route.refusals },
});

const orders: readonly Route[] = [
  read({
    path: '/v1/orders',
    operationId: 'listOrders',
    summary: 'List the orders of an account',
    description: 'Newest first. Orders placed meanwhile do not change the pages after a cursor.',
    tag: 'Orders',
    query: ordersQuery,
    headers: token,
    answer: orderPageResponse,
  }),
  read({
    path: '/v1/orders/{id}',
    operationId: 'getOrder',
    summary: 'Read an order',
    description:
      'Its current state or, with `asOf`, its state at that version or time, rebuilt from at most 20,000 events by the same code. With the `Consistency-Token` of the answer, reads of the account and its positions include the money of all trades that the order shows.',
    tag: 'Orders',
    pathParameters: orderPath,
    query: orderQuery,
    headers: readHeaders,
    answer: orderResponse,
    answerHeaders: ['ETag'],
    refusals: { 422: 'There are more than 20,000 events up to then: `history-too-long`.' },
  }),
  read({
    path: '/v1/orders/{id}/timeline',
    operationId: 'getOrderTimeline',
    summary: 'Read the timeline of an order, in plain words',
    description:
      'Its events, the bookings in its account, the steps of its saga, the answers of the brokerage, and what it still waits for; always up to date. The first page is the newest; each page is oldest first.',
    tag: 'Orders',
    pathParameters: orderPath,
    query: timelineQuery,
    answer: timelineResponse,
  }),
  read({
    path: '/v1/orders/{id}/events',
    operationId: 'getOrderEvents',
    summary: 'Read the history of an order',
    description: 'Every stored event, oldest first, in pages; always up to date. The ETag is that of the page.',
    tag: 'Orders',
    pathParameters: orderPath,
    query: eventsQuery,
    headers: readHeaders.pick({ 'if-none-match': true }),
    answer: orderEventsResponse,
    answerHeaders: ['ETag'],
  }),
];

const accounts: readonly Route[] = [
  read({
    path: '/v1/accounts',
    operationId: 'listAccounts',
    summary: 'List your accounts',
    description: 'Accounts that your token names, that you opened, or that you were granted access to; by id.',
    tag: 'Accounts',
    query: accountsQuery,
    headers: token,
    answer: accountPageResponse,
  }),
  read({
    path: '/v1/accounts/{id}',
    operationId: 'getAccount',
    summary: 'Read an account',
    description: 'Its cash, what each open order reserves of it, and what is free: `cash` = `buyingPower` + `reserved`.',
    tag: 'Accounts',
    pathParameters: accountPath,
    headers: readHeaders,
    answer: accountResponse,
    answerHeaders: ['ETag'],
  }),
  read({
    path: '/v1/accounts/{id}/reservations',
    operationId: 'listReservations',
    summary: 'List what the open orders of an account reserve',
    description: 'By symbol, then by order. Orders that end meanwhile do not shift the pages after a cursor.',
    tag: 'Accounts',
    pathParameters: accountPath,
    query: reservationsQuery,
    headers: token,
    answer: reservationPageResponse,
  }),
  read({
    path: '/v1/accounts/{id}/positions',
    operationId: 'listPositions',
    summary: 'List what an account holds',
    description: 'By symbol, at average cost, valued at the last known prices.',
    tag: 'Accounts',
    pathParameters: accountPath,
    headers: token,
    answer: positionsResponse,
  }),
  read({
    path: '/v1/accounts/{id}/activities',
    operationId: 'listActivities',
    summary: 'Read the ledger of an account',
    description: 'Newest first, each line with what moved and the balance after it.',
    tag: 'Accounts',
    pathParameters: accountPath,
    query: ledgerQuery,
    headers: token,
    answer: activityPageResponse,
  }),
  read({
    path: '/v1/accounts/{id}/executions',
    operationId: 'listExecutions',
    summary: 'List the trades of an account',
    description: 'Latest booking first. A busted or corrected trade has a `reversal` with the same id.',
    tag: 'Accounts',
    pathParameters: accountPath,
    query: ledgerQuery,
    headers: token,
    answer: executionPageResponse,
  }),
];

/** Every route that reads. */
export const readRoutes: readonly Route[] = [...orders, ...accounts];

/** The stream's operations: their answers are not those of a read. */
export const streamPaths: OpenApiDocument['paths'] = {
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
