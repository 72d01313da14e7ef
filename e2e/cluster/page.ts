import { publish, withPublished, type TableRow } from '../drill/published.ts';
import { scenes } from './scenes.ts';

/** Of the table, printed and published. */
export const titles = ['scene', 'proves', 'result', 'seen', 'took'];

/** Writes the rows of scenes that hold into docs/cluster.md; those that were not played now keep theirs. */
export function publishRows(rows: readonly TableRow[]): void {
  const known = withPublished('cluster.md', 'e2e:cluster', rows);
  // A row says what a scene proves; where the scene says something else now, nobody has seen that.
  const seen = scenes.map(({ name, proves }) => known.get(name)?.[1] === proves && known.get(name));
  publish('cluster.md', 'e2e:cluster', [titles, ...seen.filter((row) => row !== undefined && row !== false)]);
}
