import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { randomBytes, generateKeyPairSync } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { homeAt } from '@tradecore/local/runner/home.ts';
import { serverPlace } from '@tradecore/local/servers/server-place.ts';
import { Authority } from '../managed/authority.ts';
import type { Cluster, Manifest } from './cluster.ts';
import { versionOf } from './images.ts';
import { managedPods, ports, type ManagedPod } from './managed-pods.ts';
import { chart } from './release.ts';
import { restricted } from './side-pod.ts';

const namespace = 'tradecore-e2e-managed';

/** Where a server of it answers, inside the cluster. */
const hostOf = (name: string): string => `${name}.${namespace}.svc`;

/**
 * Servers that are no part of a release, as a provider runs them: they speak TLS only, with certificates of an authority that nobody else knows,
 * and ask for a login. And an identity provider.
 */
export class ManagedServers {
  /** Its certificate, as PEM. */
  readonly authority: string;
  /** The password of every login. */
  readonly password: string;
  readonly #cluster: Cluster;

  private constructor(cluster: Cluster, authority: string, password: string) {
    this.#cluster = cluster;
    this.authority = authority;
    this.password = password;
  }

  /** Starts them; each is ready then. */
  static async start(cluster: Cluster): Promise<ManagedServers> {
    const password = randomBytes(12).toString('hex');
    const issuer = { url: `https://${hostOf('issuer')}:${ports.issuer}`, image: `tradecore:${versionOf(chart)}` };
    const pods = managedPods(password, issuer, hostOf);
    const files = certificatesOf(pods.map(({ name }) => name));
    await cluster.makeNamespace(namespace);
    for (const pod of pods) await cluster.apply(...manifestsOf(pod, files[pod.name] ?? {}));
    await cluster.kubectl(['--namespace', namespace, 'wait', 'pod', '--all', '--for', 'condition=Ready', '--timeout', '180s']);
    return new ManagedServers(cluster, files['postgres']?.['ca.crt'] ?? '', password);
  }

  /** HOST:PORT of a server. */
  at(name: keyof typeof ports): string {
    return `${hostOf(name)}:${ports[name]}`;
  }

  redisUrl(database: number): string {
    return `rediss://:${this.password}@${this.at('redis')}/${database}`;
  }

  async makeDatabase(name: string): Promise<void> {
    const psql = ['psql', '--username', 'tradecore', '--dbname', 'postgres', '--command', `create database ${name}`];
    await this.#cluster.kubectl(['--namespace', namespace, 'exec', 'pod/postgres', '--', ...psql]);
  }

  /** Lets them go; their namespace may take a while yet. */
  async leave(): Promise<void> {
    await this.#cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']);
  }

  /** The pod that prints tokens. */
  get issuer(): readonly [namespace: string, pod: string] {
    return [namespace, 'pod/issuer'];
  }
}

/** Of each: a certificate of its address, its key, both in one file, the authority; and a key that signs tokens. */
function certificatesOf(names: readonly string[]): Readonly<Record<string, Readonly<Record<string, string>>>> {
  const home = homeAt(mkdtempSync(join(tmpdir(), 'tradecore-managed-')));
  const place = serverPlace(home);
  try {
    const authority = new Authority(place);
    const text = (file: string): string => readFileSync(file, 'utf8');
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const signing = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const filesOf = (name: string) => {
      const { cert, key, both } = authority.sign(hostOf(name));
      return { 'tls.crt': text(cert), 'tls.key': text(key), 'both.pem': text(both), 'ca.crt': text(authority.file), signing };
    };
    return Object.fromEntries(names.map((name) => [name, filesOf(name)] as const));
  } finally {
    for (const path of [home.path, place.path]) rmSync(path, { recursive: true, force: true });
  }
}

function manifestsOf({ name, port, account, files, container }: ManagedPod, certificates: object): Manifest[] {
  const metadata = { name, namespace, labels: { app: name } };
  const folders = ['data', 'tmp', 'run'];
  return [
    { apiVersion: 'v1', kind: 'Secret', metadata, stringData: { ...certificates, ...files } },
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: { app: name }, ports: [{ port }] } },
    {
      ...{ apiVersion: 'v1', kind: 'Pod', metadata },
      spec: {
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        terminationGracePeriodSeconds: 1,
        securityContext: { ...restricted.pod, runAsUser: account, runAsGroup: account, fsGroup: account },
        containers: [
          {
            name,
            ...container,
            securityContext: { ...restricted.container, readOnlyRootFilesystem: false },
            readinessProbe: { tcpSocket: { port }, periodSeconds: 2 },
            resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '1Gi' } },
            volumeMounts: [
              { name: 'files', mountPath: '/files', readOnly: true },
              { name: 'data', mountPath: '/data' },
              { name: 'tmp', mountPath: '/tmp' },
              { name: 'run', mountPath: '/var/run/postgresql' },
            ],
          },
        ],
        volumes: [
          { name: 'files', secret: { secretName: name, defaultMode: 0o440 } },
          ...folders.map((folder) => ({ name: folder, emptyDir: { sizeLimit: '1Gi' } })),
        ],
      },
    },
  ];
}
