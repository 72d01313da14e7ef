import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { chart, describeChart, manifests, named, ofKind, type World } from './render.ts';

const deploy = join(chart, '../../deploy');
const boardsIn = (folder: string) =>
  (existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : []).sort();
const copies = (): [string, string][] => [
  [join(deploy, 'alerts.yaml'), join(chart, 'files/alerts.yaml')],
  ...boardsIn(join(deploy, 'grafana')).map((name): [string, string] => [
    join(deploy, 'grafana', name),
    join(chart, 'files/boards', name),
  ]),
];

describe('what the chart takes from deploy', () => {
  it('is what is there: the alerts and every board (UPDATE_GOLDEN=1 copies them)', () => {
    if (process.env['UPDATE_GOLDEN']) {
      rmSync(join(chart, 'files/boards'), { recursive: true, force: true });
      mkdirSync(join(chart, 'files/boards'));
      for (const [from, to] of copies()) copyFileSync(from, to);
    }
    const differing = copies().filter(([from, to]) => !existsSync(to) || readFileSync(from, 'utf8') !== readFileSync(to, 'utf8'));
    expect(differing.map(([, to]) => to)).toEqual([]);
    expect(boardsIn(join(chart, 'files/boards'))).toEqual(boardsIn(join(deploy, 'grafana')));
  });
});

describeChart('observability', () => {
  const kinds = ['PodMonitor', 'PrometheusRule'];
  const found = (world: World, ...more: string[]) =>
    kinds.flatMap((kind) => ofKind(kind, manifests(world, ...more)).map(({ metadata }) => metadata!['name']));

  it('is there where the cluster knows it, unless the values say otherwise', () => {
    expect(found('zero')).toEqual([]);
    const knows = ['--api-versions', 'monitoring.coreos.com/v1'];
    const all = ['trade-tradecore-fleet', 'trade-tradecore-redpanda', 'trade-tradecore-alerts'];
    expect(found('zero', ...knows)).toEqual(all);
    expect(found('zero', ...knows, '--set', 'observability.rules.enabled=false')).toEqual(all.slice(0, 2));
    expect(found('observability')).toEqual(expect.arrayContaining(['trade-tradecore-postgres']));
  });

  it('carries the labels of the values, every alert, and every board', () => {
    const all = manifests('full');
    for (const name of ['desk-fleet', 'desk-alerts']) {
      const labels = named(
        name,
        all.filter(({ kind }) => kinds.includes(kind!)),
      )['metadata']!['labels'];
      expect(labels).toMatchObject({ release: 'monitoring', 'app.kubernetes.io/instance': 'trade' });
    }
    const { groups } = parse(readFileSync(join(deploy, 'alerts.yaml'), 'utf8')) as { groups: object[] };
    expect(groups.length).toBeGreaterThan(0);
    expect(named('desk-alerts', all)['spec']).toEqual({ groups });
    const boards = ofKind('ConfigMap', all).filter(({ metadata }) => metadata!['name']!.startsWith('desk-board-'));
    expect(boards.map(({ data }) => Object.keys(data!)[0]).sort()).toEqual(boardsIn(join(deploy, 'grafana')));
  });
});
