import type { z } from 'zod';
import {
  accountPath,
  accountResponse,
  grantBody,
  grantPath,
  grantsResponse,
  movementBody,
  movementResponse,
  openAccountBody,
} from '../accounts.ts';
import { controlsResponse, killSwitchBody, limitsBody, limitsPath } from '../admin.ts';
import { keyedHeaders, replaceHeaders, replaceOrderBody, waitingHeaders } from '../order-writes.ts';
import { cancelOrderBody, orderPath, orderResponse, placeOrderBody } from '../orders.ts';

/** Every body and answer of a write, by the name that it has in the document of the API. */
export const writeSchemas = {
  PlaceOrder: placeOrderBody,
  CancelOrder: cancelOrderBody.unwrap(),
  ReplaceOrder: replaceOrderBody,
  Order: orderResponse,
  OpenAccount: openAccountBody.unwrap(),
  MoveFunds: movementBody,
  GrantAccess: grantBody,
  Account: accountResponse,
  Movement: movementResponse,
  Grants: grantsResponse,
  KillSwitch: killSwitchBody,
  RiskLimits: limitsBody,
  Controls: controlsResponse,
} as const satisfies Record<string, z.ZodType>;

/** A name in `writeSchemas`. */
export type WriteSchema = keyof typeof writeSchemas;

/** One route that writes, as the document of the API tells it. */
export interface WriteRoute {
  readonly method: 'post' | 'put' | 'delete';
  /** With `{id}` for each part that `pathParameters` names. */
  readonly path: string;
  readonly operationId: string;
  readonly tag: 'Orders' | 'Accounts' | 'Operators';
  readonly summary: string;
  readonly description: string;
  readonly pathParameters?: z.ZodType;
  readonly headers?: z.ZodType;
  readonly body?: { readonly schema: WriteSchema; readonly required: boolean };
  /** What the good answers hold, and by status what each means. */
  readonly answer: WriteSchema;
  readonly answers: Readonly<Record<number, string>>;
  /** By status: refusals beside those of every write (400, 401, 413, 415, 503, 504). */
  readonly refusals: Readonly<Record<number, string>>;
  /** Headers of the good answers. */
  readonly told: readonly ('Location' | 'ETag' | 'Consistency-Token' | 'Preference-Applied')[];
}

const version = ['ETag', 'Consistency-Token'] as const;
const notYours = 'Not found, or not visible to you.';
const operators = { 403: 'The token does not have the role `operator`: `operators-only`.' };
const keyReused = 'The `Idempotency-Key` came with another body before: `idempotency-key-reused`.';

const orderRoutes: readonly WriteRoute[] = [
  {
    method: 'post',
    path: '/v1/orders',
    operationId: 'placeOrder',
    tag: 'Orders',
    summary: 'Place an order',
    description:
      'An order is named by `clientOrderId`, else by the `Idempotency-Key`; the same name with the same terms is the same order, however often it is sent. The answer is final on our side: 201 says that the order is durable, approved, paid for and on its way to the brokerage; an order that a rule refuses, or that the account has not the money or shares for, is stored as `denied` and answered with 422, and so is its repeat. The rules are `no-such-account`, `trading-halted`, `unknown-symbol`, `halted-symbol`, `wrong-tick`, `wrong-lot`, `market-closed`, `max-order-quantity`, `max-order-value`, `price-collar`, `insufficient-funds` and `insufficient-shares`. What needs a price is answered 503 `market-data-unavailable` while there is none young enough.',
    headers: waitingHeaders,
    body: { schema: 'PlaceOrder', required: true },
    answer: 'Order',
    answers: {
      201: 'The order is approved, paid for and on its way; its `Consistency-Token` also waits for the money that it reserved.',
      200: 'The order was there already, with the same terms; this is how it stands now.',
    },
    refusals: {
      404: 'Account not found, or not visible to you: `account-not-found`.',
      409: `There is an order of this name with other terms: \`order-already-placed\`; \`errors\` names the fields that differ. ${keyReused}`,
      422: 'The order is denied: `order-denied`, with its `id`, the `rule`, its `figures` and the headers `Location`, `ETag` and `Consistency-Token`.',
    },
    told: ['Location', ...version, 'Preference-Applied'],
  },
  {
    method: 'post',
    path: '/v1/orders/{id}/cancel',
    operationId: 'cancelOrder',
    tag: 'Orders',
    summary: 'Request a cancel',
    description:
      'The order shows `pendingCancel`; it is cancelled only when the brokerage says so, and may trade until then. No kill switch keeps an order from being cancelled.',
    pathParameters: orderPath,
    headers: waitingHeaders,
    body: { schema: 'CancelOrder', required: false },
    answer: 'Order',
    answers: { 202: 'The request is stored.' },
    refusals: {
      404: notYours,
      409: `A cancel was requested already: \`cancel-already-requested\`. The order has ended: \`order-not-cancelable\`. ${keyReused}`,
    },
    told: ['Location', ...version, 'Preference-Applied'],
  },
  {
    method: 'post',
    path: '/v1/orders/{id}/replace',
    operationId: 'replaceOrder',
    tag: 'Orders',
    summary: 'Request other terms',
    description:
      'For an order that the brokerage works. It shows `pendingReplace` and what was `requested`; the old terms hold until the brokerage says that the new ones do. Until then the account reserves the worst case of both. `quantity` is the new total, filled shares included. The rules look at the new terms as at those of a new order.',
    pathParameters: orderPath,
    headers: replaceHeaders,
    body: { schema: 'ReplaceOrder', required: true },
    answer: 'Order',
    answers: { 202: 'The request is stored.' },
    refusals: {
      404: notYours,
      409: `The brokerage is not working the order: \`order-not-replaceable\`. A replace is on its way: \`replace-already-requested\`. The new quantity has traded already: \`replace-below-filled\`. ${keyReused}`,
      412: 'The order has changed since the version that `If-Match` names: `order-changed`.',
      422: 'A rule, or want of money or shares, refuses the new terms: `replace-denied`, with `rule` and `figures`. Nothing is stored.',
    },
    told: ['Location', ...version],
  },
];

const accountRoutes: readonly WriteRoute[] = [
  {
    method: 'post',
    path: '/v1/accounts',
    operationId: 'openAccount',
    tag: 'Accounts',
    summary: 'Open an account',
    description: 'You own it, and it is among your accounts from this answer on. The same key is the same account.',
    headers: keyedHeaders,
    body: { schema: 'OpenAccount', required: false },
    answer: 'Account',
    answers: { 201: 'The account is open.', 200: 'It was there already; this is how it stands now.' },
    refusals: { 409: 'The key opened an account with other terms: `account-already-opened`.' },
    told: ['Location', ...version],
  },
  {
    method: 'post',
    path: '/v1/accounts/{id}/deposits',
    operationId: 'depositFunds',
    tag: 'Accounts',
    summary: 'Deposit money',
    description: 'The same key is the same deposit, answered alike.',
    pathParameters: accountPath,
    headers: keyedHeaders,
    body: { schema: 'MoveFunds', required: true },
    answer: 'Movement',
    answers: { 201: 'The money is there.', 200: 'This deposit was made before.' },
    refusals: { 404: notYours, 409: keyReused },
    told: version,
  },
  {
    method: 'post',
    path: '/v1/accounts/{id}/withdrawals',
    operationId: 'withdrawFunds',
    tag: 'Accounts',
    summary: 'Withdraw money',
    description:
      'At most the buying power: what open orders hold back stays. The same key is the same withdrawal, answered alike.',
    pathParameters: accountPath,
    headers: keyedHeaders,
    body: { schema: 'MoveFunds', required: true },
    answer: 'Movement',
    answers: { 201: 'The money is out.', 200: 'This withdrawal was made before.' },
    refusals: {
      404: notYours,
      409: keyReused,
      422: 'The account has less: `insufficient-funds`, with what was `needed` and what is `available`.',
    },
    told: version,
  },
  {
    method: 'post',
    path: '/v1/accounts/{id}/grants',
    operationId: 'grantAccess',
    tag: 'Operators',
    summary: 'Let somebody use an account',
    description: 'For operators. From this answer on the account is among those of the subject, beside the owner.',
    pathParameters: accountPath,
    body: { schema: 'GrantAccess', required: true },
    answer: 'Grants',
    answers: { 201: 'Access is granted.', 200: 'It was granted before, or the subject is the owner.' },
    refusals: { ...operators, 404: 'There is no such account.' },
    told: version,
  },
  {
    method: 'delete',
    path: '/v1/accounts/{id}/grants/{subject}',
    operationId: 'revokeAccess',
    tag: 'Operators',
    summary: 'Take that back',
    description: 'For operators. The owner keeps access.',
    pathParameters: grantPath,
    answer: 'Grants',
    answers: { 200: 'The subject has no grant any more, or had none.' },
    refusals: { ...operators, 404: 'There is no such account.' },
    told: version,
  },
];

const operatorRoutes: readonly WriteRoute[] = [
  {
    method: 'post',
    path: '/v1/admin/kill-switch',
    operationId: 'setKillSwitch',
    tag: 'Operators',
    summary: 'Halt or resume trading',
    description:
      'For operators. From this answer on new orders and replaces of the scope are denied, or taken again; nothing is cancelled, and cancels are taken. Who did it, and why, is on record.',
    body: { schema: 'KillSwitch', required: true },
    answer: 'Controls',
    answers: { 200: 'It is so.' },
    refusals: { ...operators, 404: 'The scope is an account that is not there.' },
    told: version,
  },
  {
    method: 'put',
    path: '/v1/admin/limits/{scope}',
    operationId: 'setLimits',
    tag: 'Operators',
    summary: 'Set the limits of orders',
    description:
      'For operators. All limits of the scope: what is absent is not limited by it. The tightest of those for all and for the account holds for an order.',
    pathParameters: limitsPath,
    body: { schema: 'RiskLimits', required: true },
    answer: 'Controls',
    answers: { 200: 'It is so.' },
    refusals: { ...operators, 404: 'The scope is an account that is not there.' },
    told: version,
  },
];

/** Every route that writes. */
export const writeRoutes: readonly WriteRoute[] = [...orderRoutes, ...accountRoutes, ...operatorRoutes];
