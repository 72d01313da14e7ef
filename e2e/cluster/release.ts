import { fileURLToPath } from 'node:url';
import { until, type Cluster } from './cluster.ts';

/** The chart of this tree. */
export const chart = fileURLToPath(new URL('../../helm/tradecore', import.meta.url));

/** The components that are servers, not services of ours. */
export const servers: readonly string[] = ['postgres', 'redis', 'redpanda', 'console'];

/** A pod of a release. */
export interface PodSeen {
  readonly component: string;
  readonly name: string;
  readonly uid: string;
  readonly isReady: boolean;
  /** It has been told to end. */
  readonly isLeaving: boolean;
  readonly restarts: number;
}

interface PodRead {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly deletionTimestamp?: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly kind: string }[];
  };
  readonly status: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly { readonly restartCount: number }[];
  };
}

/** Where a fleet keeps what it knows. */
export interface Servers {
  readonly postgres: string;
  readonly database: string;
  readonly brokers: string;
  /** PostgreSQL takes nobody in the clear. */
  readonly isTls?: boolean;
  /** Whose tokens the doors take: a namespace, and a pod. The release's own when absent. */
  readonly issuer?: readonly [namespace: string, pod: string];
}

/** What makes a release. */
export interface ReleaseOptions {
  readonly namespace: string;
  /** Files of values that come after the chart's own. */
  readonly values: readonly string[];
  /** `trade` when absent. */
  readonly name?: string;
  /** Those of the release itself when absent. */
  readonly servers?: Servers;
}

/** A release of the chart in a namespace. */
export class Release {
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly name: string;
  /** The prefix of all its objects' names. */
  readonly fullname: string;
  readonly servers: Servers;
  readonly #values: readonly string[];

  constructor(cluster: Cluster, { namespace, values, name = 'trade', servers }: ReleaseOptions) {
    this.cluster = cluster;
    this.namespace = namespace;
    this.name = name;
    this.fullname = `${name}-tradecore`;
    const broker = `${this.fullname}-redpanda-0.${this.fullname}-redpanda.${namespace}.svc:9092`;
    this.servers = servers ?? { postgres: this.host('postgres'), database: 'tradecore', brokers: broker };
    this.#values = values.flatMap((file) => ['--values', file]);
  }

  /** Where a component of it answers, inside the cluster. */
  host(component: string): string {
    return `${this.fullname}-${component}.${this.namespace}.svc`;
  }

  async install(...more: readonly string[]): Promise<void> {
    await this.cluster.makeNamespace(this.namespace);
    await this.#helm('install', this.name, chart, ...this.#values, ...more, ...patience);
  }

  /** With the values that it has, and more. */
  async upgrade(more: readonly string[] = [], ofChart = chart): Promise<void> {
    await this.#helm('upgrade', this.name, ofChart, '--reuse-values', ...more, ...patience);
  }

  /** To the revision before. */
  async rollback(): Promise<void> {
    await this.#helm('rollback', this.name, ...patience);
  }

  async uninstall(): Promise<void> {
    await this.#helm('uninstall', this.name, '--wait', '--timeout', '5m');
    await until('every pod to be gone', 180_000, async () => (await this.pods()).length === 0);
  }

  /** Removes it with its namespace and its volumes, which may take a while yet. */
  async leave(): Promise<void> {
    await this.cluster.kubectl(['delete', 'namespace', this.namespace, '--wait=false']);
  }

  /** `helm test`. */
  async test(): Promise<void> {
    await this.#helm('test', this.name, '--timeout', '5m');
  }

  async isInstalled(): Promise<boolean> {
    const list = await this.#helm('list', '--filter', `^${this.name}$`, '--output', 'json');
    return (JSON.parse(list) as unknown[]).length > 0;
  }

  kubectl(...args: readonly string[]): Promise<string> {
    return this.cluster.kubectl(['--namespace', this.namespace, ...args]);
  }

  /** Scales workloads, `deployment/NAME` or `statefulset/NAME`; with replicas, waits until their rollouts end. */
  async scale(workloads: readonly string[], replicas: number): Promise<void> {
    await this.kubectl('scale', ...workloads, '--replicas', String(replicas));
    if (replicas === 0) return;
    for (const each of workloads) await this.kubectl('rollout', 'status', each, '--timeout', '300s');
  }

  /** What its services run. */
  image(): Promise<string> {
    const path = 'jsonpath={.spec.template.spec.containers[0].image}';
    return this.kubectl('get', 'deployment', `${this.fullname}-outbox-relay`, '--output', path);
  }

  /** Its services and servers; not its Jobs and tests. */
  async pods(): Promise<PodSeen[]> {
    const selector = `app.kubernetes.io/instance=${this.name},app.kubernetes.io/name=tradecore`;
    const { items } = await this.cluster.read<{ items: PodRead[] }>(
      'pods',
      '--namespace',
      this.namespace,
      '--selector',
      selector,
    );
    return items
      .filter(({ metadata }) => metadata.ownerReferences?.some(({ kind }) => kind !== 'Job'))
      .map(({ metadata, status }) => ({
        component: metadata.labels['app.kubernetes.io/component'] ?? '',
        name: metadata.name,
        uid: metadata.uid,
        isReady: status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false,
        isLeaving: metadata.deletionTimestamp !== undefined,
        restarts: (status.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0),
      }));
  }

  /** Until each of its pods is ready and none is on its way out. */
  async settled(withinMs = 300_000): Promise<void> {
    await until('every pod to be ready', withinMs, async () => {
      const pods = await this.pods();
      return pods.length > 0 && pods.every(({ isReady, isLeaving }) => isReady && !isLeaving);
    });
  }

  /** The components whose pods are others after this work, by name. */
  async rolledBy(work: () => Promise<void>): Promise<string[]> {
    await this.settled();
    const before = idsOf(await this.pods());
    await work();
    await this.settled();
    const after = idsOf(await this.pods());
    return [...new Set([...before.keys(), ...after.keys()])].filter((name) => before.get(name) !== after.get(name)).sort();
  }

  /** Sets one key of a Secret of its. */
  async setSecret(kind: string, key: string, value: string): Promise<void> {
    const patch = JSON.stringify({ stringData: { [key]: value } });
    await this.kubectl('patch', 'secret', `${this.fullname}-${kind}`, '--type', 'merge', '--patch', patch);
  }

  #helm(command: string, ...args: readonly string[]): Promise<string> {
    return this.cluster.helm([command, ...args, '--namespace', this.namespace]);
  }
}

const patience = ['--wait', '--wait-for-jobs', '--timeout', '15m'];

const idsOf = (pods: readonly PodSeen[]): Map<string, string> =>
  new Map(
    [...Map.groupBy(pods, ({ component }) => component)].map(([component, all]) => [
      component,
      all
        .map(({ uid, restarts }) => `${uid} ${restarts}`)
        .sort()
        .join(),
    ]),
  );
