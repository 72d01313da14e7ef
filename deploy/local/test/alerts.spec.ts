import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: { readonly summary: string; readonly runbook: string };
}

const root = fileURLToPath(new URL('../../..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const files = (...patterns: string[]): string[] =>
  execFileSync('git', ['ls-files', '-co', '--exclude-standard', ...patterns], { cwd: root, encoding: 'utf8' })
    .split('\n')
    .filter((path) => path !== '');

const { groups } = parse(read('deploy/alerts.yaml')) as { groups: readonly { readonly rules: readonly Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const runbooks = files('docs/runbooks/*.md').sort();

/** Names of metrics that the code declares. */
const declared = new Set(
  files('libs/*/src/*.ts', 'libs/*/src/**/*.ts', 'services/*/src/**/*.ts', 'services/*/src/*.ts').flatMap((path) =>
    [...read(path).matchAll(/'([a-z]+(?:_[a-z]+)+)'/g)].map(([, name]) => name),
  ),
);

/** Words of a text that look like metrics: with an underscore, and nothing of SQL or JavaScript around them. */
const metricsIn = (text: string): string[] =>
  [...text.matchAll(/(?<![\w.'-])([a-z]+(?:_[a-z]+)+)(?![\w.(']|\s*=\s)/g)].map(([, name = '']) => name);

describe('alerts', () => {
  it.each(rules.map((rule) => [rule.alert, rule] as const))('%s watches what there is', (_, { expr }) => {
    const named = metricsIn(expr.replace(/\{[^}]*\}/g, ''));
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((name) => !declared.has(name))).toEqual([]);
  });

  it('each name a page that says what to do, and each such page has its alert', () => {
    // A rebuild belongs to a change of a fold: nothing alarms. What holds up the database is found by `tradecore doctor`.
    const alarming = runbooks.filter((path) => !/\/(rebuild-a-read-model|database)\.md$/.test(path));
    expect([...new Set(rules.map(({ annotations }) => annotations.runbook))].sort()).toEqual(alarming);
  });

  it.each(runbooks)('%s names figures that there are', (path) => {
    const figures = [...read(path).matchAll(/`([a-z]+(?:_[a-z]+)+)(?:\{[^`]*\})?`/g)].map(([, name = '']) => name);
    const others = ['event_store', 'forgotten_events', 'causation_id', 'parked_messages', 'max_connections'];
    expect(figures.filter((name) => !declared.has(name) && !others.includes(name) && !name.startsWith('dl_'))).toEqual([]);
  });
});
