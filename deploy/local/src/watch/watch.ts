import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Step } from '../runner/console.ts';
import { root, type Home } from '../runner/home.ts';
import { choosePorts } from '../runner/ports.ts';
import { Supervised, type Crash } from '../runner/processes.ts';
import type { Instance } from '../runner/service-list.ts';
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

/** Starts Prometheus beside a fleet, with its rules. Returns the lines for the list of addresses: name, address, remark. */
export async function startWatch({ home, services, step, onCrash, own }: WatchOptions): Promise<string[][]> {
  const { prometheus: port = 0 } = await choosePorts(home, { prometheus: 19_090 });
  await step('Prometheus', async (remark) => {
    const rules = readFileSync(rulesFile, 'utf8');
    const options = { port, targets: targetsOf(services), rules, rhythm: usualRhythm };
    const server = new Supervised(home, prometheus(serverPlace(home), options), onCrash);
    own.push(server);
    await server.start();
    remark(`pid ${server.pid}`);
  });
  const address = `http://127.0.0.1:${port}`;
  return [['Prometheus', address, `${address}/alerts`]];
}
