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
  const rows = (await database.query(
    `select case when r.halted_at is not null then 'halted' when r.owner is null then 'no relay has the lease' else 'relaying' end as state,
            r.owner, extract(epoch from clock_timestamp() - r.heartbeat_at)::int as "heartbeat (s ago)",
            (select max(batch)::text from outbox_batch) as "last batch",
            (select count(*)::int from (select from event_outbox limit 100000) o) as "events waiting",
            (select coalesce(extract(epoch from clock_timestamp() - min(e."timestamp"))::int, 0)
               from (select event_id from event_outbox order by seq limit 100) o join event_store e using (event_id)) as "oldest (s)",
            r.halted_reason::text as reason, s.closed_reason as "store closed", s.timeline, s.moved_from as "store was on"
       from outbox_relay r, store_identity s`,
  )) as unknown as Row[];
  return { rows, nothing: 'no relay has ever run here', code: rows.some(({ state }) => state === 'halted') ? 1 : 0 };
}
