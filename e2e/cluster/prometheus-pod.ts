import type { ActiveAlert } from '../drill/alerts/watched-fleet.ts';
import { rulesOf } from '@tradecore/local/watch/alerts/rules.ts';
import { freePort } from '../world.ts';
import { until, type Cluster, type Manifest } from './cluster.ts';
import type { Release } from './release.ts';
import { restricted } from './side-pod.ts';

/** Its image, which a stage brings. */
export const prometheusImage = 'e2e-prometheus:bookworm';

const namespace = 'tradecore-e2e-monitoring';
const name = 'prometheus';
const adminPort = 9081;

interface ServiceRead {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec: { readonly ports: readonly { readonly port: number }[] };
}

/** As values of a release: this Prometheus may scrape. */
export const mayScrape = JSON.stringify([
  {
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
    podSelector: { matchLabels: { app: name } },
  },
]);

/** A Prometheus in the cluster, which reads each component of a release every three seconds. */
export class PrometheusPod {
  readonly address: string;
  readonly #close: () => void;

  private constructor(address: string, close: () => void) {
    this.address = address;
    this.#close = close;
  }

  /** The times of the rules are divided by `scale`. */
  static async watching(release: Release, scale: number): Promise<PrometheusPod> {
    const { cluster } = release;
    await cluster.makeNamespace(namespace);
    await cluster.apply(...manifestsOf(await adminsOf(release), scale));
    await cluster.kubectl(['--namespace', namespace, 'wait', `pod/${name}`, '--for', 'condition=Ready', '--timeout', '180s']);
    const port = await freePort();
    const { close } = cluster.forward(namespace, `pod/${name}`, [`${port}:9090`]);
    const pod = new PrometheusPod(`http://127.0.0.1:${port}`, () => close());
    await until('Prometheus to answer', 60_000, async () => (await fetch(`${pod.address}/-/ready`)).ok);
    return pod;
  }

  /** Alerts that fire now, by name; but for Watchdog, which always does, and the slow windows of a budget. */
  async firing(): Promise<string[]> {
    const answer = await fetch(`${this.address}/api/v1/alerts`);
    const { data } = (await answer.json()) as { data: { alerts: ActiveAlert[] } };
    const now = data.alerts.filter(({ state, labels }) => state === 'firing' && (labels['window'] ?? '1h') === '1h');
    return [...new Set(now.map(({ labels }) => labels['alertname'] ?? ''))].filter((alert) => alert !== 'Watchdog').sort();
  }

  /** Components that are scraped, and those of them that answer. */
  async targets(): Promise<{ up: number; of: number }> {
    const answer = await fetch(`${this.address}/api/v1/targets?state=active`);
    const { data } = (await answer.json()) as { data: { activeTargets: { health: string }[] } };
    return { up: data.activeTargets.filter(({ health }) => health === 'up').length, of: data.activeTargets.length };
  }

  async close(cluster: Cluster): Promise<void> {
    this.#close();
    await cluster.kubectl(['delete', 'namespace', namespace, '--timeout', '120s']);
  }
}

/** The Services of the release with a port for metrics: each stands for one pod here. Debian's Prometheus can't ask a cluster for pods. */
async function adminsOf({ cluster, namespace, name: of }: Release): Promise<ServiceRead[]> {
  const selector = `app.kubernetes.io/instance=${of},app.kubernetes.io/name=tradecore`;
  const { items } = await cluster.read<{ items: ServiceRead[] }>('services', '--namespace', namespace, '--selector', selector);
  return items.filter(({ spec }) => spec.ports.some(({ port }) => port === adminPort));
}

const configOf = (services: readonly ServiceRead[]): object => ({
  global: { scrape_interval: '3s', scrape_timeout: '3s', evaluation_interval: '1s' },
  rule_files: ['alerts.json'],
  scrape_configs: services.map(({ metadata }) => ({
    job_name: metadata.labels['app.kubernetes.io/component'],
    static_configs: [
      {
        targets: [`${metadata.name}.${metadata.namespace}.svc:${adminPort}`],
        labels: { namespace: metadata.namespace, instance: metadata.name },
      },
    ],
  })),
});

function manifestsOf(services: readonly ServiceRead[], scale: number): Manifest[] {
  const inOurs = { name, namespace };
  const files = { 'prometheus.yml': JSON.stringify(configOf(services)), 'alerts.json': JSON.stringify(rulesOf(scale)) };
  return [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: inOurs, data: files },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...inOurs, labels: { app: name } },
      spec: {
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        terminationGracePeriodSeconds: 1,
        securityContext: { ...restricted.pod, fsGroup: 10001 },
        containers: [
          {
            ...{ name, image: prometheusImage, securityContext: restricted.container },
            args: ['--config.file=/etc/watch/prometheus.yml', '--storage.tsdb.path=/data', '--web.listen-address=:9090'],
            readinessProbe: { httpGet: { path: '/-/ready', port: 9090 }, periodSeconds: 1 },
            resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '768Mi' } },
            volumeMounts: [
              { name: 'files', mountPath: '/etc/watch' },
              { name: 'data', mountPath: '/data' },
            ],
          },
        ],
        volumes: [
          { name: 'files', configMap: { name } },
          { name: 'data', emptyDir: { sizeLimit: '1Gi' } },
        ],
      },
    },
  ];
}
