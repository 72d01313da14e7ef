import { Inject, Injectable } from '@nestjs/common';
import { topics } from '@tradecore/events';
import type { KafkaClient, OutgoingMessage } from '@tradecore/messaging';
import { tokens } from '@tradecore/service';
import { counter, logger } from '@tradecore/telemetry';
import { DataSource, type EntityManager } from 'typeorm';
import { propose } from './proposals.ts';

/** The checks, as findings, reports and metrics name them. */
export const checkNames = ['topics', 'models', 'store', 'orphans'] as const;
export type CheckName = (typeof checkNames)[number];

/** Something that is wrong. */
export interface Fault {
  readonly check: CheckName;
  /** One word: `lost`, `twice`, `changed`, ... */
  readonly kind: string;
  /** The event or aggregate, by its id. */
  readonly subject: string;
  /** For people. */
  readonly detail: string;
}

interface FindingRow extends Fault {
  readonly id: string;
  readonly firstSeen: string;
  readonly lastSeen: string;
  readonly closedAt: string | null;
}

/** Open findings of a check, at most: what is wrong everywhere is known by then. */
const openLimit = 1_000;
const reportsAtOnce = 100;
/** Findings of a round that stand in the log, at most. */
const logged = 20;

const log = logger('findings');
const duplicates = counter({
  name: 'tradecore_duplicate_effects_total',
  help: 'What took effect twice, each counted when it was found: an event that stands on its topic more than once.',
  labels: { effect: ['event'] },
});

/** What is wrong: a row each, told to `system.reconciliation-reports` when it begins and when it is over. */
@Injectable()
export class Findings {
  #reporting: Promise<void> | undefined;

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(tokens.kafka) private readonly kafka: KafkaClient,
  ) {}

  /** Opens findings, each with the corrections that would help, or says of open ones that they are seen still. */
  async open(tx: EntityManager, faults: readonly Fault[]): Promise<void> {
    for (const [check, all] of Map.groupBy(faults, (each) => each.check)) {
      const distinct = [...new Map(all.map((each) => [`${each.kind} ${each.subject}`, each])).values()];
      const rows = (await tx.query(
        `insert into reconciler.findings (check_name, kind, subject, detail)
         select $1, f.kind, f.subject, f.detail from jsonb_to_recordset($2::jsonb) as f (kind text, subject text, detail text)
          where (select count(*) from reconciler.findings o where o.check_name = $1 and o.closed_at is null) < $3
             or exists (select from reconciler.findings o
                         where (o.check_name, o.kind, o.subject) = ($1, f.kind, f.subject) and o.closed_at is null)
         on conflict (check_name, kind, subject) where closed_at is null
         do update set last_seen = excluded.last_seen, detail = excluded.detail
         returning finding_id::text as id, kind, subject, detail, xmax = 0 as "isNew"`,
        [check, JSON.stringify(distinct.slice(0, openLimit)), openLimit],
      )) as { id: string; kind: string; subject: string; detail: string; isNew: boolean }[];
      const opened = rows.filter(({ isNew }) => isNew).map(({ isNew: _, ...finding }) => ({ check, ...finding }));
      for (const finding of opened.slice(0, logged)) log.error(finding, 'a finding');
      duplicates.inc({ effect: 'event' }, opened.filter(({ kind }) => kind === 'twice').length);
      await propose(tx, opened);
    }
  }

  /** What was looked at is right now, but for what is found anew. Without `kinds`: of any kind. */
  async close(tx: EntityManager, { check, subjects, kinds, except = [] }: Closing): Promise<void> {
    await tx.query(
      `update reconciler.findings f set closed_at = clock_timestamp()
        where f.check_name = $1 and ($2::text[] is null or f.subject = any ($2)) and f.closed_at is null and ($3::text[] is null or f.kind = any ($3))
          and not (f.kind || ' ' || f.subject) = any ($4::text[])`,
      [check, subjects ?? null, kinds ?? null, except.map(({ kind, subject }) => `${kind} ${subject}`)],
    );
  }

  /** Those of the subjects with an open finding of this kind. */
  async openAmong({
    check,
    kind,
    subjects,
  }: Pick<Fault, 'check' | 'kind'> & { readonly subjects: readonly string[] }): Promise<ReadonlySet<string>> {
    if (subjects.length === 0) return new Set();
    const rows = (await this.dataSource.query(
      `select subject from reconciler.findings where check_name = $1 and kind = $2 and subject = any ($3) and closed_at is null`,
      [check, kind, subjects],
    )) as { subject: string }[];
    return new Set(rows.map(({ subject }) => subject));
  }

  /** Until when a check has compared all. */
  async covered(tx: EntityManager, check: CheckName, until: Date): Promise<void> {
    await tx.query(
      `insert into reconciler.checks (check_name, covered_until) values ($1, $2)
       on conflict (check_name) do update set covered_until = excluded.covered_until`,
      [check, until],
    );
  }

  /** Writes the records that are due. A record may repeat under its id, when a process dies between the record and its row. */
  report(): Promise<void> {
    return (this.#reporting ??= this.#report().finally(() => {
      this.#reporting = undefined;
    }));
  }

  async #report(): Promise<void> {
    const due = (await this.dataSource.query(
      `select finding_id::text as id, check_name as check, kind, subject, detail, first_seen::text as "firstSeen",
              last_seen::text as "lastSeen", closed_at::text as "closedAt"
         from reconciler.findings where reported = 'nothing' or (reported = 'opened' and closed_at is not null)
        order by first_seen limit $1`,
      [reportsAtOnce],
    )) as FindingRow[];
    if (due.length > 0) {
      await this.kafka.eventBus().publishBatch(topics.reconciliationReports.name, due.map(recordOf));
      await this.dataSource.query(
        `update reconciler.findings f set reported = d.state
           from unnest($1::uuid[], $2::text[]) as d (id, state) where f.finding_id = d.id`,
        [due.map(({ id }) => id), due.map(stateOf)],
      );
    }
  }
}

/** Which findings are over. */
interface Closing {
  readonly check: CheckName;
  /** Of any when absent. */
  readonly subjects?: readonly string[];
  readonly kinds?: readonly string[];
  readonly except?: readonly Fault[];
}

const stateOf = ({ closedAt }: FindingRow): string => (closedAt === null ? 'opened' : 'closed');

/** CloudEvents 1.0, Kafka protocol binding, binary mode, as the stored events have it. */
function recordOf(finding: FindingRow): OutgoingMessage {
  const state = stateOf(finding);
  const headers = {
    'content-type': 'application/json',
    ce_specversion: '1.0',
    ce_id: `${finding.id}-${state}`,
    ce_type: state === 'opened' ? 'FindingOpened' : 'FindingClosed',
    ce_source: '/tradecore/reconciler',
    ce_subject: finding.subject,
  };
  return { key: finding.check, value: JSON.stringify(finding), headers };
}
