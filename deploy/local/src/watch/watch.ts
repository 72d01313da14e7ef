import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Step } from '../runner/console.ts';
import { root, type Home } from '../runner/home.ts';
import { choosePorts } from '../runner/ports.ts';
import { Supervised, type Crash, type Program } from '../runner/processes.ts';
import type { Instance } from '../runner/service-list.ts';
import { grafana } from '../servers/grafana.ts';
import { prometheus, type Rhythm, type Target } from '../servers/prometheus.ts';
import { serverPlace } from '../servers/server-place.ts';

/** What is watched, and how. */
export interface WatchOptions {
  readonly home: Home;
  readonly services: readonly Instance[];
  readonly step: Step;
  readonly onCrash: (crash: Crash) => void;
  /** Each process is added before it starts. */
  readonly own: Supervised[];
}

/** The rhythm of a production fleet; faster than usual, so that a fault shows within a minute. */
export const usualRhythm: Rhythm = { scrape: 15, judge: 15 };

/** The file of rules that every Prometheus of a fleet loads. */
export const rulesFile = join(root, 'deploy', 'alerts.yaml');

/** The admin ports of these processes. */
export const targetsOf = (services: readonly Instance[]): Target[] =>
  services.map(({ name, service, adminPort }) => ({ job: service, instance: name, address: `127.0.0.1:${adminPort}` }));

/**
 * Starts Prometheus with the rules beside a fleet, and Grafana with the boards where there is one. Returns the lines for
 * the list of addresses: name, address, remark.
 */
export async function startWatch({ home, services, step, onCrash, own }: WatchOptions): Promise<string[][]> {
  const { prometheus: port = 0, grafana: boardsPort = 0 } = await choosePorts(home, { prometheus: 19_090, grafana: 19_030 });
  const place = serverPlace(home);
  const start = (name: string, program: Program) =>
    step(name, async (remark) => {
      const server = new Supervised(home, program, onCrash);
      own.push(server);
      await server.start();
      remark(`pid ${server.pid}`);
    });
  const [seen, shown] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${boardsPort}`];
  const rules = readFileSync(rulesFile, 'utf8');
  await start('Prometheus', prometheus(place, { port, targets: targetsOf(services), rules, rhythm: usualRhythm }));
  const boards = grafana(place, { port: boardsPort, prometheus: seen });
  if (boards) await start('Grafana', boards);
  return [
    ['Prometheus', seen, `${seen}/alerts`],
    boards ? ['Grafana', shown, 'boards'] : ['Grafana', 'none', 'neither `grafana` nor a running container engine was found'],
  ];
}
