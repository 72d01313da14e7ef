import pg from 'pg';
import { Client } from '@tradecore/local/demo/client.ts';
import { freePort } from '../world.ts';
import { until } from './cluster.ts';
import type { Ended } from './programs.ts';
import type { Release } from './release.ts';

/** Passes connections on: `PORT=HOST:PORT ...`. A peer that is away ends the connection, as it would be without it. */
const forwarder = `
const { connect, createServer } = require('node:net');
for (const [port, host, to] of process.argv.slice(1).map((each) => each.split(/[=:]/))) {
  createServer({ allowHalfOpen: true }, (from) => {
    const on = connect({ host, port: Number(to), allowHalfOpen: true });
    on.on('error', () => from.end());
    from.on('error', () => on.destroy());
    from.pipe(on).pipe(from);
  }).listen(Number(port));
}`;

const name = 'e2e-side';

/** What Pod Security calls restricted. */
export const restricted = {
  pod: { runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001, seccompProfile: { type: 'RuntimeDefault' } },
  container: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
};

/** How it is reached. */
interface Way {
  readonly ports: { readonly gateway: number; readonly postgres: number };
  readonly password: string;
  readonly close: () => void;
}

/**
 * A pod beside a release, which lives through whatever happens to it: tests reach the gateway and the database through it, at addresses that stay.
 */
export class SidePod {
  readonly release: Release;
  /** Of the gateway. */
  readonly address: string;
  readonly database: pg.Pool;
  readonly #close: () => void;

  private constructor(release: Release, { ports, password, close }: Way) {
    this.release = release;
    this.address = `http://127.0.0.1:${ports.gateway}`;
    const { database, isTls = false } = release.servers;
    // Whether the server is who it says is for the fleet to prove: here it has another name.
    const ssl = isTls && { rejectUnauthorized: false };
    const at = { host: '127.0.0.1', port: ports.postgres, user: 'tradecore', database, password, ssl };
    this.database = new pg.Pool({ ...at, max: 2, connectionTimeoutMillis: 5000 });
    this.database.on('error', () => undefined); // a scene stops the server under it
    this.#close = close;
  }

  /** Starts it with the image that the release runs, or again if it runs another. */
  static async beside(release: Release): Promise<SidePod> {
    const { cluster, namespace } = release;
    const image = await release.image();
    await release.kubectl('delete', 'pod', name, '--ignore-not-found');
    await cluster.apply(manifestOf(release, image));
    await release.kubectl('wait', `pod/${name}`, '--for', 'condition=Ready', '--timeout', '120s');
    const ports = { gateway: await freePort(), postgres: await freePort() };
    const forwarding = cluster.forward(namespace, `pod/${name}`, [`${ports.gateway}:8080`, `${ports.postgres}:5432`]);
    const secret = await release.kubectl(
      'get',
      'secret',
      `${release.fullname}-postgres`,
      '--output',
      'jsonpath={.data.password}',
    );
    const password = Buffer.from(secret, 'base64').toString();
    const side = new SidePod(release, { ports, password, close: forwarding.close });
    await until('the gateway to answer', 60_000, async () => (await fetch(`${side.address}/docs`)).status < 500);
    return side;
  }

  /** A command of the operator, in the release's own pod for it. */
  tradecore(...args: readonly string[]): Promise<Ended> {
    return this.exec(`deployment/${this.release.fullname}-operate`, 'tradecore', ...args);
  }

  /** A program in a pod of the release. */
  exec(pod: string, ...command: readonly string[]): Promise<Ended> {
    return this.release.cluster.kubectlEnded(['--namespace', this.release.namespace, 'exec', pod, '--', ...command]);
  }

  /** A client of the API with a token of the issuer whose tokens the release takes. */
  async person(subject: string, role: 'client' | 'treasury' = 'client'): Promise<Client> {
    const { cluster, namespace, fullname, servers } = this.release;
    const [within, issuer] = servers.issuer ?? [namespace, `deployment/${fullname}-token-issuer`];
    const command = ['node', 'services/token-issuer/dist/token.js', '--subject', subject, '--role', role];
    const { code, out, err } = await cluster.kubectlEnded(['--namespace', within, 'exec', issuer, '--', ...command]);
    if (code !== 0) throw new Error(`no token: ${err}`);
    return new Client(this.address, out.trim());
  }

  async close(): Promise<void> {
    await this.database.end();
    this.#close();
  }
}

function manifestOf(release: Release, image: string) {
  const { name: of, namespace, servers } = release;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      labels: { 'app.kubernetes.io/instance': of, 'tradecore.dev/to-postgres': 'true' },
    },
    spec: {
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 1,
      securityContext: restricted.pod,
      containers: [
        {
          name: 'side',
          image,
          command: ['node', '--eval', forwarder, `8080=${release.host('gateway')}:80`, `5432=${servers.postgres}:5432`],
          securityContext: restricted.container,
          resources: { requests: { cpu: '20m', memory: '64Mi' }, limits: { memory: '256Mi' } },
        },
      ],
    },
  };
}
