import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Of the next release, and of what it brings: a migration, and a fold that fills the column. */
export const second = { version: '0.99.0', column: 'summary', foldVersion: 2 };

/** Turns a copy of this tree into the next release: one more migration, the fold of orders one version higher. */
export function asSecondBuild(folder: string): void {
  writeFileSync(
    join(folder, 'libs/read-models/schema/0399-summary.sql'),
    `alter table order_projector.orders add column ${second.column} text;\n`,
  );
  replaced(
    join(folder, 'libs/read-models/src/orders.projector.ts'),
    `version: 1, table: 'orders' })`,
    `version: ${second.foldVersion}, table: 'orders' })`,
  );
  replaced(
    join(folder, 'libs/read-models/src/orders.projector.ts'),
    `orderId: aggregateId, status: 'pendingNew',`,
    `orderId: aggregateId, status: 'pendingNew', ${second.column}: data.side + ' ' + data.symbol,`,
  );
}

/** A copy of the chart in this folder, under another version, and of another image where one is named. */
export function chartCopy(chart: string, folder: string, { version, image }: { version: string; image?: string }): string {
  const copy = join(folder, `tradecore-${version}`);
  cpSync(chart, copy, { recursive: true });
  const file = join(copy, 'Chart.yaml');
  replaced(file, /^version: .*$/m, `version: ${version}`);
  if (image !== undefined) replaced(file, /^appVersion: .*$/m, `appVersion: ${image}`);
  return copy;
}

/** The tree must say what is replaced, or the next release would be this one. */
function replaced(file: string, what: string | RegExp, by: string): void {
  const text = readFileSync(file, 'utf8');
  const changed = text.replace(what, () => by);
  if (changed === text) throw new Error(`${file} does not say ${String(what)}`);
  writeFileSync(file, changed);
}
