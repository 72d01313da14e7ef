import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../runner/home.ts';
import { boards } from './boards.ts';
import { dashboardOf } from './dashboard.ts';

const folder = join(root, 'deploy', 'grafana');
const fileOf = (uid: string) => join(folder, `${uid}.json`);
const panels = boards.flatMap(({ uid, rows }) =>
  rows.flatMap((row) => row.panels.map((panel) => ({ name: `${uid}: ${panel.title}`, panel }))),
);

describe('the boards', () => {
  it.each(boards.map((board) => [board.uid, board] as const))(
    '%s is the golden file, so that a review shows every change (UPDATE_GOLDEN=1 rewrites it)',
    (uid, board) => {
      const text = `${JSON.stringify(dashboardOf(board), null, 2)}\n`;
      if (process.env['UPDATE_GOLDEN']) writeFileSync(fileOf(uid), text);
      expect(readFileSync(fileOf(uid), 'utf8')).toBe(text);
      // The limit of a ConfigMap is 1 MiB for all of its files.
      expect(text.length).toBeLessThan(256 * 1024);
    },
  );

  it('are all that lies in their folder', () => {
    const golden = readdirSync(folder).filter((name) => name.startsWith('tradecore-'));
    expect(golden.sort()).toEqual(boards.map(({ uid }) => `${uid}.json`).sort());
  });

  it.each(panels)('$name says what it shows, and its rows are full', ({ panel }) => {
    expect(panel.description).toMatch(/^[A-Z].{20,}\.$/);
    expect(panel.queries.length).toBeGreaterThan(0);
    expect(existsSync(join(root, 'docs', 'runbooks', `${panel.runbook}.md`))).toBe(true);
  });

  it.each(panels)('$name reads a counter only by its rate', ({ panel }) => {
    for (const { expr } of panel.queries)
      expect(expr.replaceAll(/(?:rate|increase)\(\w+/g, '')).not.toMatch(/\btradecore_\w+_(?:total|bucket|sum|count)\b/);
  });

  it.each(panels)('$name sees its own namespace alone', ({ panel }) => {
    for (const { expr } of panel.queries)
      for (const [metric] of expr.matchAll(/\b(?:tradecore|nodejs|process)_\w+\b(?:\{namespace=~"\$namespace")?/g))
        expect(metric).toContain('namespace=~"$namespace"');
  });
});
