import { topics, type MarketRecord, type MarketSession } from '@tradecore/events';
import { consumersReport } from '../readers/consumers.ts';
import type { Fleet } from '../fleet.ts';
import { readLetters } from '../letters/letters.ts';
import { ordersListed } from '../orders.ts';
import type { Report, Row } from '../output.ts';
import { parkedPlaces } from '../readers/parked.ts';
import { relayReport } from '../relay/relay.ts';
import {
  ofBackup,
  ofClock,
  ofMarket,
  ofReader,
  ofReconciler,
  ofRelay,
  ofSessions,
  type Ailment,
  type Sessions,
} from './ailments.ts';
import { backupAges } from './backup-ages.ts';
import type { Shell } from '../shell.ts';

/** `doctor` */
export function doctorCommands(shell: Shell): void {
  const doctor = { usage: 'doctor', description: 'what to know now, worst first, each with its runbook' };
  shell.report(shell.root, doctor, doctorReport);
}

/** What to know now, worst first, each with the runbook that treats it. Exit code 1 when there is anything. */
async function doctorReport(fleet: Fleet): Promise<Report> {
  const found = await Promise.all(
    Object.entries(asked).map(async ([of, ask]) => ask(fleet).catch((error: unknown) => unasked(of, error))),
  );
  const rows = found
    .flat()
    .sort((one, other) => one.severity - other.severity)
    .map((ailment): Row => ({ ...ailment, runbook: `docs/runbooks/${ailment.runbook}.md` }));
  return { rows, nothing: 'nothing is wrong that can be seen from here', code: rows.length > 0 ? 1 : 0 };
}

const asked = { relay, readers, parked, orders, letters, reconciler, sessions, clock, market, backup };

/** A part that can't be looked at hides nothing of the others: a locked table is an ailment too. */
const unasked = (of: string, error: unknown): Ailment[] => [
  { severity: 1, what: `the ${of} can't be looked at: ${(error as Error).message}`, runbook: 'database' },
];

async function relay(fleet: Fleet): Promise<Ailment[]> {
  const [row] = (await relayReport(fleet)).rows;
  const [store] = await fleet.database.query('select closed_reason, moved_from from store_identity');
  return ofRelay(row, store);
}

async function readers(fleet: Fleet): Promise<Ailment[]> {
  const kinds = [
    { kind: 'consumer', runbook: 'halted-consumer' },
    { kind: 'projection', runbook: 'rebuild-a-read-model' },
  ] as const;
  const found = await Promise.all(
    kinds.map(async ({ kind, runbook }) => (await consumersReport(fleet, kind)).rows.flatMap((row) => ofReader(row, runbook))),
  );
  return found.flat();
}

async function parked(fleet: Fleet): Promise<Ailment[]> {
  return (await parkedPlaces(fleet)).map(({ where, count, rows: [first] }) => ({
    severity: 2,
    what: `${where}: ${count} parked, the first since ${first?.['since']}: ${first?.['reason']}`,
    runbook: where.endsWith('projector') ? 'parked-aggregate' : 'parked-command',
  }));
}

async function orders(fleet: Fleet): Promise<Ailment[]> {
  const [stuck, unknown] = [(await ordersListed(fleet, 'stuck')).count, (await ordersListed(fleet, 'unknown')).count];
  return [
    ...(stuck > 0 ? [{ severity: 1, what: `${stuck} orders are stuck`, runbook: 'stuck-saga' } as const] : []),
    ...(unknown > 0
      ? [{ severity: 2, what: `${unknown} orders have an unknown outcome`, runbook: 'unknown-outcome' } as const]
      : []),
  ];
}

async function letters({ kafka }: Fleet): Promise<Ailment[]> {
  const found = await readLetters(kafka);
  const count = `${found.letters.length}${found.isAll ? '' : ' and more'}`;
  return found.letters.length > 0 ? [{ severity: 3, what: `${count} dead letters wait`, runbook: 'dead-letters' }] : [];
}

/** Of a new fleet, of which nothing was ever compared, nothing is said. */
async function reconciler({ database }: Fleet): Promise<Ailment[]> {
  const [row] = await database.query(
    `select count(*)::int as open from reconciler.findings where closed_at is null and acknowledged_at is null`,
  );
  const checks = await database.query(
    `select check_name as name, extract(epoch from clock_timestamp() - covered_until)::int as seconds from reconciler.checks
      where check_name in ('topics', 'orphans') and covered_until is not null`,
  );
  return ofReconciler(Number(row?.['open']), new Map(checks.map(({ name, seconds }) => [String(name), Number(seconds)])));
}

async function sessions({ database }: Fleet): Promise<Ailment[]> {
  const rows = await database.query(
    `select service, sessions::int, oldest_transaction_seconds as open, current_setting('max_connections')::int as most from operate.sessions()`,
  );
  return ofSessions(rows as unknown as Sessions[], Number(rows[0]?.['most'] ?? Infinity));
}

/** The database's clock stamps events, and services compare with their own. */
async function clock({ database }: Fleet): Promise<Ailment[]> {
  const before = Date.now();
  const [row] = await database.query(`select extract(epoch from clock_timestamp()) * 1000 as at`);
  return ofClock(Number(row?.['at']), { before, after: Date.now() });
}

async function market({ kafka }: Fleet): Promise<Ailment[]> {
  let session: MarketSession | undefined;
  let pricedAt = 0;
  await kafka.readTopic(topics.marketData.name, (records) => {
    for (const { value } of records) {
      if (value === null) continue;
      const record = JSON.parse(String(value)) as MarketRecord;
      if (record.kind === 'session') session = record;
      else pricedAt = Math.max(pricedAt, Date.parse(record.pricedAt ?? '') || 0);
    }
  });
  return ofMarket(session, Math.round((Date.now() - pricedAt) / 1000));
}

async function backup(fleet: Fleet): Promise<Ailment[]> {
  const ages = await backupAges(fleet);
  return ages ? ofBackup(ages) : [];
}
