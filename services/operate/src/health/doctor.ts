import { topics, type MarketRecord, type MarketSession } from '@tradecore/events';
import { consumersReport } from '../readers/consumers.ts';
import type { Fleet } from '../fleet.ts';
import { readLetters } from '../letters/letters.ts';
import { stuckReport, unknownReport } from '../orders.ts';
import type { Report, Row } from '../output.ts';
import { parkedReport } from '../readers/parked.ts';
import { relayReport } from '../relay/relay.ts';
import type { Shell } from '../shell.ts';

/** `doctor` */
export function doctorCommands(shell: Shell): void {
  const doctor = { usage: 'doctor', description: 'what to know now, worst first, each with its runbook' };
  shell.report(shell.root, doctor, doctorReport);
}

interface Ailment {
  /** 1: clients are hurt now; 2: they will be; 3: worth knowing. */
  readonly severity: 1 | 2 | 3;
  readonly what: string;
  /** In docs/runbooks. */
  readonly runbook: string;
}

/** `doctor` reports what exceeds these. */
const limits = {
  /** That an event waits in the outbox. */
  outboxSeconds: 10,
  /** That are not read. */
  lagRecords: 10_000,
  /** Since when a transaction is open: vacuum and the relay's floor wait for it. */
  transactionSeconds: 60,
  /** Of the newest price while the market is open. */
  priceSeconds: 60,
  /** Of the connections that the database takes. */
  connectionShare: 0.8,
  /** Between the clock here and the database's. */
  clockSeconds: 1,
};

/** What to know now, worst first, each with the runbook that treats it. Exit code 1 when there is anything. */
export async function doctorReport(fleet: Fleet): Promise<Report> {
  const asked = [relay, readers, waiting, orders, letters, sessions, clock, market];
  const found = await Promise.all(asked.map((ask) => ask(fleet)));
  const rows = found
    .flat()
    .sort((one, other) => one.severity - other.severity)
    .map((ailment): Row => ({ ...ailment, runbook: `docs/runbooks/${ailment.runbook}.md` }));
  return { rows, nothing: 'nothing is wrong that can be seen from here', code: rows.length > 0 ? 1 : 0 };
}

async function relay(fleet: Fleet): Promise<Ailment[]> {
  const [row] = (await relayReport(fleet)).rows;
  const ailments: Ailment[] = [];
  const [store] = await fleet.database.query('select closed_reason, moved_from from store_identity');
  if (typeof store?.['closed_reason'] === 'string') {
    ailments.push({ severity: 1, what: `the store is closed: ${store['closed_reason']}`, runbook: 'relay-halted' });
  }
  if (typeof store?.['moved_from'] === 'string') {
    const what = `the store was on ${store['moved_from']}: what was not yet published there may be lost`;
    ailments.push({ severity: 1, what, runbook: 'moved-store' });
  }
  if (row?.['state'] === 'halted')
    ailments.push({ severity: 1, what: `the relay is halted: ${row['reason']}`, runbook: 'relay-halted' });
  else if (Number(row?.['oldest (s)']) > limits.outboxSeconds) {
    ailments.push({ severity: 1, what: `events wait in the outbox for ${row?.['oldest (s)']} s`, runbook: 'relay-halted' });
  }
  return ailments;
}

async function readers(fleet: Fleet): Promise<Ailment[]> {
  const kinds = [
    { kind: 'consumer', runbook: 'halted-consumer' },
    { kind: 'projection', runbook: 'rebuild-a-read-model' },
  ] as const;
  const found: Ailment[] = [];
  for (const { kind, runbook } of kinds) {
    for (const row of (await consumersReport(fleet, kind)).rows) {
      if (row['state'] === 'halted') found.push({ severity: 1, what: `${row['name']} is halted: ${row['reason']}`, runbook });
      else if (Number(row['lag (records)']) > limits.lagRecords) {
        found.push({ severity: 2, what: `${row['name']} is ${row['lag (records)']} records behind`, runbook });
      }
    }
  }
  return found;
}

async function waiting(fleet: Fleet): Promise<Ailment[]> {
  const { rows } = await parkedReport(fleet);
  return [...Map.groupBy(rows, ({ where }) => String(where))].map(([where, all]) => ({
    severity: 2,
    what: `${where}: ${all.length} parked, the first since ${all[0]?.['since']}: ${all[0]?.['reason']}`,
    runbook: where.endsWith('projector') ? 'parked-aggregate' : 'parked-command',
  }));
}

async function orders(fleet: Fleet): Promise<Ailment[]> {
  const [stuck, unknown] = [(await stuckReport(fleet)).rows, (await unknownReport(fleet)).rows];
  return [
    ...(stuck.length > 0 ? [{ severity: 1, what: `${stuck.length} orders are stuck`, runbook: 'stuck-saga' } as const] : []),
    ...(unknown.length > 0
      ? [{ severity: 2, what: `${unknown.length} orders have an unknown outcome`, runbook: 'unknown-outcome' } as const]
      : []),
  ];
}

async function letters({ kafka }: Fleet): Promise<Ailment[]> {
  const found = await readLetters(kafka);
  const count = `${found.letters.length}${found.isAll ? '' : ' and more'}`;
  return found.letters.length > 0 ? [{ severity: 3, what: `${count} dead letters wait`, runbook: 'dead-letters' }] : [];
}

async function sessions({ database }: Fleet): Promise<Ailment[]> {
  const rows = await database.query(
    `select service, sessions::int, oldest_transaction_seconds as open, current_setting('max_connections')::int as most from operate.sessions()`,
  );
  const old = rows.filter(({ open }) => Number(open) > limits.transactionSeconds);
  const used = rows.reduce((sum, row) => sum + Number(row['sessions']), 0);
  const most = Number(rows[0]?.['most'] ?? Infinity);
  return [
    ...old.map(({ service, open }): Ailment => {
      const what = `a transaction of "${String(service)}" has been open for ${String(open)} s`;
      return { severity: 2, what, runbook: 'database' };
    }),
    ...(used > most * limits.connectionShare
      ? [{ severity: 2, what: `${used} of ${most} connections of the database are taken`, runbook: 'database' } as const]
      : []),
  ];
}

/** The database's clock stamps events, and services compare with their own. */
async function clock({ database }: Fleet): Promise<Ailment[]> {
  const before = Date.now();
  const [row] = await database.query(`select extract(epoch from clock_timestamp()) * 1000 as at`);
  const after = Date.now();
  const at = Number(row?.['at']);
  const seconds = Math.max(before - at, at - after, 0) / 1000;
  if (seconds <= limits.clockSeconds) return [];
  return [{ severity: 2, what: `the clock here and the database's are ${seconds.toFixed(1)} s apart`, runbook: 'database' }];
}

/** A door decides by no price that is older than a minute while the market is open. */
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
  const runbook = 'market-data-away';
  if (!session) return [{ severity: 1, what: 'no market data has been published', runbook }];
  const seconds = Math.round((Date.now() - pricedAt) / 1000);
  if (!session.isOpen || seconds <= limits.priceSeconds) return [];
  return [{ severity: 1, what: `the market is open and the newest price is ${seconds} s old`, runbook }];
}
