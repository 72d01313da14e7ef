import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { declaredMetrics, metricsPage } from '@tradecore/telemetry';
import { openMetricsFaults } from '@tradecore/telemetry/testing';
import { metricsPageOf, type Declared } from './metrics-page.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const files = (...patterns: string[]): string[] =>
  globSync(patterns, { cwd: root, exclude: (path) => /node_modules|\bdist\b/.test(path) });

/** The files that declare metrics at their top, by the name of each: so a name in code leads to its file, and back. */
const pathOf = new Map(
  files('{libs,services}/*/src/**/*.ts')
    .filter((path) => !path.endsWith('.spec.ts'))
    .flatMap((path) =>
      [...read(path).matchAll(/(?:name: |total\()'(tradecore_\w+)'/g)].map(([, name = '']) => [name, path] as const),
    ),
);

let declared: readonly Declared[];
let page: string;
beforeAll(async () => {
  for (const path of new Set(pathOf.values())) await import(join(root, path));
  declared = declaredMetrics().map((each) => ({ ...each, path: pathOf.get(each.name) ?? 'nowhere' }));
  page = await metricsPage();
});

describe('docs/metrics.md', () => {
  it('lists every metric that the code names, and no other', () => {
    const found = metricsPageOf(declared);
    if (process.env['UPDATE_GOLDEN']) writeFileSync(join(root, 'docs/metrics.md'), found);
    expect(read('docs/metrics.md')).toBe(found);
    expect(declared.map(({ name }) => name).sort()).toEqual([...pathOf.keys()].sort());
  });
});

describe('every metric', () => {
  it('starts at zero for all values of its labels', () => {
    for (const { name, type, labels } of declared) {
      const series = Object.values(labels).reduce((product, values) => product * values.length, 1);
      const sample = type === 'histogram' ? `${name}_count` : name;
      const zeros = page.split('\n').filter((line) => new RegExp(`^${sample}(\\{.*\\})? `).test(line));
      expect([name, zeros.length]).toEqual([name, series]);
      if (type === 'counter') expect(zeros.filter((line) => !line.endsWith(' 0'))).toEqual([]);
    }
  });

  it('has a name of its type and a sentence', () => {
    expect(declared.filter(({ name, type }) => /_total$/.test(name) !== (type === 'counter'))).toEqual([]);
    expect(
      declared.filter(({ name }) => /_(ms|milliseconds|minutes|hours|bucket|count|sum|created|info_\w+)$/.test(name)),
    ).toEqual([]);
    expect(declared.filter(({ help }) => !/^\S[^"\\|\n]*\.$/.test(help)).map(({ name, help }) => [name, help])).toEqual([]);
  });

  it('stands on a page as OpenMetrics wants it', () => expect(openMetricsFaults(page)).toEqual([]));
});

describe('a metric that is named', () => {
  const texts = files(
    'deploy/*.yaml',
    'deploy/grafana/**/*.json',
    'docs/**/*.md',
    '{libs,services,deploy}/*/README.md',
    'bench/*.ts',
    'e2e/**/*.ts',
  );
  /** Roles of the database bear the same prefix. */
  const roles = /^tradecore_(operator|backup|reader|command_api)$/;

  it.each(texts.filter((path) => /\btradecore_[a-z]/.test(read(path))))('in %s is in the catalogue', (path) => {
    const names = new Set(
      declared.flatMap(({ name, type }) =>
        type === 'histogram' ? ['', '_bucket', '_count', '_sum'].map((end) => name + end) : [name],
      ),
    );
    const named = [...read(path).matchAll(/\btradecore_[a-z_]*[a-z]\b/g)].map(([name]) => name);
    expect([...new Set(named)].filter((name) => !names.has(name) && !roles.test(name))).toEqual([]);
  });
});
