import { TooManyNotices, untoldNotices } from '@tradecore/checks';
import { noticesGroup } from '@tradecore/events';
import type { KafkaClient } from '@tradecore/messaging';
import type { Fleet } from '../fleet.ts';
import { operation, Refused } from '../operations.ts';
import type { Report, Row } from '../output.ts';
import { timeIn, type Plan, type Shell } from '../shell.ts';

/** Untold notices that are listed, at most. */
const listLimit = 200;
/** A younger event may still be on its way to the notifier, in ms. */
const underWayMs = 60_000;

/** Where the notifier goes on in one partition. */
export interface NoticePosition {
  readonly topic: string;
  readonly partition: number;
  /** What the notifier does not go on from by itself is not `there`. */
  readonly state: 'there' | 'missing' | 'beyond the end' | 'of another log';
  /** Records that it has not read. */
  readonly left: number;
}

/** `notices ...` */
export function noticesCommands(shell: Shell): void {
  const group = shell.group('notices', "the notifier's positions, which lie at the broker");
  shell.report(
    group,
    { usage: 'positions', description: 'where the notifier goes on; exit code 1 when one is lost' },
    async ({ kafka }) => {
      const rows = (await noticePositions(kafka)).map((position): Row => ({ ...position }));
      return { rows, nothing: 'no topic is there', code: rows.some(({ state }) => state !== 'there') ? 1 : 0 };
    },
  );
  const beginAgain = {
    usage: 'begin-again',
    description:
      'sets the positions that are lost to a time, or to the end, which tells nothing of the past; the notifier goes on by itself',
    options: { '--since <time>': 'RFC 3339; too early tells people twice' },
  };
  const untold = {
    usage: 'untold',
    description: 'notices of stored events that were not sent, the oldest first; exit code 1 when there are some',
    options: { '--since <time>': 'RFC 3339; an hour ago when absent' },
  };
  shell.report(group, untold, (fleet, typed) => untoldReport(fleet, timeIn(typed, 'since')));
  shell.act(group, beginAgain, (fleet, typed) => planned(fleet, timeIn(typed, 'since')));
}

/** What people were not told, after the notifier began at the end. */
async function untoldReport(fleet: Fleet, since: string | null): Promise<Report> {
  const from = new Date(since ?? Date.now() - 3_600_000).toISOString();
  const until = new Date(Date.now() - underWayMs).toISOString();
  const notices = await untoldNotices(fleet, { since: from, until }).catch((error: unknown) => {
    throw error instanceof TooManyNotices ? new Refused(error.message) : error;
  });
  const rows = notices
    .slice(0, listLimit)
    .map(({ time, kind, accountId: account, orderId: order = null, text }): Row => ({ time, kind, account, order, text }));
  const more = notices.length - rows.length;
  return { rows, nothing: 'every notice was sent', ...(more > 0 && { more: `${more} more` }), code: rows.length > 0 ? 1 : 0 };
}

/** Every partition that the notifier reads. */
export async function noticePositions(kafka: KafkaClient): Promise<NoticePosition[]> {
  return (await Promise.all(noticesGroup.topics.map((topic) => positionsIn(kafka, topic)))).flat();
}

async function positionsIn(kafka: KafkaClient, topic: string): Promise<NoticePosition[]> {
  const [committed, marks] = await Promise.all([
    kafka.committedOffsets(noticesGroup.name, topic),
    kafka.committedMarks(noticesGroup.name, topic),
  ]);
  // After the positions: one that moves meanwhile is not taken for one beyond the end.
  const [ends, ids] = await Promise.all([kafka.endOffsets(topic), kafka.topicIds([topic])]);
  const partitions = [...ends.keys()].toSorted((one, other) => one - other).map((partition) => ({ topic, partition }));
  const byKey = new Map([...marks].map(([partition, mark]) => [`${topic}/${partition}`, mark]));
  const others = await kafka.otherLogs(partitions, byKey, ids);
  return partitions.map(({ partition }) => {
    const [at, end = 0n] = [committed.get(partition), ends.get(partition)];
    const state = others.has(`${topic}/${partition}`) ? 'of another log' : stateOf(at, end);
    return { topic, partition, state, left: at === undefined ? 0 : Math.max(0, Number(end - at)) };
  });
}

const stateOf = (at: bigint | undefined, end: bigint): NoticePosition['state'] => {
  if (at === undefined) return 'missing';
  return at > end ? 'beyond the end' : 'there';
};

async function planned({ kafka, database }: Fleet, since: string | null): Promise<Plan> {
  const lost = (await noticePositions(kafka)).filter(({ state }) => state !== 'there');
  if (lost.length === 0) throw new Refused('the notifier has all its positions');
  return {
    name: noticesGroup.name,
    shown: { rows: lost.map((position): Row => ({ ...position, from: since ?? 'the end' })), nothing: '' },
    act: async (why) => {
      const names = lost.map(({ topic, partition }) => `${topic}/${partition}`).join(', ');
      await operation(database, 'begin_notices', since, names, why);
      return { rows: await set(kafka, lost, since), nothing: '' };
    },
  };
}

/** As the notifier sets its first positions: in a transaction, under an id of its own. */
async function set(kafka: KafkaClient, lost: readonly NoticePosition[], since: string | null): Promise<Row[]> {
  const producer = await kafka.openTransactional({ transactionalId: `${noticesGroup.name}.operate` });
  const rows: Row[] = [];
  try {
    for (const { topic, partition } of lost) {
      const starts = since === null ? await kafka.endOffsets(topic) : await kafka.offsetsAt(topic, new Date(since));
      const offset = starts.get(partition) ?? 0n;
      await producer.send({ batches: [], group: noticesGroup.name, positionTopic: topic, partition, offset });
      rows.push({ topic, partition, 'goes on at': String(offset) });
    }
  } finally {
    await producer.discard();
  }
  return rows;
}
