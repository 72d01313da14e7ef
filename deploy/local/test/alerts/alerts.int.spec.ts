import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prometheusFolder } from '../../src/servers/prometheus.ts';
import { groupsOf, rulesOf } from '../../src/watch/alerts/rules.ts';
import type { Case, Series } from './case.ts';
import { cases } from './cases.ts';

const folder = mkdtempSync(join(tmpdir(), 'alerts-'));
const write = (name: string, content: object): string => {
  writeFileSync(join(folder, name), JSON.stringify(content));
  return join(folder, name);
};
/** Runs tests against the rules, and says what differs: `- {alertname="X",...} 1` is missing, `+ ...` is too much. */
const promtool = (tests: readonly object[]): string[] => {
  write('rules.yaml', rulesOf());
  const file = write('test.yaml', { rule_files: ['rules.yaml'], evaluation_interval: '5m', tests });
  const { status, stdout, stderr } = spawnSync(join(prometheusFolder(), 'promtool'), ['test', 'rules', file], {
    encoding: 'utf8',
  });
  const said = `${stdout}${stderr}`;
  const listed = (what: string): string[] =>
    [...said.matchAll(new RegExp(`^ *${what}:(.*)$`, 'gm'))].flatMap(([, line = '']) => line.match(/\{[^}]*\} [^ ,]+/g) ?? []);
  const [expected, got] = [listed('exp'), listed('got')];
  const differences = [
    ...expected.filter((each) => !got.includes(each)).map((each) => `- ${each}`),
    ...got.filter((each) => !expected.includes(each)).map((each) => `+ ${each}`),
  ];
  return status === 0 || differences.length > 0 ? differences : [said];
};

const nameOf = ({ alert }: Pick<Case, 'alert'>): string => alert.replace(' ', '-');
const inFleet = (series: Series, namespace: string): { series: string; values: string }[] =>
  Object.entries(series).map(([name, values]) => ({
    series: name.replace(/\}$/, `,namespace="${namespace}"}`),
    values,
  }));
/** One firing alert of each name in the fleet that is broken, and nothing in any other. */
const firing = (all: readonly Case[]) =>
  all.flatMap((each) =>
    [each.alert, ...(each.also ?? [])].map((alert) => {
      const [name, window] = alert.split(' ');
      const of = `namespace="broken-${nameOf(each)}"`;
      return { labels: `{alertname="${name}",${of}${window === undefined ? '' : `,window="${window}"`}}`, value: 1 };
    }),
  );
const fired = (eval_time: string, exp_samples: readonly object[], names = '.+'): object => ({
  expr: `count by (namespace, alertname, window) (ALERTS{alertstate="firing", alertname=~"${names}", alertname!="Watchdog"})`,
  eval_time,
  exp_samples,
});

describe('alerts', () => {
  beforeAll(() => void prometheusFolder(), 180_000); // Debian's package is unpacked once
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('have each a case', () => {
    const alerts = groupsOf().flatMap((group) => group.alerts.map(({ alert, window }) => [alert, window].join(' ').trim()));
    expect(cases.map(({ alert }) => alert).sort()).toEqual(alerts.filter((name) => name !== 'Watchdog').sort());
  });

  it.each([
    { times: ['1h35m', '1h40m'], all: cases.filter(({ isSlow = false }) => !isSlow) },
    { times: ['3h55m', '4h'], all: cases.filter(({ isSlow = false }) => isSlow) },
  ])('fire in the fleet that has the fault, once, for as long as $times.1; and nowhere else', ({ times, all }) => {
    const input_series = all.flatMap((each) => [
      ...inFleet(each.broken, `broken-${nameOf(each)}`),
      ...inFleet(each.healthy, `healthy-${nameOf(each)}`),
    ]);
    const promql_expr_test = times.map((time) => fired(time, firing(all)));
    expect(promtool([{ interval: '1m', input_series, promql_expr_test }])).toEqual([]);
  });

  it('burn slowly as a ticket, and end soon after the fault', () => {
    const requests = (namespace: string, status: string, values: string) => ({
      series: `tradecore_http_request_duration_seconds_count{status="${status}",namespace="${namespace}"}`,
      values,
    });
    const input_series = [
      ...[requests('slow', '5xx', '0+2x240'), requests('slow', '2xx', '0+998x240')],
      ...[requests('burst', '5xx', '0+10x60 600x180'), requests('burst', '2xx', '0+100x240')],
    ];
    const burns = 'DoorErrorBudgetBurn';
    const burn = (namespace: string, window: string) => ({
      labels: `{alertname="${burns}", namespace="${namespace}", window="${window}"}`,
      value: 1,
    });
    const promql_expr_test = [
      fired('1h', [burn('burst', '1h'), burn('burst', '6h')], burns),
      fired('1h20m', [burn('burst', '1d'), burn('burst', '6h')], burns),
      fired('4h', [burn('burst', '3d'), burn('slow', '3d')], burns),
    ];
    expect(promtool([{ interval: '1m', input_series, promql_expr_test }])).toEqual([]);
  });

  it('say that no fleet was ever seen', () => {
    const input_series = [{ series: 'up{job="prometheus"}', values: '1x60' }];
    const promql_expr_test = [fired('30m', [{ labels: '{alertname="FleetDown"}', value: 1 }])];
    expect(promtool([{ interval: '1m', input_series, promql_expr_test }])).toEqual([]);
  });
});
