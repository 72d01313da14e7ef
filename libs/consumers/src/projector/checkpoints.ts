import type { Transaction } from '@tradecore/event-sourcing';

/** How far the model has come with one aggregate. */
export interface Checkpoint {
  readonly aggregateId: string;
  /** Of the last event that the model holds; 0 = none. */
  readonly version: number;
  readonly eventId: string | null;
  /** Nothing more of this aggregate is folded until `redrive`. */
  readonly parked?: Parked | null | undefined;
}

/** At which version, why (`fold-failed: ...`), and by which release. */
export interface Parked {
  readonly version: number;
  readonly reason: string;
  readonly release: string;
}

/**
 * Loads and locks the checkpoints of these aggregates, in the order of their ids, so that a redrive and a batch wait
 * for each other.
 */
export async function lockCheckpoints(
  tx: Transaction,
  schema: string,
  aggregateIds: readonly string[],
): Promise<Map<string, Checkpoint>> {
  const rows = (await tx.query(
    `select aggregate_id as "aggregateId", version, event_id as "eventId",
            case when parked_version is not null then json_build_object('version', parked_version,
              'reason', coalesce(parked_reason, ''), 'release', coalesce(parked_release, '0.0.0')) end as parked
       from ${schema}.checkpoints where aggregate_id = any($1::uuid[]) order by aggregate_id for update`,
    [aggregateIds],
  )) as Checkpoint[];
  return new Map(rows.map((row) => [row.aggregateId, row]));
}

/** SQL that writes the checkpoints of parameter `$n`: a JSON array of `Checkpoint`. */
export const upsertCheckpoints = (schema: string, parameter: number): string => `
  insert into ${schema}.checkpoints (aggregate_id, version, event_id, parked_version, parked_reason, parked_release, parked_at)
  select "aggregateId", version, "eventId", (parked->>'version')::int, parked->>'reason', parked->>'release',
         case when parked is not null then clock_timestamp() end
    from json_to_recordset($${parameter}::json) as ("aggregateId" uuid, version int, "eventId" uuid, parked json)
   order by "aggregateId"
  on conflict (aggregate_id) do update set version = excluded.version, event_id = excluded.event_id,
    parked_version = excluded.parked_version, parked_reason = excluded.parked_reason, parked_release = excluded.parked_release,
    parked_at = excluded.parked_at`;
