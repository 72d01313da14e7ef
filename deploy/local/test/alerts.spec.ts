import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { insiders } from '../src/runner/service-list.ts';
import { prometheusConfig } from '../src/servers/prometheus.ts';
import { groupsOf, rulesOf } from '../src/watch/alerts/rules.ts';
import { rulesFile, usualRhythm } from '../src/watch/watch.ts';

const at = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const read = (path: string): string => readFileSync(at(path), 'utf8');
const alerts = groupsOf().flatMap((group) => group.alerts);
/** The labels of each metric, as the page of metrics has them. */
const labelsOf = new Map(
  [...read('docs/metrics.md').matchAll(/^\| `(\w+)` \| [^|]+\| [^|]+\| ([^|]*)\|/gm)].map(([, name = '', labels = '']) => [
    name,
    labels,
  ]),
);

/** A rebuild belongs to a change of a fold: nothing alarms. */
const alarming = readdirSync(at('docs/runbooks'))
  .map((file) => file.replace('.md', ''))
  .filter((page) => page !== 'rebuild-a-read-model' && page !== 'kill-switch');

/** A file that is made from code: with UPDATE_GOLDEN=1 it is written, else compared. */
function expectMade(file: string, title: string, content: object): void {
  const text = `# ${title} Made from deploy/local/src/watch: UPDATE_GOLDEN=1 npm test -- alerts.spec writes it.\n${stringify(content, { lineWidth: 120 })}`;
  if (process.env['UPDATE_GOLDEN']) writeFileSync(file, text);
  expect(readFileSync(file, 'utf8')).toBe(text);
}

describe('deploy/alerts.yaml', () => {
  it('is what the rules say', () => {
    expectMade(rulesFile, 'Alerts for Prometheus.', rulesOf());
  });

  it('reads metrics that there are, by labels that they have', () => {
    const faults = alerts.flatMap(({ alert, expr }) =>
      [...expr.matchAll(/(tradecore_[a-z_]+)(?:\{([^}]*)\})?/g)].flatMap(([, name = '', matchers = '']) => {
        const labels = labelsOf.get(name.replace(/_(count|bucket|sum)$/, ''));
        const used = [...matchers.matchAll(/(\w+)[=!]/g)].map(([, label = '']) => label);
        return labels && used.every((label) => labels.includes(`\`${label}\``)) ? [] : [`${alert}: ${name}{${matchers}}`];
      }),
    );
    expect(faults).toEqual([]);
  });

  it('says in one sentence what is so', () => {
    expect(alerts.filter(({ summary }) => !/^[A-Z].{10,}[.]$/.test(summary)).map(({ alert }) => alert)).toEqual([]);
  });
});

describe('deploy/prometheus.yaml', () => {
  it('reads the fleet of npm start on its usual ports, and Redpanda', () => {
    const fleet = insiders.map(({ name, adminPort }) => ({ job: name, instance: name, address: `127.0.0.1:${adminPort}` }));
    const redpanda = { job: 'redpanda', instance: 'redpanda', address: '127.0.0.1:9644', path: '/public_metrics' };
    const config = prometheusConfig([...fleet, redpanda], 'alerts.yaml', usualRhythm);
    expectMade(at('deploy/prometheus.yaml'), 'The Prometheus of `npm run compose`.', config);
  });
});

describe('docs/runbooks', () => {
  it('has a page for each alert, and an alert for each page', () => {
    expect([...new Set(alerts.map(({ runbook }) => runbook))].sort()).toEqual(alarming.toSorted());
  });

  it.each(alarming)('%s names figures that there are', (page) => {
    const figures = [...read(`docs/runbooks/${page}.md`).matchAll(/`(tradecore_\w+)/g)].map(([, name = '']) => name);
    expect(figures.filter((name) => !labelsOf.has(name.replace(/_(count|bucket|sum)$/, '')))).toEqual([]);
  });

  it.each(alarming)('%s says what it means, whom it hurts, how to look and what to do', (page) => {
    const parts = [...read(`docs/runbooks/${page}.md`).matchAll(/^\*\*(Meaning|Impact|Diagnosis|Mitigation|Done when)\b/gm)];
    expect(parts.map(([, name]) => name)).toEqual(['Meaning', 'Impact', 'Diagnosis', 'Mitigation', 'Done when']);
  });
});
