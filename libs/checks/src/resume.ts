import { HaltedOutbox, relayNames, type GivenUp, type PublishedEvent, type Resumed } from '@tradecore/event-sourcing';
import { catalogue, topics, type Catalogue } from '@tradecore/events';
import { decode, saveOf, Undecodable, type IncomingMessage, type KafkaClient } from '@tradecore/messaging';

/** The operator's decision. */
export interface ResumeOptions {
  /** A login with operator rights. */
  readonly url: string;
  readonly kafka: KafkaClient;
  /** RFC 3339, before the store and the broker diverged: every event stored since then will be on its topic once. */
  readonly since: string;
  /** What the topics hold beyond the store's heads is given up, not taken back. */
  readonly forgetTail?: boolean;
  /** Kept with the record of the decision. */
  readonly why: string;
  /** Called before the commit with the planned changes; false: nothing is changed. */
  readonly confirm: (resumption: Resumption) => boolean;
  readonly catalogue?: Catalogue;
}

/** The result, or the plan. */
export interface Resumption extends Resumed {
  /** The broker's; undefined if it has none. */
  readonly position: bigint | undefined;
  /** Records read. */
  readonly read: number;
  /** What is given up, at most `givenUpLimit`. */
  readonly givenUpEvents: readonly GivenUp[];
}

/** How many given-up events are listed. */
export const givenUpLimit = 1000;
/** Limits of one call to the store: events, and bytes of their data. */
const pageSize = 1000;
const pageBytes = 4 * 1024 * 1024;

/** The store was restored aside, and these topics are those of the live one: it must not speak for it. */
export class CopyOfLive extends Error {
  override readonly name = 'CopyOfLive';
}

/**
 * Carries out the operator's decision after a halt or a restore. Fences any relay still at work, reads every topic of
 * stored events to its current end, takes back the events that the store has lost, and makes the outbox hold exactly
 * the stored events missing there. Then the store adopts the broker's position and opens. One transaction. Throws
 * `NotHalted`, `CopyOfLive`.
 */
export async function resume(options: ResumeOptions): Promise<Resumption> {
  const { url, kafka, since, forgetTail = false, why, confirm, catalogue: types = catalogue } = options;
  const outbox = await HaltedOutbox.open(url);
  try {
    await mustNotBeLive(outbox, kafka);
    const { group, transactionalId } = relayNames(outbox.storeId);
    await (await kafka.openTransactional({ transactionalId, writer: 'relay' })).discard();
    const position = (await kafka.committedOffsets(group, topics.relayPosition.name)).get(0);
    const from = new Date(since).toISOString();
    const read = await tellTopics(outbox, kafka, { from, types });
    const decided = await outbox.decide({ since: from, position, catalogue: types, forgetTail, why });
    const resumption = { ...decided, position, read, givenUpEvents: await outbox.givenUp(givenUpLimit) };
    if (confirm(resumption)) await outbox.commit();
    return resumption;
  } finally {
    await outbox.close();
  }
}

/** The live store's relay has its position in its own namespace. */
async function mustNotBeLive({ copyOf }: HaltedOutbox, kafka: KafkaClient): Promise<void> {
  if (copyOf === null) return;
  const live = await kafka.committedOffsets(relayNames(copyOf).group, topics.relayPosition.name);
  if (live.has(0))
    throw new CopyOfLive(
      `this is a copy of the store ${copyOf}, whose relay writes to these topics: a copy needs a NAMESPACE of its own`,
    );
}

/**
 * Tells the store what the topics hold up to their current end, as a `read_committed` reader sees it. Returns the
 * number of records.
 */
async function tellTopics(
  outbox: HaltedOutbox,
  kafka: KafkaClient,
  { from, types }: { readonly from: string; readonly types: Catalogue },
): Promise<number> {
  const waiting = await outbox.waiting();
  let page: PublishedEvent[] = [];
  let bytes = 0;
  let read = 0;
  const take = async (records: readonly IncomingMessage[]): Promise<void> => {
    read += records.length;
    const events = records.flatMap(publishedIn).filter(({ id, time }) => waiting.has(id) || time >= from);
    page.push(...events);
    for (const { dataText } of events) bytes += dataText.length;
    if (page.length < pageSize && bytes < pageBytes) return;
    const full = page;
    [page, bytes] = [[], 0];
    await outbox.tell(full);
  };
  for (const name of new Set(Object.values(types).map(({ topic }) => topic))) await kafka.readTopic(name, take);
  await outbox.tell(page);
  return read;
}

function publishedIn(record: IncomingMessage): PublishedEvent[] {
  const event = decode(record);
  if (event instanceof Undecodable) return [];
  const { data: _, ...rest } = event;
  const { topic, partition, offset, value } = record;
  return [{ ...rest, topic, partition, offset, dataText: String(value), save: saveOf(record) }];
}
