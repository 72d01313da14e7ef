import { noticesGroup } from '@tradecore/events';
import type { Kind } from '@tradecore/checks';
import { consumersReport } from '../readers/consumers.ts';
import type { Fleet } from '../fleet.ts';
import { readLetters } from '../letters/letters.ts';
import { noticePositions } from '../readers/notices.ts';
import { ordersListed } from '../orders.ts';
import type { Report, Row } from '../output.ts';
import { parkedCount, parkedPlaces } from '../readers/parked.ts';
import { relayReport } from '../relay/relay.ts';
import type { Shell } from '../shell.ts';

const answerMs = 2000;
/** `status` */
export function statusCommands(shell: Shell): void {
  shell.report(
    shell.root,
    { usage: 'status', description: 'the fleet on one screen; doctor says what is wrong with it' },
    statusReport,
  );
}

/** Who is there, who reads how far behind, and what waits: one line each. */
async function statusReport(fleet: Fleet): Promise<Report> {
  const parts = Object.entries(asked).map(async ([of, ask]) =>
    ask(fleet).catch((error: unknown) => [line(of, "can't be looked at", (error as Error).message)]),
  );
  return { rows: (await Promise.all(parts)).flat(), nothing: '' };
}

const asked: Readonly<Record<string, (fleet: Fleet) => Promise<Row[]>>> = {
  'event store': store,
  relay,
  services,
  consumers: (fleet) => readers(fleet, 'consumer'),
  projections: (fleet) => readers(fleet, 'projection'),
  notifier,
  'what waits': waiting,
};

const line = (what: string, state: string, detail = ''): Row => ({ what, state, detail });

async function store({ database }: Fleet): Promise<Row[]> {
  const [row] = await database.query(
    `select i.store_id::text as id, pg_size_pretty(pg_database_size(current_database())) as size,
            e.position::text as position, e."timestamp"::text as at
       from store_identity i left join (select * from event_store order by "timestamp" desc limit 1) e on true`,
  );
  const last = row?.['at'] ? `last event at position ${String(row['position'])}, ${String(row['at'])}` : 'no event';
  return [line('event store', String(row?.['id']), `${last}; ${String(row?.['size'])}`)];
}

async function relay(fleet: Fleet): Promise<Row[]> {
  const [row = {}] = (await relayReport(fleet)).rows;
  return [
    line(
      'relay',
      String(row['state'] ?? 'never ran'),
      `${row['events waiting'] ?? 0} events wait, the oldest for ${row['oldest (s)'] ?? 0} s`,
    ),
  ];
}

/** By its admin door where that can be reached from here; else by its sessions in the database. */
async function services({ database, admins }: Fleet): Promise<Row[]> {
  const reached = await Promise.all([...admins].map(async ([name, url]) => line(`service ${name}`, ...(await readiness(url)))));
  if (reached.length > 0) return reached;
  const sessions = await database.query(
    `select s.service, s.sessions::int as n, s.busy::int as busy from operate.sessions() s
      where s.service ~ '^[a-z-]+$' and s.service <> 'operate' order by 1`,
  );
  return sessions.map(({ service, n, busy }) =>
    line(`service ${service}`, 'connected', `${n} sessions, ${busy} in a transaction`),
  );
}

async function readiness(url: string): Promise<[state: string, detail: string]> {
  try {
    const response = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(answerMs) });
    if (response.ok) return ['ready', ''];
    return ['not ready', (await response.text()).slice(0, 300)];
  } catch (error) {
    return ['away', (error as Error).message];
  }
}

async function readers(fleet: Fleet, kind: Kind): Promise<Row[]> {
  const { rows } = await consumersReport(fleet, kind);
  return rows.map((row) =>
    line(
      `${kind} ${row['name']}`,
      String(row['state']),
      behind(Number(row['lag (records)']), Number(row['last moved (s ago)'])) + parkedIn(row),
    ),
  );
}

const behind = (records: number, seconds: number): string =>
  records === 0 ? 'not behind' : `${records} events behind, last moved ${seconds} s ago`;
const parkedIn = ({ parked, reason }: Row): string =>
  `${Number(parked) > 0 ? `, ${parked} parked` : ''}${reason ? `, ${reason}` : ''}`;

async function notifier({ kafka }: Fleet): Promise<Row[]> {
  const positions = await noticePositions(kafka);
  const lost = positions.filter(({ state }) => state !== 'there');
  if (lost.length > 0) return [line(`group ${noticesGroup.name}`, 'halted', `${lost.length} positions are lost`)];
  const records = positions.reduce((sum, { left }) => sum + left, 0);
  return [line(`group ${noticesGroup.name}`, 'running', records === 0 ? 'not behind' : `${records} records behind`)];
}

async function waiting(fleet: Fleet): Promise<Row[]> {
  const [parked, stuck, unknown, { letters }] = await Promise.all([
    parkedPlaces(fleet),
    ordersListed(fleet, 'stuck'),
    ordersListed(fleet, 'unknown'),
    readLetters(fleet.kafka),
  ]);
  return [
    line('parked', String(parkedCount(parked))),
    line('orders stuck', String(stuck.count)),
    line('orders unknown', String(unknown.count)),
    line('dead letters', String(letters.length)),
  ];
}
