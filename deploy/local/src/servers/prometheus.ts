import { chownSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { debianPackages, installLine, onPath } from './debian.ts';
import { Refusal } from '../runner/console.ts';
import { root } from '../runner/home.ts';
import type { Program } from '../runner/processes.ts';
import type { ServerPlace } from './server-place.ts';

/** What is scraped: `/metrics` of one process, and the labels of all its series. */
export interface Target {
  /** The service: `order-projector`. */
  readonly job: string;
  /** The process: `order-projector-2`. */
  readonly instance: string;
  /** `host:port`. */
  readonly address: string;
  /** `/metrics` if absent. */
  readonly path?: string;
}

/** How often metrics are read and rules are judged, in seconds. */
export interface Rhythm {
  readonly scrape: number;
  readonly judge: number;
}

/** A Prometheus to start. */
export interface PrometheusOptions {
  readonly port: number;
  readonly targets: readonly Target[];
  /** The text of its file of rules. */
  readonly rules: string;
  readonly rhythm: Rhythm;
}

/** Its own file, as an object; JSON is YAML too. */
export function prometheusConfig(targets: readonly Target[], rules: string, { scrape, judge }: Rhythm): object {
  const timeout = Math.min(scrape, 10);
  return {
    global: { scrape_interval: `${scrape}s`, scrape_timeout: `${timeout}s`, evaluation_interval: `${judge}s` },
    rule_files: [rules],
    scrape_configs: [...Map.groupBy(targets, ({ job }) => job)].map(([job, all]) => ({
      job_name: job,
      ...(all[0]?.path !== undefined && { metrics_path: all[0].path }),
      static_configs: all.map(({ address, instance }) => ({ targets: [address], labels: { instance } })),
    })),
  };
}

/** Folder of `prometheus` and `promtool`: on the PATH, else Debian's package, unpacked once. */
export function prometheusFolder(): string {
  const system = onPath('promtool') && onPath('prometheus');
  if (system) return dirname(system);
  return join(debianPackages(join(root, '.local', 'prometheus'), ['prometheus'], missing), 'usr', 'bin');
}

/** Prometheus in this place, with these rules; it keeps two days. */
export function prometheus(place: ServerPlace, { port, targets, rules, rhythm }: PrometheusOptions): Program {
  const data = place.folder('prometheus');
  const own = (name: string, text: string): string => {
    const file = join(data, name);
    writeFileSync(file, text);
    if (place.account) chownSync(file, place.account.uid, place.account.gid);
    return file;
  };
  own('alerts.yaml', rules);
  const config = own('prometheus.json', JSON.stringify(prometheusConfig(targets, 'alerts.yaml', rhythm), null, 2));
  return {
    name: 'prometheus',
    command: join(place.program(prometheusFolder()), 'prometheus'),
    args: [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(data, 'tsdb')}`,
      '--storage.tsdb.retention.time=2d',
      `--web.listen-address=127.0.0.1:${port}`,
      '--enable-feature=exemplar-storage',
      '--log.level=warn',
    ],
    cwd: data,
    account: place.account,
    isReady: async () => (await fetch(`http://127.0.0.1:${port}/-/ready`)).ok,
    readyWithinMs: 30_000,
    stopSignal: 'SIGTERM',
    stopWithinMs: 10_000,
  };
}

const missing = (why: string): Refusal =>
  new Refusal(
    `Prometheus is missing: looked for \`prometheus\` and \`promtool\` in ${process.env['PATH']} and for Debian's package (${why}).\n` +
      `Install: ${installLine('prometheus')} (macOS: brew install prometheus), or start without --watch.`,
  );
