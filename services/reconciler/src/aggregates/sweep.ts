import type { EntityManager } from 'typeorm';
import type { Looked } from './aggregates-check.ts';

/** A part of the sweep. */
export interface Swept {
  readonly aggregates: readonly Looked[];
  readonly roundBegan: string;
}

/** Goes through all aggregates by their ids, round after round; where it is stands in its row. */
export class Sweep {
  constructor(private readonly count: number) {}

  /** The next aggregates behind those of the last part. */
  async next(tx: EntityManager): Promise<Swept> {
    const [state] = (await tx.query(
      `select coalesce((select swept_to from reconciler.checks where check_name = 'models'), '00000000-0000-0000-0000-000000000000')::text as after,
              coalesce((select case when swept_to is null then null else round_began end from reconciler.checks where check_name = 'models'),
                       clock_timestamp())::text as began`,
    )) as { after: string; began: string }[];
    const aggregates = (await tx.query(
      `select aggregate_id::text as "aggregateId", aggregate_type as "aggregateType" from public.stream_heads
        where aggregate_id > $1 order by aggregate_id limit $2`,
      [state?.after, this.count],
    )) as Looked[];
    return { aggregates, roundBegan: state?.began ?? '' };
  }

  /** Goes on behind this part; after the last one from the beginning. Answers when a round that is over began. */
  async done(tx: EntityManager, { aggregates, roundBegan }: Swept): Promise<Date | undefined> {
    const isOver = aggregates.length < this.count;
    const to = isOver ? null : (aggregates.at(-1)?.aggregateId ?? null);
    const [row] = (await tx.query(
      `insert into reconciler.checks as c (check_name, swept_to, round_began, round_seconds)
       values ('models', $1, $2, case when $3 then extract(epoch from clock_timestamp() - $2::timestamptz) end)
       on conflict (check_name) do update set swept_to = excluded.swept_to, round_began = excluded.round_began,
         round_seconds = coalesce(excluded.round_seconds, c.round_seconds)
       returning round_began as began`,
      [to, roundBegan, isOver],
    )) as { began: Date }[];
    return isOver ? row?.began : undefined;
  }
}
