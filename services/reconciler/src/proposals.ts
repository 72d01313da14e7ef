import { declarationOf } from '@tradecore/consumers';
import { correctionIdFor, placementIdFor, type CorrectionKind, type RecordedEvent } from '@tradecore/events';
import { Accounts, Feed, Orders, Positions } from '@tradecore/read-models';
import { orderPlacementProcess } from '@tradecore/trading';
import type { EntityManager } from 'typeorm';

/** What would help with a finding: a question to an owner. */
interface Proposal {
  readonly kind: CorrectionKind;
  /** The service that is asked, and the aggregate that it looks at again. */
  readonly owner: string;
  readonly target: string;
  /** Stored events that a saga hears again. */
  readonly events?: readonly string[];
  /** What is wrong, and at which version of it; with them a correction has the same id whenever it is proposed. */
  readonly subject: string;
  readonly version: number;
}

/** A finding that has been opened. */
interface Opened {
  readonly id: string;
  readonly check: string;
  readonly kind: string;
  readonly subject: string;
}

/** Of findings opened at once: many at once have one cause, and what helps is in their runbook. */
const proposedAtOnce = 50;
/** Events of the BrokerOrders of one saga. */
const eventsLimit = 200;

const projectors = [Orders, Accounts, Positions, Feed].map(declarationOf);

type Propose = (tx: EntityManager, subject: string) => Promise<readonly Proposal[]>;

/** By check and kind. For other findings no correction helps: their runbook says what does. */
const proposers: Readonly<Record<string, Propose>> = {
  'topics lost': forLost,
  'orphans execution': forExecution,
  'orphans placement': forPlacement,
  'orphans absent': forAbsent,
};

/** Writes down which corrections would help with these findings. An operator applies them, or nobody. */
export async function propose(tx: EntityManager, opened: readonly Opened[]): Promise<void> {
  for (const { id, check, kind, subject } of opened.slice(0, proposedAtOnce)) {
    for (const proposal of (await proposers[`${check} ${kind}`]?.(tx, subject)) ?? []) {
      const { owner, target, events = [], version } = proposal;
      await tx.query(
        `insert into reconciler.corrections (correction_id, finding_id, kind, owner, target, events, version) values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (correction_id) do update set finding_id = excluded.finding_id, proposed_at = excluded.proposed_at`,
        [correctionIdFor(check, proposal.subject, version, proposal.kind), id, proposal.kind, owner, target, events, version],
      );
    }
  }
}

/** Readers that have not come to a lost event: they hear of it with its aggregate's next event, or now. */
async function forLost(tx: EntityManager, eventId: string): Promise<Proposal[]> {
  const event = await storedEvent(tx, eventId);
  if (!event) return [];
  const { aggregateId, aggregateVersion: version, topic } = event;
  const proposals: Proposal[] = [];
  for (const { name: owner, schema } of projectors.filter(({ topics }) => topics.includes(topic))) {
    const [read] = (await tx.query(`select version from ${schema}.checkpoints where aggregate_id = $1`, [aggregateId])) as {
      version: number;
    }[];
    if ((read?.version ?? 0) < version)
      proposals.push({ kind: 'catch-up', owner, target: aggregateId, subject: `${owner} ${aggregateId}`, version });
  }
  const saga = orderPlacementProcess.idsOf(event)?.at(-1);
  if (saga !== undefined && (await hasNotHeard(tx, saga, event)))
    proposals.push({ kind: 'redeliver', owner: 'order-saga', target: saga, events: [eventId], subject: eventId, version });
  return proposals;
}

/** The saga has heard of an execution and nothing booked it. */
async function forExecution(tx: EntityManager, eventId: string): Promise<Proposal[]> {
  const event = await storedEvent(tx, eventId);
  const { orderId } = (event?.data ?? {}) as { readonly orderId?: string };
  if (!event || orderId === undefined) return [];
  const [target, version] = [placementIdFor(orderId), event.aggregateVersion];
  return [{ kind: 'redeliver', owner: 'order-saga', target, events: [eventId], subject: eventId, version }];
}

/** A placement is open though its order has ended: its saga hears again all that the brokerage has said. */
async function forPlacement(tx: EntityManager, saga: string): Promise<Proposal[]> {
  const rows = (await tx.query(
    `select e.event_id::text as id from public.event_store e
      where e.aggregate_type = 'BrokerOrder' and e.aggregate_id in (
        select (s.event_data ->> 'target')::uuid from public.event_store s where s.aggregate_id = $1 and s.event_data ? 'target')
      order by e."timestamp", e.aggregate_version limit ${eventsLimit}`,
    [saga],
  )) as { id: string }[];
  if (rows.length === 0) return [];
  const events = rows.map(({ id }) => id);
  return [{ kind: 'redeliver', owner: 'order-saga', target: saga, events, subject: saga, version: await versionOf(tx, saga) }];
}

/** The brokerage did not have it: asked once more, for it forgets and remembers. */
async function forAbsent(tx: EntityManager, target: string): Promise<Proposal[]> {
  return [{ kind: 'query', owner: 'broker-gateway', target, subject: target, version: await versionOf(tx, target) }];
}

const versionOf = async (tx: EntityManager, id: string): Promise<number> =>
  ((await tx.query('select version from public.stream_heads where aggregate_id = $1', [id])) as { version: number }[])[0]
    ?.version ?? 0;

async function storedEvent(tx: EntityManager, id: string): Promise<(RecordedEvent & { readonly topic: string }) | undefined> {
  const [event] = (await tx.query(
    `select e.event_id as id, e.aggregate_id as "aggregateId", e.aggregate_type as "aggregateType", e.aggregate_version as "aggregateVersion",
            e.event_type as type, e.event_data as data, e.metadata, t.topic
       from public.event_store e join public.aggregate_types t using (aggregate_type) where e.event_id = $1`,
    [id],
  )) as (RecordedEvent & { topic: string })[];
  return event;
}

async function hasNotHeard(tx: EntityManager, saga: string, { aggregateId, aggregateVersion }: RecordedEvent): Promise<boolean> {
  const [row] = (await tx.query(
    `select exists (select from public.event_store e where e.aggregate_id = $1 and e.event_type = 'PlacementEnded') as ended,
            coalesce((select (heard ->> $2)::int from order_saga.open_sagas where saga_id = $1), 0) as heard`,
    [saga, aggregateId],
  )) as { ended: boolean; heard: number }[];
  return row !== undefined && !row.ended && row.heard < aggregateVersion;
}
