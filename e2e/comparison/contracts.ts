/** What the comparison has to know of the services beside their events and their API: all in this file. */
import { feedChanges } from '@tradecore/events';
import type pg from 'pg';

/** Types of events that an account's feed shows. */
export const feedTypes: ReadonlySet<string> = new Set(Object.keys(feedChanges));

/** The feed as its projector exports it. */
export const feedEntries =
  'select account_id, sequence, event_id from feed_projector.exported_feed_entries order by account_id, sequence';

/** Command ids of the steps that the gateway has taken in and not answered yet. */
export async function stepsAtTheGateway(database: pg.Pool): Promise<ReadonlySet<string>> {
  const { rows } = await database.query<{ command_id: string }>('select command_id from broker_gateway.exported_steps');
  return new Set(rows.map(({ command_id: id }) => id));
}
