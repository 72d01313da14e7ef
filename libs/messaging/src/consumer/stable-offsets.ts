import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import {
  compactArray,
  compactString,
  int32,
  noTags,
  sendFlexible,
  type ConnectedBroker,
  type Fields,
} from '../wire/flexible-fields.ts';

const load = createRequire(import.meta.url);

/** OffsetFetch, and its first version that can request only stable offsets (KIP-447; Apache Kafka 2.5, Redpanda 22). */
const api = { apiKey: 9, apiVersion: 7, apiName: 'OffsetFetch' };

/** The broker's answer while a transaction of the group is ending; retried every 5 ms for at most 20 s. */
const unstable = 'UNSTABLE_OFFSET_COMMIT';
const unstableCode = 88;
const wait = { everyMs: 5, deadlineMs: 20_000 };

/** A group's committed offsets as kafkajs expects them; -1 = none. */
interface OffsetFetchAnswer {
  readonly errorCode: number;
  readonly responses: readonly {
    readonly topic: string;
    readonly partitions: readonly { partition: number; offset: string; metadata: string | null; errorCode: number }[];
  }[];
}

interface OffsetFetchRequest {
  readonly groupId: string;
  readonly topics: readonly { readonly topic: string; readonly partitions: readonly { readonly partition: number }[] }[];
}

/**
 * The request's bytes after kafkajs's header v1. Flexible versions use header v2: v1 plus tagged fields (none here).
 */
function encodeRequest({ groupId, topics }: OffsetFetchRequest): Buffer {
  const asked = topics.map(({ topic, partitions }) =>
    Buffer.concat([compactString(topic), compactArray(partitions.map(({ partition }) => int32(partition))), noTags]),
  );
  const requireStable = Buffer.from([1]);
  return Buffer.concat([noTags, compactString(groupId), compactArray(asked), requireStable, noTags]);
}

function decodeAnswer(fields: Fields): OffsetFetchAnswer {
  fields.skipTags();
  fields.int32();
  const responses = fields.array(() => {
    const topic = fields.string() ?? '';
    const partitions = fields.array(() => {
      const partition = fields.int32();
      const offset = String(fields.int64());
      fields.int32();
      const metadata = fields.string();
      const errorCode = fields.int16();
      fields.skipTags();
      return { partition, offset, metadata, errorCode };
    });
    fields.skipTags();
    return { topic, partitions };
  });
  return { responses, errorCode: fields.int16() };
}

function refuse(answer: OffsetFetchAnswer): OffsetFetchAnswer {
  const codes = [answer.errorCode, ...answer.responses.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode))];
  const code = codes.find((each) => each !== 0);
  if (code === undefined) return answer;
  if (code === unstableCode) throw Object.assign(new Error('a transaction of the group is still ending'), { type: unstable });
  const { createErrorFromCode } = load('kafkajs/src/protocol/error') as { createErrorFromCode: (code: number) => Error };
  throw createErrorFromCode(code);
}

/** Fetches stable offsets; undefined when the broker is too old to support them. */
export async function fetchStableOffsets(broker: object, request: OffsetFetchRequest): Promise<OffsetFetchAnswer | undefined> {
  const body = encodeRequest(request);
  for (const deadline = Date.now() + wait.deadlineMs; ; await delay(wait.everyMs)) {
    try {
      return await sendFlexible(broker as ConnectedBroker, api, body, (fields) => refuse(decodeAnswer(fields)));
    } catch (error) {
      if ((error as { type?: string }).type !== unstable || Date.now() > deadline) throw error;
    }
  }
}
