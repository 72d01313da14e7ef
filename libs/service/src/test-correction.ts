import { freshId, type CorrectionKind } from '@tradecore/events';
import type { DataSource } from 'typeorm';

/** A correction that a test proposes. */
export interface TestCorrection {
  readonly kind: CorrectionKind;
  readonly owner: string;
  readonly target: string;
  readonly events?: readonly string[];
  readonly version?: number;
}

/** Writes a correction down as the reconciler does, for a finding that it opens. Returns its id. `owner`: as the database's owner. */
export async function proposeCorrection(owner: DataSource, proposed: TestCorrection): Promise<string> {
  const id = freshId();
  const { kind, target, events = [], version = 1 } = proposed;
  await owner.query(
    `with finding as (
       insert into reconciler.findings (check_name, kind, subject, detail) values ('orphans', $2, $1::text, 'planted by a test') returning finding_id
     ) insert into reconciler.corrections (correction_id, finding_id, kind, owner, target, events, version)
       select $1::uuid, finding_id, $2, $3, $4, $5, $6 from finding`,
    [id, kind, proposed.owner, target, events, version],
  );
  return id;
}
