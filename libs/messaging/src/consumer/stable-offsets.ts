import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { compactArray, compactString, Fields, int32, noTags } from '../wire/flexible-fields.ts';

const load = createRequire(import.meta.url);

/** OffsetFetch, and its first version that can request only stable offsets (KIP-447; Apache Kafka 2.5, Redpanda 22). */
const apiKey = 9;
const apiVersion = 7;

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

/** The parts of kafkajs's Broker that this request needs. */
interface Connected {
  readonly versions: Readonly<Record<number, { readonly maxVersion: number }>> | null;
  readonly connectionPool: { send(request: object): Promise<OffsetFetchAnswer> };
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

/** Decodes the response after the correlation id. */
function decodeAnswer(bytes: Buffer): OffsetFetchAnswer {
  const fields = new Fields(bytes);
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
  const { versions, connectionPool } = broker as Connected;
  if ((versions?.[apiKey]?.maxVersion ?? 0) < apiVersion) return undefined;
  const Encoder = load('kafkajs/src/protocol/encoder') as new () => { writeBuffer(bytes: Buffer): object };
  const protocol = {
    request: {
      apiKey,
      apiVersion,
      apiName: 'OffsetFetch',
      encode: async () => new Encoder().writeBuffer(encodeRequest(request)),
    },
    response: {
      decode: async (bytes: Buffer) => decodeAnswer(bytes),
      parse: async (answer: OffsetFetchAnswer) => refuse(answer),
    },
  };
  for (const deadline = Date.now() + wait.deadlineMs; ; await delay(wait.everyMs)) {
    try {
      return await connectionPool.send(protocol);
    } catch (error) {
      if ((error as { type?: string }).type !== unstable || Date.now() > deadline) throw error;
    }
  }
}
