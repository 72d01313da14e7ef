import { spawnSync } from 'node:child_process';
import { chownSync, cpSync, existsSync, readdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { onPath } from './debian.ts';
import { root } from '../runner/home.ts';
import type { Program } from '../runner/processes.ts';
import type { ServerPlace } from './server-place.ts';

/** A Grafana to start. */
export interface GrafanaOptions {
  readonly port: number;
  /** Prometheus's address. */
  readonly prometheus: string;
}

/** Also in deploy/compose.yaml; a test compares them. */
export const grafanaImage = 'grafana/grafana:12.2.0';

/** Where packages put what belongs to the program: Debian's and RPM, an archive (beside `bin`), Homebrew. */
const homesOf = (program: string): string[] => [
  '/usr/share/grafana',
  join(dirname(program), '..'),
  join(dirname(program), '..', 'share', 'grafana'),
];

/**
 * Grafana with the boards, for everyone who reaches the loopback interface: the program on the PATH, else a container
 * where an engine runs. Undefined where there is neither.
 */
export function grafana(place: ServerPlace, options: GrafanaOptions): Program | undefined {
  const program = onPath('grafana');
  const home = program && homesOf(realpathSync(program)).find((path) => existsSync(join(path, 'conf', 'defaults.ini')));
  if (program && home) {
    const files = filesIn(place);
    const env = settingsOf(options, files);
    return {
      ...shapeOf(options),
      command: program,
      args: ['server', '--homepath', home],
      env,
      cwd: files,
      account: place.account,
    };
  }
  const engine = ['docker', 'podman'].find((name) => onPath(name) && spawnSync(name, ['info'], { timeout: 5_000 }).status === 0);
  if (engine === undefined) return undefined;
  const env = Object.entries(settingsOf(options, '/tradecore')).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
  const name = `tradecore-grafana-${options.port}`;
  const args = [
    'run',
    '--rm',
    '--name',
    name,
    '--network=host',
    `--volume=${filesIn(place)}:/tradecore:ro`,
    ...env,
    grafanaImage,
  ];
  return { ...shapeOf(options), command: engine, args };
}

const shapeOf = ({ port }: GrafanaOptions) => ({
  name: 'grafana',
  isReady: async () => (await fetch(`http://127.0.0.1:${port}/api/health`)).ok,
  readyWithinMs: 120_000, // a container's image is fetched first
  stopSignal: 'SIGTERM' as const,
  stopWithinMs: 10_000,
});

/** Where `npm run compose` has Jaeger; nobody else need have one. */
const traces = 'http://127.0.0.1:16686';

/** Grafana reads its settings from the environment; the files of `provisioning` too. deploy/compose.yaml has the same, and a test compares them. */
export const settingsOf = ({ port, prometheus }: GrafanaOptions, files: string): Record<string, string> => ({
  GF_SERVER_HTTP_ADDR: '127.0.0.1',
  GF_SERVER_HTTP_PORT: String(port),
  GF_PATHS_PROVISIONING: join(files, 'provisioning'),
  GF_AUTH_ANONYMOUS_ENABLED: 'true',
  GF_ANALYTICS_REPORTING_ENABLED: 'false',
  GF_ANALYTICS_CHECK_FOR_UPDATES: 'false',
  GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH: join(files, 'tradecore-overview.json'),
  PROMETHEUS_URL: prometheus,
  TRACES_URL: traces,
  BOARDS_FOLDER: files,
  ...(files !== '/tradecore' && { GF_PATHS_DATA: join(files, 'data'), GF_PATHS_LOGS: join(files, 'logs') }),
});

/** The boards and their provisioning, where the account of the servers can read them. */
function filesIn(place: ServerPlace): string {
  const folder = place.folder('grafana');
  cpSync(join(root, 'deploy', 'grafana'), folder, { recursive: true });
  if (place.account)
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
      chownSync(join(folder, name), place.account.uid, place.account.gid);
  return folder;
}
