import { setTimeout as pause } from 'node:timers/promises';
import { agreed, expectNone } from '../agreement.ts';
import { kafkaLogin } from '../managed-pods.ts';
import { ManagedServers } from '../managed-servers.ts';
import { chart, Release } from '../release.ts';
import type { Scene } from '../scene.ts';
import { SidePod } from '../side-pod.ts';
import type { Stage } from '../stage.ts';
import { SteadyOrders } from '../steady-orders.ts';
import { redisUsers } from './rolling.ts';

/** Two fleets on the servers of a provider. */
export const sharing: readonly Scene[] = [
  {
    name: 'external',
    proves:
      'two releases of presets/external.yaml on shared servers that take TLS and logins only (verify-full, SCRAM-SHA-512, rediss, a private authority) trade at once and never meet; redis.external.url rolls exactly those that use Redis, of one',
    run: async (stage) => {
      await stage.leaveRelease();
      const servers = await ManagedServers.start(stage.cluster);
      const fleets = await Promise.all(['one', 'two'].map((name) => fleetOn(servers, stage, name)));
      const sides = await Promise.all(fleets.map((each) => SidePod.beside(each)));
      try {
        const figures = await allTrade(sides);
        const connections = await Promise.all(sides.map(allOverTls));
        const [one, two] = fleets as [Release, Release];
        const otherUrl = `redis.external.url=${servers.redisUrl(5)}`;
        const rolled = await rolledOf([one, two], () => one.upgrade(['--set', otherUrl]));
        expectNone(rolled.join() === redisUsers.map((name) => `one ${name}`).join() ? [] : [`rolled: ${rolled.join(', ')}`]);
        for (const each of [...fleets, servers]) await each.leave();
        return `${connections.join(' and ')} connections to PostgreSQL, all over TLS; ${figures.join('; ')}; rolled: ${rolled.join(', ')}`;
      } finally {
        for (const side of sides) await side.close();
      }
    },
  },
];

async function fleetOn(servers: ManagedServers, { cluster }: Stage, name: string): Promise<Release> {
  const namespace = `tradecore-e2e-${name}`;
  const secretOf = (secret: string, stringData: object) =>
    ({ apiVersion: 'v1', kind: 'Secret', metadata: { name: secret, namespace }, stringData }) as const;
  await servers.makeDatabase(name);
  await cluster.makeNamespace(namespace);
  await cluster.apply(
    secretOf('authority', { 'ca.crt': servers.authority }),
    secretOf('kafka-login', { username: kafkaLogin, password: servers.password }),
  );
  const [postgres = ''] = servers.at('postgres').split(':');
  const release = new Release(cluster, {
    ...{ namespace, name, values: [`${chart}/presets/external.yaml`] },
    servers: { postgres, database: name, brokers: servers.at('kafka'), isTls: true, issuer: servers.issuer },
  });
  const values = Object.entries(valuesOf(servers, postgres, name));
  await release.install(...values.flatMap(([key, value]) => ['--set-json', `${key}=${JSON.stringify(value)}`]));
  return release;
}

/** What the preset asks for; one replica each, for the node is small. */
function valuesOf(servers: ManagedServers, host: string, name: string): Readonly<Record<string, unknown>> {
  const ca = { existingSecret: 'authority' };
  const issuer = `https://${servers.at('issuer')}`;
  const door = {
    replicas: 1,
    extraEnv: [{ name: 'NODE_EXTRA_CA_CERTS', value: '/run/authority/ca.crt' }],
    extraVolumes: [{ name: 'authority', secret: { secretName: 'authority', defaultMode: 0o440 } }],
    extraVolumeMounts: [{ name: 'authority', mountPath: '/run/authority', readOnly: true }],
  };
  return {
    'settings.namespace': name,
    'postgres.external': { host, database: name, sslmode: 'verify-full', ca, owner: { password: servers.password } },
    'redpanda.external': {
      brokers: servers.at('kafka'),
      tls: { enabled: true, ca },
      sasl: { mechanism: 'SCRAM-SHA-512', existingSecret: 'kafka-login' },
    },
    'redis.external': { url: servers.redisUrl(0), ca },
    'topics.replication': 1,
    jwt: { issuer, jwksUrl: `${issuer}/.well-known/jwks.json` },
    'serviceDefaults.replicas': 1,
    'serviceDefaults.resources.requests': { cpu: '10m', memory: '96Mi' },
    'services.gateway.replicas': 1,
    'services.command-api': door,
    'services.query-api': door,
    'services.paper-broker.enabled': true,
  };
}

/** At the same time; each store holds its own people's orders, and no other. */
async function allTrade(sides: readonly SidePod[]): Promise<string[]> {
  const all = await Promise.all(sides.map(async (side) => [side, await SteadyOrders.begin(side, 5)] as const));
  await pause(15_000);
  return Promise.all(
    all.map(async ([side, orders]) => {
      const figures = await agreed(side, orders);
      const sql = `select count(*)::int as n from event_store where event_type = 'OrderPlaced' and not aggregate_id = any($1)`;
      const { rows } = await side.database.query<{ n: number }>(sql, [[...orders.acknowledged]]);
      expectNone(rows[0]?.n === 0 ? [] : [`${side.release.name} holds ${rows[0]?.n} orders of others`]);
      return `${side.release.name}: ${figures}`;
    }),
  );
}

/** Returns how many connections the fleet has. */
async function allOverTls({ database, release }: SidePod): Promise<number> {
  const sql = 'select usename, ssl from pg_stat_activity join pg_stat_ssl using (pid) where usename like $1';
  const { rows } = await database.query<{ usename: string; ssl: boolean }>(sql, [`${release.name}\\_%`]);
  expectNone(rows.filter(({ ssl }) => !ssl).map(({ usename }) => `${usename} is connected in the clear`));
  expectNone(rows.length === 0 ? [`nobody of ${release.name} is connected`] : []);
  return rows.length;
}

/** `one command-api`: of which release, which component. */
async function rolledOf([one, two]: readonly [Release, Release], work: () => Promise<void>): Promise<string[]> {
  let ofOne: string[] = [];
  const ofTwo = await two.rolledBy(async () => {
    ofOne = await one.rolledBy(work);
  });
  return [...ofOne.map((name) => `one ${name}`), ...ofTwo.map((name) => `two ${name}`)];
}
