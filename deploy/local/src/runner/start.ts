import { parseArgs } from 'node:util';
import { Refusal, say, seconds, step, table, type Step } from './console.ts';
import {
  build,
  migrate,
  startFleet,
  stopFleet,
  writeBackupSettings,
  writeOperatorSettings,
  type FleetSettings,
} from './fleet.ts';
import { demoOwner, fundDemoAccount, introduceDemoPerson, localOperator } from '../demo/account.ts';
import { databaseUrlFile, writeFleetFile } from './fleet-file.ts';
import { openProxy, type Proxy } from '@tradecore/gateway/proxy';
import { home } from './home.ts';
import { LocalIssuer } from './issuer.ts';
import { namesBroker } from './outside.ts';
import { choosePorts, takePort } from './ports.ts';
import { stopLeftovers, takeHome, type Crash, type Supervised } from './processes.ts';
import { findPrograms, type PostgresBuild } from '../servers/postgres-programs.ts';
import { serverPlace } from '../servers/server-place.ts';
import { namedServers, startServers, stopServers } from '../servers/servers.ts';
import { startWatch } from '../watch/watch.ts';
import { insiders, instances, portRequests, type Instance, type Scale } from './service-list.ts';

/** Everything that runs, listed before it starts, so that it can be stopped at any time. */
interface Running {
  readonly servers: Supervised[];
  readonly fleet: Supervised[];
  gateway?: Proxy;
  isStopping: boolean;
}

/** Starts the whole fleet, prints its addresses, and runs until a signal stops it. Returns the exit code. */
export async function start(args: readonly string[]): Promise<number> {
  const { scale, build: postgresBuild, isWatched } = readArguments(args);
  const gatewayPort = readPort();
  const holder = takeHome(home);
  if (holder !== undefined)
    throw new Refusal(`A fleet runs in ${home.path} already (process ${holder}). Another home: TRADECORE_HOME.`);
  const started = performance.now();
  const running: Running = { servers: [], fleet: [], isStopping: false };
  const stopRequested = listenForStop(running);
  const up = bringUp(running, { scale, postgresBuild, gatewayPort, isWatched }).then(() => {
    say(`\n  up in ${seconds(performance.now() - started)}; Ctrl-C stops everything\n`);
    say(`TradeCore is ready: http://127.0.0.1:${gatewayPort}`);
  });
  try {
    await Promise.race([up.then(() => stopRequested), stopRequested]);
    return 0;
  } finally {
    running.isStopping = true;
    await bringDown(running);
    await up.catch(() => {});
  }
}

/** The options of the command line and the environment. */
interface Wanted {
  readonly scale: Scale;
  readonly postgresBuild: PostgresBuild;
  readonly gatewayPort: number;
  readonly isWatched: boolean;
}

async function bringUp(running: Running, { scale, postgresBuild, gatewayPort, isWatched }: Wanted): Promise<void> {
  say(`TradeCore in ${home.path}\n`);
  const leftovers = await stopLeftovers(home);
  if (leftovers.length > 0) say(`  An earlier run was killed; what it left is stopped: ${leftovers.join(', ')}\n`);
  if (!(await takePort(gatewayPort))) {
    throw new Refusal(
      `Port ${gatewayPort} is taken. Another address: PORT=${gatewayPort + 10} npm start (and TRADECORE_HOME for a second fleet).`,
    );
  }
  const next: Step = (name, work) => {
    if (running.isStopping) throw new Refusal(`Stopped before "${name}".`);
    return step(name, work);
  };
  const building = next('build', build);
  const starting = startServers({
    home,
    durability: 'durable',
    build: postgresBuild,
    requests: { postgres: 15_432, kafka: 19_092, controller: 19_093, redis: 16_379 },
    named: namedServers(),
    step: next,
    onCrash: report,
    own: running.servers,
  });
  const [urls] = await Promise.all([starting, building]);
  const wanted = instances(scale, await choosePorts(home, portRequests(scale))).filter(
    ({ service }) => service !== 'paper-broker' || !namesBroker(),
  );
  const urlsOf = (service: string) =>
    wanted.flatMap((each) => (each.service === service ? `http://127.0.0.1:${each.port ?? 0}` : []));
  const [paperUrl] = urlsOf('paper-broker');
  const address = `http://127.0.0.1:${gatewayPort}`;
  const settings: FleetSettings = {
    home,
    urls,
    namespace: process.env['NAMESPACE'] ?? '',
    jwksUrl: `${address}/.well-known/jwks.json`,
    ...(paperUrl !== undefined && { paperUrl }),
  };
  await next('migrations and topics', async () => {
    await migrate(settings);
    await introduceDemoPerson(urls.DATABASE_URL);
  });
  const issuer = await LocalIssuer.open(home);
  running.gateway = await next('one address', () => openAddress(gatewayPort, issuer, urlsOf));
  await startFleet(settings, wanted, { step: next, onCrash: report, running: running.fleet });
  const account = await next('demo account', async () =>
    fundDemoAccount(await demoOwner(address, issuer), await localOperator(address, issuer)),
  );
  const token = await issuer.token({ role: 'operator', subject: 'local|operator', accounts: [] });
  writeOperatorSettings(settings, wanted, { url: address, token });
  if (postgresBuild === 'system') {
    const place = serverPlace(home);
    writeBackupSettings(settings, findPrograms(place, postgresBuild), place.folder('postgres'));
  }
  writeFleetFile(home, urls, { address, namespace: settings.namespace, services: wanted });
  const watch = isWatched ? await startWatch({ home, services: wanted, step: next, onCrash: report, own: running.servers }) : [];
  say(`\n${addresses(settings, gatewayPort, wanted, watch)}`);
  say(`\n  The demo account ${account.id} has ${account.cash} USD. Trade with it: npm run demo`);
}

/** The proxy in front of the doors; it also serves the keys of the local issuer. */
function openAddress(port: number, { jwks }: LocalIssuer, urlsOf: (service: string) => string[]): Promise<Proxy> {
  return openProxy({ host: '127.0.0.1', port, commands: urlsOf('command-api'), queries: urlsOf('query-api'), jwks });
}

async function bringDown({ servers, gateway, fleet }: Running): Promise<void> {
  say();
  if (gateway) await step('address closed', () => gateway.close());
  if (fleet.length > 0) await step('services stopped', () => stopFleet(fleet));
  if (servers.length > 0) await step('servers stopped', () => stopServers(servers));
}

/**
 * Resolves at the first SIGINT, SIGTERM or SIGHUP. npm, the shell and the terminal may each send the same Ctrl-C, so
 * only a signal more than a second later means "at once": then everything is killed.
 */
function listenForStop(running: Running): Promise<void> {
  return new Promise((resolve) => {
    let first = 0;
    const stop = () => {
      if (first === 0) {
        first = performance.now();
        return resolve();
      }
      if (performance.now() - first < 1000) return;
      for (const each of [...running.fleet, ...running.servers]) each.kill();
      process.exit(130);
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
  });
}

function report({ name, how, restartInMs, log }: Crash): void {
  say(`  ! ${name} ended (${how}); it starts again in ${seconds(restartInMs)}. Its log: ${log}`);
}

function addresses({ urls }: FleetSettings, gatewayPort: number, wanted: readonly Instance[], watch: string[][]): string {
  const address = `http://127.0.0.1:${gatewayPort}`;
  const database = new URL(urls.DATABASE_URL);
  database.password = '';
  const passwordFile = databaseUrlFile(home).replace(`${process.cwd()}/`, '');
  return table([
    ['API', `${address}/v1/orders`, 'token: npm run --silent token'],
    ['stream', `ws://127.0.0.1:${gatewayPort}/v1/stream`, ''],
    ['documentation', `${address}/docs`, `${address}/openapi.json`],
    ...wanted.map(({ name, port, adminPort }) => [
      name,
      port === undefined ? '' : `http://127.0.0.1:${port}`,
      `http://127.0.0.1:${adminPort}/health/ready, /metrics`,
    ]),
    ['PostgreSQL', database.href, `with its password: ${passwordFile}`],
    ['Kafka', `kafka://${urls.KAFKA_BROKERS}`, ''],
    ['Redis', urls.REDIS_URL, ''],
    ...watch,
  ]);
}

function readPort(): number {
  const text = process.env['PORT'] || '8080';
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Refusal(`PORT is a number from 1 to 65535; it was "${text}".`);
  return port;
}

/** `--scale order-projector=3`, as often as needed, `--postgres system`, and `--watch`. */
function readArguments(args: readonly string[]): { scale: Scale; build: PostgresBuild; isWatched: boolean } {
  const options = {
    scale: { type: 'string', multiple: true, default: [] as string[] },
    postgres: { type: 'string', default: 'npm' },
    watch: { type: 'boolean', default: false },
  } as const;
  const { values } = parseArgs({ args: [...args], options });
  return { scale: readScale(values.scale), build: readBuild(values.postgres), isWatched: values.watch };
}

function readBuild(text: string): PostgresBuild {
  if (text !== 'npm' && text !== 'system') throw new Refusal(`--postgres is npm or system; it was "${text}".`);
  if (text === 'system' && process.env['DATABASE_URL'])
    throw new Refusal('--postgres selects the PostgreSQL to start, but DATABASE_URL names a running one: use only one of them.');
  return text;
}

function readScale(words: readonly string[]): Scale {
  return Object.fromEntries(
    words.map((text) => {
      const [name = '', count = ''] = text.split('=');
      if (!insiders.some((service) => service.name === name)) {
        throw new Refusal(`--scale names a service: ${insiders.map((service) => service.name).join(', ')}; it was "${text}".`);
      }
      if (!/^[1-9]$/.test(count)) throw new Refusal(`--scale ${name}=N takes 1 to 9; it was "${text}".`);
      return [name, Number(count)];
    }),
  );
}
