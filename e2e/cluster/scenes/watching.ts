import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { askPanel } from '@tradecore/local/watch/boards/ask.ts';
import { boards } from '@tradecore/local/watch/boards/boards.ts';
import { seconds } from '@tradecore/local/runner/console.ts';
import { agreed, expectNone } from '../agreement.ts';
import { until } from '../cluster.ts';
import { mayScrape, PrometheusPod } from '../prometheus-pod.ts';
import type { Release } from '../release.ts';
import { tested } from './operating.ts';
import type { Scene } from '../scene.ts';
import { SteadyOrders } from '../steady-orders.ts';

/** A component that is gone, what must fire, and what may beside it. */
interface Fault {
  readonly gone: string;
  readonly fires: readonly string[];
  readonly mayFire: readonly string[];
}

const faults: readonly Fault[] = [
  { gone: 'notifier', fires: ['ServiceDown'], mayFire: [] },
  { gone: 'paper-broker', fires: ['BrokerAway'], mayFire: ['MarketDataStale', 'OrdersNotSent'] },
  {
    gone: 'outbox-relay',
    fires: ['RelayWithoutLeader', 'ServiceDown', 'OutboxOld'],
    mayFire: ['FreshnessBudgetBurn', 'ReconcilerBehind', 'OrdersNotSent'],
  },
];

/** By which the times of the rules are divided: a minute is a quarter of one. */
const scale = 4;

/** A Prometheus inside. */
export const watching: readonly Scene[] = [
  {
    name: 'watch',
    proves:
      'Prometheus in the cluster: a healthy fleet fires nothing, three faults fire their alerts and no others, every query of the boards over our own metrics has data',
    run: async (stage) => {
      const release = await stage.installed();
      const side = await stage.side();
      await stage.bringPrometheus();
      await tested(side);
      await release.upgrade(['--set-json', `networkPolicies.scrapers=${mayScrape}`]);
      const prometheus = await PrometheusPod.watching(release, scale);
      try {
        const orders = await SteadyOrders.begin(side, 5);
        const { of } = await allSeen(prometheus);
        const silent = Date.now();
        await until('a silent healthy fleet', 120_000, async () => (await prometheus.firing()).length === 0);
        await pause(20_000);
        expectNone((await prometheus.firing()).map((alert) => `${alert} fires in a healthy fleet`));
        const silence = seconds(Date.now() - silent);
        const panels = await panelsAnswered(prometheus, () => orders.client.ask('GET', `/v1/orders/${randomUUID()}`));
        const times: string[] = [];
        for (const fault of faults) times.push(await play(prometheus, release, fault));
        const figures = await agreed(side, orders);
        return `${of} components scraped, silent for ${silence}; ${panels} panels have data; ${times.join(', ')}; ${figures}`;
      } finally {
        await prometheus.close(stage.cluster);
      }
    },
  },
];

async function allSeen(prometheus: PrometheusPod): Promise<{ of: number }> {
  let seen = { up: 0, of: 0 };
  await until('every component to be scraped', 60_000, async () => {
    seen = await prometheus.targets();
    return seen.of >= 13 && seen.up === seen.of;
  }).catch(() => expectNone([`${seen.up} of ${seen.of} components answer Prometheus`]));
  return seen;
}

/**
 * What Grafana would ask, until each panel shows something that is not said to be empty at times. Returns how many do.
 * `refused` is asked each time: without it nobody would see a problem document.
 */
async function panelsAnswered({ address }: PrometheusPod, refused: () => Promise<unknown>): Promise<number> {
  const panels = boards.flatMap(({ title, rows }) => rows.flatMap((row) => row.panels.map((panel) => ({ title, panel }))));
  let empty: string[] = [];
  let count = 0;
  await until('every panel to have data', 90_000, async () => {
    [empty, count] = [[], 0];
    await refused();
    for (const { title, panel } of panels) {
      const series = await askPanel(address, panel, { seconds: 60, step: 15 });
      if (series.length > 0) count += 1;
      else if (!panel.mayBeEmpty) empty.push(`${title} / ${panel.title}: no data for ${panel.queries[0]?.expr}`);
    }
    return empty.length === 0;
  }).catch(() => expectNone(empty));
  return count;
}

/** Takes a component away until its alerts fire, and brings it back until they end. */
async function play(prometheus: PrometheusPod, release: Release, { gone, fires, mayFire }: Fault): Promise<string> {
  const workload = [`deployment/${release.fullname}-${gone}`];
  const began = Date.now();
  const seen = new Set<string>();
  await release.scale(workload, 0);
  await until(`${fires.join(', ')} to fire`, 120_000, async () => {
    for (const alert of await prometheus.firing()) seen.add(alert);
    return fires.every((alert) => seen.has(alert));
  }).catch(() => expectNone([`without ${gone} only these fired: ${[...seen].join(', ')}`]));
  const after = seconds(Date.now() - began);
  await release.scale(workload, 1);
  await release.settled();
  await until('all alerts to end', 180_000, async () => (await prometheus.firing()).length === 0);
  const others = [...seen].filter((alert) => !fires.includes(alert) && !mayFire.includes(alert));
  expectNone(others.map((alert) => `without ${gone} ${alert} fired too`));
  return `${fires.join(' and ')} ${after} after ${gone} was gone`;
}
