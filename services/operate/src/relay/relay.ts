import { readBacklog } from '@tradecore/event-sourcing';
import type { Fleet } from '../fleet.ts';
import type { Report, Row } from '../output.ts';
import type { Shell } from '../shell.ts';

/** `relay ...` */
export function relayCommands(shell: Shell): void {
  const relay = shell.group('relay', 'the outbox relay');
  shell.report(relay, { usage: 'status', description: 'who relays, what waits, why it is halted' }, relayReport);
}

/** Who relays, and what waits for it. Exit code 1 when it is halted. */
export async function relayReport({ database }: Fleet): Promise<Report> {
  const relays = (await database.query(
    `select case when r.halted_at is not null then 'halted' when r.owner is null then 'no relay has the lease' else 'relaying' end as state,
            r.owner, extract(epoch from clock_timestamp() - r.heartbeat_at)::int as "heartbeat (s ago)",
            (select max(batch)::text from outbox_batch) as "last batch", r.halted_reason::text as reason,
            s.closed_reason as "store closed", s.timeline, s.moved_from as "store was on"
       from outbox_relay r, store_identity s`,
  )) as unknown as Row[];
  const { depth, oldestSeconds } = await readBacklog(database);
  const waits = { 'events waiting': depth, 'oldest (s)': Math.round(oldestSeconds) };
  const rows = relays.map((row): Row => ({ ...row, ...waits }));
  return { rows, nothing: 'no relay has ever run here', code: rows.some(({ state }) => state === 'halted') ? 1 : 0 };
}
