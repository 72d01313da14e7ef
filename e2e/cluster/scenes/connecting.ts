import { expectNone } from '../agreement.ts';
import type { Release } from '../release.ts';
import type { Scene } from '../scene.ts';
import { strangerIn } from '../stranger.ts';

/** Says of each HOST:PORT whether it takes a connection within three seconds. */
const knocking = `
const { connect } = require('node:net');
const knock = (where) => new Promise((resolve) => {
  const [host, port] = where.split(':');
  const socket = connect({ host, port: Number(port) }, () => resolve(true) || socket.destroy());
  socket.on('error', () => resolve(false));
  setTimeout(() => resolve(false) || socket.destroy(), 3000);
});
Promise.all(process.argv.slice(1).map(knock)).then((all) => console.log(JSON.stringify(all)));`;

const store = ['postgres', 'kafka'];

/** Who may connect to what. Everything else may not. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  stranger: ['gateway', 'outside'],
  gateway: ['command-api', 'query-api'],
  'command-api': [...store, 'redis', 'token-issuer'],
  'query-api': [...store, 'redis', 'token-issuer'],
  'order-projector': [...store, 'redis'],
  'feed-projector': [...store, 'redis'],
  'order-saga': store,
  'outbox-relay': store,
  reconciler: store,
  'broker-gateway': [...store, 'paper-broker'],
  operate: [...store, 'gateway', 'metrics'],
  notifier: ['kafka'],
  'paper-broker': [],
  'token-issuer': [],
};

/** Network policies, as the cluster enforces them. */
export const connecting: readonly Scene[] = [
  {
    name: 'connections',
    proves: 'each pod connects to what it needs and to nothing else; a stranger only to the address',
    run: async (stage) => {
      const release = await stage.installed();
      const stranger = await strangerIn(stage);
      const faults: string[] = [];
      let [tried, open] = [0, 0];
      for (const [source, may] of Object.entries(allowed)) {
        const where = source === 'stranger' ? stranger : [release.namespace, `deployment/${release.fullname}-${source}`];
        // Whatever a pod says to itself, no policy keeps it from.
        const targets = Object.entries(targetsOf(release)).filter(([, at]) => !at.startsWith(`${release.host(source)}:`));
        const reached = await knock(
          release,
          where,
          targets.map(([, at]) => at),
        );
        targets.forEach(([target], n) => {
          tried += 1;
          if (reached[n]) open += 1;
          if (reached[n] !== may.includes(target))
            faults.push(`${source} ${may.includes(target) ? 'can not reach' : 'reaches'} ${target}`);
        });
      }
      expectNone(faults);
      return `${tried} pairs tried: ${open} connect, ${tried - open} do not`;
    },
  },
];

const targetsOf = (release: Release): Readonly<Record<string, string>> => ({
  postgres: `${release.servers.postgres}:5432`,
  kafka: release.servers.brokers,
  redis: `${release.host('redis')}:6379`,
  gateway: `${release.host('gateway')}:80`,
  'command-api': `${release.host('command-api')}:80`,
  'query-api': `${release.host('query-api')}:80`,
  'token-issuer': `${release.host('token-issuer')}:443`,
  'paper-broker': `${release.host('paper-broker')}:80`,
  metrics: `${release.host('order-saga')}:9081`,
  outside: 'kubernetes.default.svc:443',
});

async function knock(
  { cluster }: Release,
  [namespace = '', pod = '']: readonly string[],
  where: readonly string[],
): Promise<boolean[]> {
  const said = await cluster.kubectl(['--namespace', namespace, 'exec', pod, '--', 'node', '--eval', knocking, ...where]);
  return JSON.parse(said) as boolean[];
}
