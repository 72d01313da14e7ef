import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import { addCodecs } from './codecs.ts';
import { MessagingError } from '../errors.ts';
import { decodeFetch, isFetch } from './fetch-response.ts';
import { encodeProduce, type ProduceParameters } from './produce-request.ts';
import { fetchStableOffsets } from '../consumer/stable-offsets.ts';

/**
 * Patches for kafkajs 2.2.4, the last release (2023; unmaintained). They change prototypes of its internals, so they
 * refuse any other version. Each has a test that shows the fault without it.
 */
const version = '2.2.4';

/**
 * A broker that is still ending an id's previous transaction answers CONCURRENT_TRANSACTIONS, normally for 1 to 5 ms.
 */
const concurrentTransactions = { firstWaitMs: 1, maxWaitMs: 50, deadlineMs: 15_000 };

/** A group that has read nothing in `fetches` fetches waits `waitMs` for the next byte. */
const idle = { fetches: 10, waitMs: 500 };

const load = createRequire(import.meta.url);

type Method = (this: object, ...args: unknown[]) => unknown;
type Class = { readonly prototype: Record<string, Method> };

interface Produce {
  readonly request: { readonly apiVersion: number };
}

interface RequestQueue {
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  pending: unknown[];
  throttledUntil: number;
  checkPendingRequests(): void;
}

/** A record as kafkajs decodes it. */
export interface FetchedRecord {
  readonly offset: string;
  readonly key: Buffer | null;
  isControlRecord: boolean;
  readonly batchContext: { readonly producerId: string; readonly inTransaction: boolean };
}

/** One partition in a fetch response. */
export interface FetchedPartition {
  abortedTransactions: readonly { readonly producerId: string; readonly firstOffset: string }[] | null;
  readonly messages: readonly FetchedRecord[];
}

/**
 * Hides the records of aborted transactions like control records, so that offsets still count. kafkajs's filter takes
 * one aborted transaction per record, in the order in which they ended, and mistakes a user's key `00 00 00 00` for an
 * abort marker: with two open transactions on a partition it delivers aborted records. Here, as in the Java client, the
 * broker's list is sorted by first offset.
 */
function hideAborted(partition: FetchedPartition): void {
  const begun = (partition.abortedTransactions ?? [])
    .map(({ producerId, firstOffset }) => ({ producerId, firstOffset: BigInt(firstOffset) }))
    .sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1));
  partition.abortedTransactions = null;
  if (begun.length === 0) return;
  const aborted = new Set<string>();
  let next = 0;
  for (const record of partition.messages) {
    const offset = BigInt(record.offset);
    for (let each = begun[next]; each && each.firstOffset <= offset; each = begun[next]) {
      aborted.add(each.producerId);
      next += 1;
    }
    const { producerId, inTransaction } = record.batchContext;
    if (record.isControlRecord) {
      if (isAbortMarker(record)) aborted.delete(producerId);
    } else if (inTransaction && aborted.has(producerId)) record.isControlRecord = true;
  }
}

/** Key of a control record: version int16, type int16; type 0 = abort, 1 = commit. */
const isAbortMarker = ({ key }: FetchedRecord): boolean => key !== null && key.length >= 4 && key.readInt16BE(2) === 0;

/** Sets a timer only while requests wait. The original sets one every 1 ms, forever, on every connection. */
function calmTimers(): void {
  const { prototype } = load('kafkajs/src/network/requestQueue') as Class;
  prototype['scheduleCheckPendingRequests'] = function (this: object) {
    const queue = this as RequestQueue;
    if (queue.throttleCheckTimeoutId || queue.pending.length === 0) return;
    const wait = queue.throttledUntil - Date.now();
    queue.throttleCheckTimeoutId = setTimeout(
      () => {
        queue.throttleCheckTimeoutId = null;
        queue.checkPendingRequests();
      },
      wait > 0 ? wait : 10,
    );
  };
}

function filterAborted(prototype: Class['prototype']): void {
  const fetch = prototype['fetch'] as Method;
  prototype['fetch'] = async function (this: object, ...args) {
    const answer = (await fetch.apply(this, args)) as { responses: { partitions: FetchedPartition[] }[] };
    for (const { partitions } of answer.responses) partitions.forEach(hideAborted);
    return answer;
  };
}

/** Coordinators by client (a kafkajs Cluster), then by kind and name; all are dropped when any may have moved. */
let coordinators = new WeakMap<object, Map<string, unknown>>();

/**
 * Retries a request of a transaction while the broker is still writing the previous transaction's markers. kafkajs
 * waits 300 ms or longer for InitProducerId whatever its settings, never retries AddOffsetsToTxn, and reloads metadata
 * for each retry of AddPartitionsToTxn. EndTxn is never retried: if its outcome is in doubt, the producer is discarded.
 */
function waitForPreviousTransaction(prototype: Class['prototype'], name: string): void {
  const repeats = name !== 'endTxn';
  const request = prototype[name] as Method;
  prototype[name] = async function (this: object, ...args) {
    const deadline = Date.now() + concurrentTransactions.deadlineMs;
    for (let wait = concurrentTransactions.firstWaitMs; ; wait = Math.min(wait * 1.5, concurrentTransactions.maxWaitMs)) {
      try {
        return await request.apply(this, args);
      } catch (error) {
        const concurrent = (error as { type?: string }).type === 'CONCURRENT_TRANSACTIONS';
        if (!concurrent) coordinators = new WeakMap();
        if (!concurrent || !repeats || Date.now() > deadline) throw error;
      }
      await delay(wait);
    }
  };
}

/**
 * Remembers the coordinators of a transactional producer's id and group: kafkajs looks them up before each of a
 * transaction's five requests. They are forgotten after any error of these requests, and with the client. Consumers and
 * admins still look them up.
 */
function rememberCoordinators(): void {
  const { prototype } = load('kafkajs/src/cluster') as Class;
  const find = prototype['findGroupCoordinatorMetadata'] as Method;
  prototype['findGroupCoordinatorMetadata'] = async function (this: object, ...args) {
    const { groupId, coordinatorType = 0 } = args[0] as { groupId: string; coordinatorType?: number };
    const ofTransaction = coordinatorType === 1;
    const known = coordinators.get(this);
    if (!ofTransaction && !known) return find.apply(this, args);
    const key = `${coordinatorType}:${groupId}`;
    const found = known?.get(key) ?? (await find.apply(this, args));
    // Not `known`: all may have been forgotten meanwhile.
    coordinators.set(this, (coordinators.get(this) ?? new Map<string, unknown>()).set(key, found));
    return found;
  };
}

/**
 * Out of range means that the log no longer (or not yet) contains our position. kafkajs would silently commit the log's
 * start and continue.
 */
function refuseSilentReset(): void {
  const { prototype } = load('kafkajs/src/consumer/consumerGroup') as Class;
  prototype['recoverFromOffsetOutOfRange'] = async function (error: unknown) {
    throw new kafkajs.KafkaJSNonRetriableError(error as Error);
  };
}

interface IdleGroup {
  maxWaitTime: number;
  paused(): readonly unknown[];
}

/**
 * Makes the fetches of an idle group wait longer. A fetch returns with the first byte, so data is never delayed; an
 * idle group notices a rebalance or a stop within 500 ms instead of 100. Nine idle consumers that fetch ten times a
 * second cost the broker 11 % of a core.
 */
function restWhenIdle(): void {
  const { prototype } = load('kafkajs/src/consumer/consumerGroup') as Class;
  const fetch = prototype['fetch'] as Method;
  const known = new WeakMap<object, { readonly waitMs: number; empty: number }>();
  prototype['fetch'] = async function (this: object, ...args) {
    const group = this as IdleGroup;
    const state = known.get(group) ?? { waitMs: group.maxWaitTime, empty: 0 };
    known.set(group, state);
    const batches = (await fetch.apply(this, args)) as readonly { readonly rawMessages: readonly unknown[] }[];
    // No batch at all means no fetch: there is no partition, all are paused, or the fetch failed.
    const isIdle =
      batches.length > 0 && batches.every(({ rawMessages }) => rawMessages.length === 0) && group.paused().length === 0;
    state.empty = isIdle ? state.empty + 1 : 0;
    group.maxWaitTime = state.empty >= idle.fetches ? Math.max(idle.waitMs, state.waitMs) : state.waitMs;
    return batches;
  };
}

/**
 * kafkajs reads committed offsets with a version that returns the old offset while a transaction with a new one is
 * ending.
 */
function readStableOffsets(prototype: Class['prototype']): void {
  const offsetFetch = prototype['offsetFetch'] as Method;
  prototype['offsetFetch'] = async function (this: object, ...args) {
    return (await fetchStableOffsets(this, args[0] as Parameters<typeof fetchStableOffsets>[1])) ?? offsetFetch.apply(this, args);
  };
}

/** Writes Produce requests in one pass: see `encodeProduce`. */
function encodeInOnePass(prototype: Class['prototype']): void {
  const { requests } = load('kafkajs/src/protocol/requests') as { requests: { Produce: object } };
  const Encoder = load('kafkajs/src/protocol/encoder') as new (size: number) => { buf: Buffer; offset: number };
  const sendRequest = Object.getOwnPropertySymbols(prototype).find(
    ({ description }) => description === 'private:Broker:sendRequest',
  );
  if (!sendRequest) throw new Error('kafkajs has no Broker.sendRequest; its version is checked, so this is our bug');
  prototype['produce'] = async function (this: object, given) {
    const broker = this as { lookupRequest(apiKey: number, of: object): (parameters: object) => Produce } & Record<
      symbol,
      Method
    >;
    const parameters = { acks: -1, timeout: 30_000, ...(given as object) } as ProduceParameters;
    const protocol = broker.lookupRequest(0, requests.Produce)(parameters);
    const encode = async () => {
      const buf = await encodeProduce(parameters);
      return Object.assign(new Encoder(1), { buf, offset: buf.length });
    };
    if (protocol.request.apiVersion >= 3) Object.assign(protocol.request, { encode });
    return broker[sendRequest]?.(protocol);
  };
}

/** Reads Fetch responses in one pass: see `decodeFetch`. */
function decodeInOnePass(): void {
  const { prototype } = load('kafkajs/src/network/connectionPool') as Class;
  const send = prototype['send'] as Method;
  prototype['send'] = async function (this: object, ...args) {
    const protocol = args[0] as { request: Parameters<typeof isFetch>[0]; response: { decode(bytes: Buffer): Promise<object> } };
    if (!isFetch(protocol.request)) return send.call(this, protocol);
    const { response } = protocol;
    const decode = async (bytes: Buffer) => (await decodeFetch(bytes)) ?? response.decode(bytes);
    return send.call(this, { ...protocol, response: { ...response, decode } });
  };
}

const transactionRequests = ['initProducerId', 'addPartitionsToTxn', 'addOffsetsToTxn', 'txnOffsetCommit', 'endTxn'];
let patched = false;

/** Applies all patches once. Throws `MessagingError` `kafkajs-version` for any release other than theirs. */
export function patchKafkajs(found = (load('kafkajs/package.json') as { version: string }).version): void {
  if (found !== version) {
    throw new MessagingError('kafkajs-version', `kafkajs ${found} is installed; kafkajs-patches.ts supports only ${version}`);
  }
  if (patched) return;
  patched = true;
  calmTimers();
  rememberCoordinators();
  refuseSilentReset();
  restWhenIdle();
  const { prototype: broker } = load('kafkajs/src/broker') as Class;
  filterAborted(broker);
  readStableOffsets(broker);
  encodeInOnePass(broker);
  decodeInOnePass();
  for (const request of transactionRequests) waitForPreviousTransaction(broker, request);
  addCodecs();
}
