import { hash } from 'node:crypto';
import { parse, v7 } from 'uuid';

/** Root of all derived names of TradeCore: UUIDv5 of the DNS name `tradecore.dev`. Changing it renames every order. */
const tradecore = parse('f17a27d4-5f8b-5e3e-acda-11cf9cf0904e');

/** A fresh id: UUIDv7 (RFC 9562), so that new rows land at the end of an index. */
export const freshId = (): string => v7();

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Whether a text is an id as we write it: a UUID in lower case. */
export const isUuid = (text: string): boolean => uuid.test(text);

/**
 * Buffer in which a name is assembled for hashing, after the root: nearly all names fit, and a buffer for each would
 * cost as much as the hash.
 */
const scratch = Buffer.alloc(4096);
scratch.set(tradecore);

/**
 * A name as an id: UUIDv5 of the parts, each with its length, so that ('a', 'bc') and ('ab', 'c') differ. The same
 * parts always give the same id, so that a repeat is recognised without a table.
 */
export function derivedId(...parts: readonly string[]): string {
  let name = '';
  for (const part of parts) name += `${Buffer.byteLength(part)}:${part}`;
  const length = tradecore.length + Buffer.byteLength(name);
  if (length > scratch.length) return uuidV5(hash('sha1', Buffer.concat([tradecore, Buffer.from(name)]), 'hex'));
  scratch.write(name, tradecore.length);
  return uuidV5(hash('sha1', scratch.subarray(0, length), 'hex'));
}

/**
 * Caches the latest names of a kind: code that follows an order needs the same few repeatedly, and each takes a hash.
 */
function remembered(derive: (key: string) => string): (key: string) => string {
  const known = new Map<string, string>();
  return (key) => {
    const id = known.get(key);
    if (id !== undefined) return id;
    if (known.size === 10_000) known.clear();
    const derived = derive(key);
    known.set(key, derived);
    return derived;
  };
}

/**
 * A SHA-1 formatted as RFC 9562 requires, with version and variant set. Implemented here because `v5` of uuid takes 4
 * to 8 us, and each event has such an id: this takes 1 to 2.
 */
function uuidV5(sha1: string): string {
  const variant = ((parseInt(sha1.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return `${sha1.slice(0, 8)}-${sha1.slice(8, 12)}-5${sha1.slice(13, 16)}-${variant}${sha1.slice(17, 20)}-${sha1.slice(20, 32)}`;
}

/** The id of an order named by its client. */
export const orderIdFor = (accountId: string, clientOrderId: string): string => derivedId('order', accountId, clientOrderId);

/** The id of an order that the client did not name: from the Idempotency-Key of the request. */
export const orderIdForKey = (accountId: string, idempotencyKey: string): string =>
  derivedId('order-by-key', accountId, idempotencyKey);

/** The id of the `index`-th event that a command causes in an aggregate: a repeated command repeats its ids. */
export const causedEventId = (commandId: string, aggregateId: string, index: number): string =>
  derivedId('event', commandId, aggregateId, String(index));

/** The id of an account: from the person who opens it and the Idempotency-Key of the request. */
export const accountIdFor = (owner: string, idempotencyKey: string): string => derivedId('account', owner, idempotencyKey);

/** The id of an order's saga. */
export const placementIdFor = remembered((orderId) => derivedId('order-placement', orderId));

/** The id of the command that places an order: it identifies every event of the save. */
export const placeCommandId = (orderId: string): string => derivedId('place', orderId);

/**
 * The id of an order's second event when the request has both an Idempotency-Key and a clientOrderId: the store's
 * unique key detects a reused key.
 */
export const orderKeyEventId = (accountId: string, idempotencyKey: string): string =>
  derivedId('order-key', accountId, idempotencyKey);

/**
 * The id of the event that is the first attempt of the step that sends a BrokerOrder: with it the terms can always be
 * found, by primary key.
 */
export const submitStepEventId = (brokerOrderId: string): string => derivedId('submit-step', brokerOrderId);

/** The id of one revision of an order at the brokerage, and its `client_order_id` there; independent of the attempt. */
export const brokerOrderIdFor = (orderId: string, revision: number): string =>
  revision === 1 ? firstBrokerOrderId(orderId) : derivedId('broker-order', orderId, String(revision));

const firstBrokerOrderId = remembered((orderId) => derivedId('broker-order', orderId, '1'));

/** The id of an order at the brokerage that is not ours. */
export const foreignOrderIdFor = (brokerage: string, brokerageOrderId: string): string =>
  derivedId('foreign-order', brokerage, brokerageOrderId);

/** The id of an execution, from the brokerage's own. */
export const executionIdFor = (brokerage: string, brokerageExecutionId: string): string =>
  derivedId('execution', brokerage, brokerageExecutionId);

/** The id of the TradingControl of a scope: `all` or an account's id. */
export const tradingControlIdFor = (scope: string): string => derivedId('trading-control', scope);

/** The command id of a saga's step: from its saga, its kind and its subject, independent of the attempt. */
export const stepIdFor = (sagaId: string, kind: string, about: string): string => derivedId('step', sagaId, kind, about);
