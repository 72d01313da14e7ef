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
import { cancelHeaders, keyedHeaders, matchHeaders, replaceHeaders, replaceOrderBody, waitingHeaders } from '../order-writes.ts';
import { cancelOrderBody, orderPath, orderResponse, placeOrderBody } from '../orders.ts';
import { notVisible, type Route } from './parts.ts';

const version = ['ETag', 'Consistency-Token'] as const;
const operators = { 403: 'The token lacks the role `operator`: `operators-only`.' };
const keyReused = 'The `Idempotency-Key` was used for another request: `idempotency-key-reused`; `errors` names the differences.';
const changed = (what: string, code: string) =>
  `The version of the ${what} does not match \`If-Match\`: \`${code}\`, with its \`ETag\`.`;

const orderRoutes: readonly Route[] = [
  {
    method: 'post',
    path: '/v1/orders',
    needs: ['trade'],
    operationId: 'placeOrder',
    tag: 'Orders',
    summary: 'Place an order',
    description:
      '`clientOrderId`, or else the `Idempotency-Key`, names the order; the same name with the same terms is the same order, however often it is sent. 201 means that the order is durable, passed the risk rules, has its money or shares reserved, and is on its way to the brokerage. An order that breaks a rule is stored as `denied` and answered with 422; a repeat gets the same answer. The rules are `no-such-account`, `trading-halted`, `unknown-symbol`, `halted-symbol`, `wrong-tick`, `wrong-lot`, `market-closed`, `max-order-quantity`, `max-order-value`, `price-collar`, `insufficient-funds` and `insufficient-shares`. An order that needs a price is answered 503 `prices-unavailable` while none is recent enough.',
    headers: waitingHeaders,
    body: { schema: placeOrderBody, required: true },
    answer: orderResponse,
    answers: {
      201: 'The order is durable, approved and paid for, and on its way to the brokerage.',
      200: 'The order exists with the same terms; this is its current state.',
    },
    refusals: {
      404: 'The account is not found, or not visible to you: `account-not-found`.',
      409: 'An order of this name exists with other terms: `order-already-placed`; `errors` names the fields that differ. The account has too many open orders: `too-many-open-orders`.',
      422: `${keyReused} A rule denies the order: \`order-denied\`, with its \`id\`, the \`rule\` and its \`figures\`. The order is stored and readable; \`Location\` and \`Consistency-Token\` are as for 201.`,
    },
    answerHeaders: ['Location', ...version, 'Preference-Applied'],
  },
  {
    method: 'post',
    path: '/v1/orders/{id}/cancel',
    needs: ['trade'],
    operationId: 'cancelOrder',
    tag: 'Orders',
    summary: 'Request to cancel an order',
    description:
      'The order becomes `pendingCancel`; it is cancelled only when the brokerage confirms, and may trade until then. The kill switch does not block cancels.',
    pathParameters: orderPath,
    headers: cancelHeaders,
    body: { schema: cancelOrderBody.unwrap(), required: false },
    answer: orderResponse,
    answers: { 202: 'The request is stored.' },
    refusals: {
      404: notVisible,
      409: `A cancel was requested before: \`cancel-already-requested\`. The order has ended: \`order-not-cancelable\`.`,
      412: changed('order', 'order-changed'),
      422: keyReused,
    },
    answerHeaders: ['Location', ...version, 'Preference-Applied'],
  },
  {
    method: 'post',
    path: '/v1/orders/{id}/replace',
    needs: ['trade'],
    operationId: 'replaceOrder',
    tag: 'Orders',
    summary: 'Request new terms for an order',
    description:
      'For an order that the brokerage works. It becomes `pendingReplace` and shows the `requested` terms; the old terms apply until the brokerage confirms. `quantity` is the new total, filled shares included. The risk rules check the new terms as for a new order.',
    pathParameters: orderPath,
    headers: replaceHeaders,
    body: { schema: replaceOrderBody, required: true },
    answer: orderResponse,
    answers: { 202: 'The request is stored.' },
    refusals: {
      404: notVisible,
      409: `The brokerage does not work the order: \`order-not-replaceable\`. A replace is pending: \`replace-already-requested\`. The new quantity has already traded: \`replace-below-filled\`. The order has too many revisions: \`too-many-revisions\`.`,
      412: changed('order', 'order-changed'),
      422: `${keyReused} A rule denies the new terms: \`replace-denied\`, with \`rule\` and \`figures\`. Nothing is stored; the order continues unchanged.`,
    },
    answerHeaders: ['Location', ...version],
  },
];

const accountRoutes: readonly Route[] = [
  {
    method: 'post',
    path: '/v1/accounts',
    needs: ['trade'],
    operationId: 'openAccount',
    tag: 'Accounts',
    summary: 'Open an account',
    description: 'You own it and may use it at once. The same key is the same account.',
    headers: keyedHeaders,
    body: { schema: openAccountBody.unwrap(), required: false },
    answer: accountResponse,
    answers: { 201: 'The account is open.', 200: 'The account exists; this is its current state.' },
    refusals: { 409: 'You opened too many: `too-many-accounts`.', 422: keyReused },
    answerHeaders: ['Location', ...version],
  },
  {
    method: 'post',
    path: '/v1/accounts/{id}/deposits',
    needs: ['operator', 'treasury'],
    operationId: 'depositFunds',
    tag: 'Accounts',
    summary: 'Deposit money',
    description:
      'For operators and the treasury; a client cannot deposit. The same key of the same subject is the same deposit and gets the same answer.',
    pathParameters: accountPath,
    headers: keyedHeaders,
    body: { schema: movementBody, required: true },
    answer: movementResponse,
    answers: { 201: 'The money is in the account.', 200: 'This deposit was made before.' },
    refusals: {
      403: 'The token lacks the roles `operator` and `treasury`: `operators-only`.',
      404: 'The account does not exist.',
      422: keyReused,
    },
    answerHeaders: version,
  },
  {
    method: 'post',
    path: '/v1/accounts/{id}/withdrawals',
    needs: ['transfer'],
    operationId: 'withdrawFunds',
    tag: 'Accounts',
    summary: 'Withdraw money',
    description:
      'At most the buying power; reserved money cannot be withdrawn. The same key of the same subject is the same withdrawal and gets the same answer. A token has the scope `transfer` only if it names it.',
    pathParameters: accountPath,
    headers: keyedHeaders,
    body: { schema: movementBody, required: true },
    answer: movementResponse,
    answers: { 201: 'The money has left the account.', 200: 'This withdrawal was made before.' },
    refusals: {
      404: notVisible,
      422: `${keyReused} Insufficient funds: \`insufficient-funds\`, with \`needed\` and \`available\`.`,
    },
    answerHeaders: version,
  },
  {
    method: 'post',
    path: '/v1/accounts/{id}/grants',
    needs: ['operator'],
    operationId: 'grantAccess',
    tag: 'Operators',
    summary: 'Grant access to an account',
    description: 'For operators. The subject may use the account at once, with the named scopes and no others.',
    pathParameters: accountPath,
    headers: matchHeaders,
    body: { schema: grantBody, required: true },
    answer: grantsResponse,
    answers: { 201: 'Access is granted.', 200: 'It was already granted, or the subject is the owner.' },
    refusals: { ...operators, 404: 'The account does not exist.', 412: changed('account', 'account-changed') },
    answerHeaders: version,
  },
  {
    method: 'delete',
    path: '/v1/accounts/{id}/grants/{subject}',
    needs: ['operator'],
    operationId: 'revokeAccess',
    tag: 'Operators',
    summary: 'Revoke access to an account',
    description: 'For operators. The owner keeps access.',
    pathParameters: grantPath,
    headers: matchHeaders,
    answer: grantsResponse,
    answers: { 200: 'The subject has no grant now.' },
    refusals: { ...operators, 404: 'The account does not exist.', 412: changed('account', 'account-changed') },
    answerHeaders: version,
  },
];

const operatorRoutes: readonly Route[] = [
  {
    method: 'post',
    path: '/v1/admin/kill-switch',
    needs: ['operator'],
    operationId: 'setKillSwitch',
    tag: 'Operators',
    summary: 'Halt or resume trading',
    description:
      'For operators. At once, new orders and replaces of the scope are denied, or accepted again. Open orders stay, and cancels are accepted. Who did it and why is recorded.',
    body: { schema: killSwitchBody, required: true },
    answer: controlsResponse,
    answers: { 200: 'The change is in effect.' },
    refusals: { ...operators, 404: 'The scope names an account that does not exist.' },
    answerHeaders: version,
  },
  {
    method: 'put',
    path: '/v1/admin/limits/{scope}',
    needs: ['operator'],
    operationId: 'setLimits',
    tag: 'Operators',
    summary: 'Set order limits',
    description:
      'For operators. Replaces all limits of the scope, so `If-Match` is required; an absent limit does not apply. For each order the tighter of the limits for `all` and for its account applies.',
    pathParameters: limitsPath,
    headers: matchHeaders,
    body: { schema: limitsBody, required: true },
    answer: controlsResponse,
    answers: { 200: 'The change is in effect.' },
    refusals: {
      ...operators,
      404: 'The scope names an account that does not exist.',
      412: changed('controls', 'controls-changed'),
      428: '`If-Match` is missing: `if-match-missing`, with the current limits and their `ETag`.',
    },
    answerHeaders: version,
  },
];

/** Every route that writes. */
export const writeRoutes: readonly Route[] = [...orderRoutes, ...accountRoutes, ...operatorRoutes];
