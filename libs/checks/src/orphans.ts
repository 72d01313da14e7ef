/**
 * What must follow from something else and has not, though a window has passed; from the database alone, in one statement each. What waits for a
 * person already (parked), and what its saga has not heard yet, is not judged.
 */
import { placementIdFor } from '@tradecore/events';
import type { Database } from './witnesses.ts';

/** Something that nothing belongs to any more. */
export interface Orphan {
  /**
   * `placement`, `step` and `absent` are over when they are not found any more, `execution` when it is booked; a
   * foreign order stays.
   */
  readonly kind: 'placement' | 'step' | 'absent' | 'execution' | 'foreign-order';
  readonly subject: string;
  readonly detail: string;
}

const atOnce = 100;
const now = 'clock_timestamp()';
const window = "$1 * interval '1 ms'";

const notParked = (saga: string): string => `not exists (select from order_saga.parked p where p.saga_id = ${saga})`;

/** A placement that is open though its order has ended. */
const placements = `
  select 'placement' as kind, s.saga_id::text as subject, 'order ' || o.aggregate_id || ' has ended with ' || e.event_type as detail
    from order_saga.open_sagas s
    join public.stream_heads o on o.aggregate_id = any (s.aggregate_ids) and o.aggregate_type = 'Order' and o."timestamp" < ${now} - ${window}
    join public.event_store e on (e.aggregate_id, e.aggregate_version) = (o.aggregate_id, o.version)
   where (e.event_type in ('OrderCanceled', 'OrderRejected', 'OrderExpired')
          or (e.event_type = 'OrderExecuted' and e.event_data ->> 'leavesQuantity' = '0'))
     and ${notParked('s.saga_id')} limit ${atOnce}`;

/** A step that the gateway has not taken, however often it was asked. */
const steps = `
  select 'step' as kind, s.saga_id::text as subject, 'the gateway has not taken its step; due ' || coalesce(s.due_at::text, 'never') as detail
    from order_saga.open_sagas s
   where s.stuck and coalesce(s.due_at, '-infinity') < ${now} - ${window} and ${notParked('s.saga_id')} limit ${atOnce}`;

/** An order of ours that the brokerage says it does not have: the gateway has looked by its client order id, and the quarantine is over. */
const absent = `
  select 'absent' as kind, w.key::text as subject, 'the brokerage has had no such order since ' || (w.state ->> 'absentAt') as detail
    from broker_gateway.work w
   where (w.state ->> 'absentAt')::timestamptz < ${now} - ${window}
     and not exists (select from public.stream_heads h where h.aggregate_id = w.key and h."timestamp" > (w.state ->> 'absentAt')::timestamptz)
   limit ${atOnce}`;

/** What is wrong at this moment. */
export async function orphansNow(database: Database, windowMs: number): Promise<Orphan[]> {
  const found: Orphan[] = [];
  for (const sql of [placements, steps, absent]) found.push(...((await database.query(sql, [windowMs])) as unknown as Orphan[]));
  return found;
}

/** Executions of a stretch of time that no account has booked. */
const executions = `
  select e.event_id::text as id, e.aggregate_id::text as "aggregateId", e.aggregate_version as version, e.event_data ->> 'orderId' as "orderId",
         e.event_data ->> 'executionId' as "executionId", e."timestamp" as at
    from public.event_store e
   where e.aggregate_type = 'BrokerOrder' and e.event_type = 'ExecutionReported' and e."timestamp" > $1 and e."timestamp" <= $2
     and not exists (select from public.event_store b where b.aggregate_type = 'Account' and b.event_type = 'FillSettled'
                        and b."timestamp" > $1::timestamptz - interval '1 s' and b.event_data ->> 'executionId' = e.event_data ->> 'executionId')
   order by e."timestamp" limit ${atOnce}`;

/** Of these sagas: what each has heard, and whether it has ended or is parked. */
const sagas = `
  select w.id::text, coalesce(s.heard, '{}') as heard, not (${notParked('w.id')}) as parked,
         exists (select from public.event_store e where e.aggregate_id = w.id and e.event_type = 'PlacementEnded') as ended
    from unnest($1::uuid[]) w (id) left join order_saga.open_sagas s on s.saga_id = w.id`;

interface Unbooked {
  readonly id: string;
  readonly aggregateId: string;
  readonly version: number;
  readonly orderId: string;
  readonly executionId: string;
  readonly at: Date;
}

interface SagaState {
  readonly id: string;
  readonly heard: Readonly<Record<string, number>>;
  readonly parked: boolean;
  readonly ended: boolean;
}

/** Orders at the brokerage that no step of ours has asked for. */
const foreignOrders = `
  select 'foreign-order' as kind, e.event_id::text as subject, 'the brokerage has an order ' || (e.event_data ->> 'brokerageOrderId') || ' that is not ours' as detail
    from public.event_store e
   where e.aggregate_type = 'BrokerOrder' and e.event_type = 'ForeignOrderAdopted' and e."timestamp" > $1 and e."timestamp" <= $2
     and not exists (select from public.event_store s where s.aggregate_type = 'OrderPlacement' and s.event_data ->> 'target' = e.event_data ->> 'clientOrderId'
                        and s."timestamp" > $1::timestamptz - interval '1 day')
   limit ${atOnce}`;

/**
 * What is wrong with what happened between two times, and up to when that can be said: what its saga has not come to has to be asked for again.
 * `snapshot` is a transaction in REPEATABLE READ.
 */
export async function orphansBetween(snapshot: Database, from: Date, to: Date): Promise<{ orphans: Orphan[]; until: Date }> {
  const unbooked = (await snapshot.query(executions, [from, to])) as unknown as Unbooked[];
  const ids = [...new Set(unbooked.map(({ orderId }) => placementIdFor(orderId)))];
  const states = ids.length === 0 ? [] : ((await snapshot.query(sagas, [ids])) as unknown as SagaState[]);
  const byId = new Map(states.map((each) => [each.id, each]));
  const waits = ({ orderId, aggregateId, version }: Unbooked): boolean => {
    const { heard = {}, parked = false, ended = false } = byId.get(placementIdFor(orderId)) ?? {};
    return parked || !(ended || (heard[aggregateId] ?? 0) >= version);
  };
  const orphans = unbooked
    .filter((each) => !waits(each))
    .map(({ id, aggregateId, executionId }): Orphan => {
      return { kind: 'execution', subject: id, detail: `execution ${executionId} of broker order ${aggregateId} is not booked` };
    });
  const foreign = (await snapshot.query(foreignOrders, [from, to])) as unknown as Orphan[];
  const first = unbooked.find(waits);
  const last = unbooked.length < atOnce ? to : (unbooked.at(-1)?.at ?? to);
  return { orphans: [...orphans, ...foreign], until: first ? new Date(first.at.getTime() - 1) : last };
}

/** Of these reported executions, by the ids of their events, those that an account has booked by now. */
export async function bookedLate(database: Database, ids: readonly string[]): Promise<string[]> {
  const rows = await database.query(
    `select e.event_id::text as id from public.event_store e
      where e.event_id = any ($1::uuid[]) and exists (
        select from public.event_store b where b.aggregate_id = (e.metadata ->> 'account')::uuid and b.event_type = 'FillSettled'
           and b.event_data ->> 'executionId' = e.event_data ->> 'executionId')`,
    [ids],
  );
  return rows.map(({ id }) => String(id));
}
