import { topics } from '@tradecore/events';
import { consumersReport } from './consumers.ts';
import type { Fleet } from './fleet.ts';
import { stuckReport, unknownReport } from './orders.ts';
import type { Report, Row } from './output.ts';
import { parkedReport } from './parked.ts';
import { relayReport } from './relay.ts';
import type { Shell } from './shell.ts';

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

/** Beyond these it is told: seconds that an event waits in the outbox, records that are not read. */
const limits = { outboxSeconds: 10, lagRecords: 10_000 };

/** What to know now, worst first, each with the runbook that treats it. Exit code 1 when there is anything. */
export async function doctorReport(fleet: Fleet): Promise<Report> {
  const found = await Promise.all([relay(fleet), readers(fleet), waiting(fleet), orders(fleet), letters(fleet)]);
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
  const [starts, ends] = [await kafka.startOffsets(topics.deadLetters.name), await kafka.endOffsets(topics.deadLetters.name)];
  const count = [...ends].reduce((sum, [partition, end]) => sum + Number(end - (starts.get(partition) ?? 0n)), 0);
  return count > 0 ? [{ severity: 3, what: `about ${count} dead letters`, runbook: 'dead-letters' }] : [];
}
