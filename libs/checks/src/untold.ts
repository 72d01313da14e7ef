import { createEventStore } from '@tradecore/event-sourcing';
import { catalogue, topics } from '@tradecore/events';
import type { KafkaClient } from '@tradecore/messaging';
import { noticeOf, type Notice } from '@tradecore/trading';
import type { DataSource } from 'typeorm';

/** Notices in one look, at most: their ids are held in memory, about 100 MB. */
const noticesLimit = 1_000_000;

/** Too many notices since then for one look. */
export class TooManyNotices extends Error {
  override readonly name = 'TooManyNotices';
}

/**
 * The notices that were not sent: those of stored events that are not on their topic, by the time of the event. `since`
 * and `until` are RFC 3339; events younger than a minute may still be on their way to the notifier. Throws `TooManyNotices`.
 */
export async function untoldNotices(
  { dataSource, kafka }: { readonly dataSource: DataSource; readonly kafka: KafkaClient },
  { since, until }: { readonly since: string; readonly until: string },
): Promise<Notice[]> {
  const told = new Set<string>();
  const earliest = Date.parse(since) - 1000;
  await kafka.readTopic(topics.userNotifications.name, (records) => {
    for (const { headers } of records) if (Date.parse(String(headers['ce_time'])) >= earliest) told.add(String(headers['ce_id']));
    if (told.size > noticesLimit) throw new TooManyNotices(`more than ${noticesLimit} notices since ${since}: name a later time`);
  });
  const store = createEventStore({ dataSource, catalogue });
  const untold: Notice[] = [];
  try {
    for await (const batch of store.readAll({ since })) {
      const notices = batch.filter(({ time }) => time < until).flatMap((event) => noticeOf(event) ?? []);
      untold.push(...notices.filter(({ id }) => !told.has(id)));
      if (untold.length > noticesLimit)
        throw new TooManyNotices(`more than ${noticesLimit} untold since ${since}: name a later time`);
    }
  } finally {
    await store.close();
  }
  return untold;
}
