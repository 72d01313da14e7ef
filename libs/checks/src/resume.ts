import { HaltedOutbox, relayNames, type GivenUp, type PublishedEvent, type Resumed } from '@tradecore/event-sourcing';
import { catalogue, topics, type Catalogue } from '@tradecore/events';
import { decode, saveOf, Undecodable, type IncomingMessage, type KafkaClient } from '@tradecore/messaging';

/** What the operator says. */
export interface ResumeOptions {
  /** A login with the operator's rights. */
  readonly url: string;
  readonly kafka: KafkaClient;
  /** RFC 3339, from before the store and the broker parted: from then on each stored event is made to be on its topic once. */
  readonly since: string;
  /** What the topics hold beyond the store's heads is given up instead of taken. */
  readonly forgetTail?: boolean;
  /** Kept with what was done. */
  readonly why: string;
  /** Asked before anything counts, with what would be done; false: nothing is done. */
  readonly confirm: (resumption: Resumption) => boolean;
  readonly catalogue?: Catalogue;
}

/** What came of it, or would come. */
export interface Resumption extends Resumed {
  /** The broker's; undefined where it has none. */
  readonly position: bigint | undefined;
  /** Records. */
  readonly read: number;
  /** What is given up, at most `givenUpLimit`. */
  readonly givenUpEvents: readonly GivenUp[];
}

/** Events that are listed. */
export const givenUpLimit = 1000;
/** Told to the store at a time: events, and bytes of their data. */
const pageSize = 1000;
const pageBytes = 4 * 1024 * 1024;

/**
 * The operator's word after a halt or a restore. Fences whatever relay may still be in the middle of something, reads every topic of stored events to its
 * present end, takes back what the store has lost of them, and makes the outbox hold exactly the stored events that are not there. Then the
 * broker's position is the store's, and the store is open. One transaction. Throws `NotHalted`.
 */
export async function resume(options: ResumeOptions): Promise<Resumption> {
  const { url, kafka, since, forgetTail = false, why, confirm, catalogue: types = catalogue } = options;
  const outbox = await HaltedOutbox.open(url);
  try {
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

/** Tells the store what the topics hold up to their present end, as a `read_committed` reader sees it. The number of records. */
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
  return [{ ...rest, dataText: String(record.value), save: saveOf(record) }];
}
