import type { Transaction } from '@tradecore/event-sourcing';

/** How far the model has come with one aggregate. */
export interface Checkpoint {
  readonly aggregateId: string;
  /** Of the last event that the model holds; 0 = none. */
  readonly version: number;
  readonly eventId: string | null;
  /** Nothing more of this aggregate is folded until `redrive`. */
  readonly parked?: Parked | undefined;
}

/** At which version, why (`fold-failed: ...`), and by which release. */
export interface Parked {
  readonly version: number;
  readonly reason: string;
  readonly release: string;
}

interface CheckpointRow {
  readonly aggregate_id: string;
  readonly version: number;
  readonly event_id: string | null;
  readonly parked_version: number | null;
  readonly parked_reason: string | null;
  readonly parked_release: string | null;
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
    `select aggregate_id, version, event_id, parked_version, parked_reason, parked_release from ${schema}.checkpoints
      where aggregate_id = any($1::uuid[]) order by aggregate_id for update`,
    [aggregateIds],
  )) as CheckpointRow[];
  return new Map(
    rows.map((row) => [
      row.aggregate_id,
      {
        aggregateId: row.aggregate_id,
        version: row.version,
        eventId: row.event_id,
        ...(row.parked_version !== null && {
          parked: { version: row.parked_version, reason: row.parked_reason ?? '', release: row.parked_release ?? '0.0.0' },
        }),
      },
    ]),
  );
}

/** SQL that writes the checkpoints of parameter `$n`: a JSON array made by `checkpointRows`. */
export const upsertCheckpoints = (schema: string, parameter: number): string => `
  insert into ${schema}.checkpoints (aggregate_id, version, event_id, parked_version, parked_reason, parked_release, parked_at)
  select aggregate_id, version, event_id, parked_version, parked_reason, parked_release,
         case when parked_version is not null then clock_timestamp() end
    from json_to_recordset($${parameter}::json)
      as (aggregate_id uuid, version int, event_id uuid, parked_version int, parked_reason text, parked_release text)
   order by aggregate_id
  on conflict (aggregate_id) do update set version = excluded.version, event_id = excluded.event_id,
    parked_version = excluded.parked_version, parked_reason = excluded.parked_reason, parked_release = excluded.parked_release,
    parked_at = excluded.parked_at`;

/** The checkpoints in the form that `upsertCheckpoints` takes. */
export const checkpointRows = (checkpoints: Iterable<Checkpoint>): object[] =>
  [...checkpoints].map(({ aggregateId, version, eventId, parked }) => ({
    aggregate_id: aggregateId,
    version,
    event_id: eventId,
    parked_version: parked?.version ?? null,
    parked_reason: parked?.reason ?? null,
    parked_release: parked?.release ?? null,
  }));
