import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readable, Refusal, type Step } from './console.ts';
import { root, type Home } from './home.ts';
import { audience, localIssuer } from './issuer.ts';
import { finish, Supervised, type Crash, type Program } from './processes.ts';
import { brokerSettings, paperSettings } from './outside.ts';
import { password, secretsFolder } from './secrets.ts';
import type { PostgresPrograms } from '../servers/postgres-programs.ts';
import { securityOf, type ServerUrls } from '../servers/servers.ts';
import { logins, services, stopOrder, type Instance } from './service-list.ts';

/** Settings shared by all services of a fleet. */
export interface FleetSettings {
  readonly home: Home;
  readonly urls: ServerUrls;
  readonly namespace: string;
  /** Address of the token issuer's keys. */
  readonly jwksUrl: string;
  /** Address of the paper broker; absent if the environment names another broker. */
  readonly paperUrl?: string;
}

/** The name of a service's role in PostgreSQL; roles belong to the whole server, so it contains the namespace. */
const roleOf = (namespace: string, service: string): string => `${namespace || 'tradecore'}_${service.replaceAll('-', '_')}`;

/** Builds every package that changed. */
export async function build(): Promise<void> {
  const nx = join(root, 'node_modules', '.bin', 'nx');
  const { code, output } = await finish(nx, ['run-many', '-t', 'build', '--outputStyle=static'], {});
  if (code !== 0) throw new Refusal(`The build failed:\n${output}`);
}

/** The output of a failed migrator, and the cure if the home is older than the build. */
export function migrationRefusal(code: number | null, output: string): Refusal {
  const said = output.trimEnd().split('\n').map(readable).join('\n');
  const isOlder = output.includes('"type":"EditedMigrations"');
  const cure = 'The database of this home is of another build: its migrations were edited since. Empty the home: npm run reset';
  return new Refusal(isOlder ? `${cure}\n\n${said}` : `The migrator ended with ${code}:\n\n${said}`);
}

/** Runs the migrator to its end: roles and their passwords, migrations, topics. Its output goes to its log. */
export async function migrate({ home, urls, namespace }: FleetSettings): Promise<void> {
  const folder = join(secretsFolder(home), 'roles');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const name of [...logins, operator, backup]) password({ ...home, secrets: folder }, name);
  const env = { ...inherited(), ...securityOf(), ...urls, NAMESPACE: namespace, ROLE_PASSWORDS_DIR: folder, ...replication() };
  const { code, output } = await finish(process.execPath, [join(root, 'services/migrator/dist/main.js')], env);
  writeFileSync(join(home.run, 'migrator.log'), output);
  if (code !== 0) throw migrationRefusal(code, output);
}

/**
 * A young generation of three times 16 MiB, whatever V8 concludes from a container's memory; the old one may grow to
 * twice the live data before it is collected. Against 4 MiB and a fifth more, at 10 orders/s: 14 % less CPU of the
 * fleet, accepted to brokerage 22 ms for 27 (p99 46 to 86 for 110), and 165 to 205 MB a service for 140 to 185; at 50/s,
 * on two full cores, p50 166 ms for 430. Without the second flag a service takes up to 320 MB, for no less CPU.
 * deploy/Dockerfile has the same.
 */
export const heap = ['--max-semi-space-size=16', '--heap-growing-percent=100'];

/** A service as a separate process with its own login, ready when its health check says so. */
export function program(settings: FleetSettings, { name, service, port, adminPort }: Instance): Program {
  const tracing = process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] ? ['--import', '@tradecore/telemetry/start'] : [];
  return {
    name,
    command: process.execPath,
    args: [...heap, ...tracing, join(root, 'services', service, 'dist', 'main.js')],
    cwd: root,
    env: {
      ...inherited(),
      ...(isOutside(service) ? paperSettings(settings.home) : insideOf(settings, service)),
      OTEL_SERVICE_NAME: service,
      // 2,000 modules per service: compiled once for every home, the fleet is up in 9.5 s instead of 11, for 14.6 s of
      // CPU instead of 17.2; 23 MB.
      NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'node'),
      HOST: '127.0.0.1',
      ADMIN_PORT: String(adminPort),
      ...(port !== undefined && { PORT: String(port) }),
    },
    isReady: () => isReady(adminPort),
    readyWithinMs: 90_000,
    stopSignal: 'SIGTERM',
    stopWithinMs: 25_000,
  };
}

const isOutside = (service: string): boolean => services.some(({ name, outside }) => name === service && outside === true);

/** The settings of one of our services: its login, the servers, the token issuer, and for the gateway its brokerage. */
function insideOf(settings: FleetSettings, service: string): Record<string, string> {
  const { urls, namespace, jwksUrl, home, paperUrl } = settings;
  return {
    ...securityOf(),
    ...(logins.includes(service) && { DATABASE_URL: loginOf(settings, service) }),
    KAFKA_BROKERS: urls.KAFKA_BROKERS,
    REDIS_URL: urls.REDIS_URL,
    NAMESPACE: namespace,
    JWT_ISSUER: localIssuer,
    JWT_AUDIENCE: audience,
    JWT_JWKS_URL: jwksUrl,
    ...(service === 'query-api' && { STREAM_TICKET_KEY: password(home, 'stream-tickets') }),
    ...(service === 'broker-gateway' && brokerSettings(home, paperUrl)),
  };
}

/** Starts every instance and waits until each is ready. Each process is added to `running` before it starts. */
export async function startFleet(
  settings: FleetSettings,
  wanted: readonly Instance[],
  { step, onCrash, running }: { step: Step; onCrash: (crash: Crash) => void; running: Supervised[] },
): Promise<void> {
  running.push(...wanted.map((instance) => new Supervised(settings.home, program(settings, instance), onCrash)));
  await Promise.all(
    running.map((each) =>
      step(each.program.name, async (remark) => {
        await each.start();
        remark(`pid ${each.pid}`);
      }),
    ),
  );
}

/** Stops the APIs first, so that no new requests arrive; the rest in the order of `stopOrder`. */
export async function stopFleet(running: readonly Supervised[]): Promise<void> {
  const isOf = (name: string, service: string) => name === service || new RegExp(`^${service}-\\d$`).test(name);
  for (const group of stopOrder) {
    const members = running.filter(({ program }) => group.some(({ name }) => isOf(program.name, name)));
    await Promise.all(members.map((each) => each.stop()));
  }
}

async function isReady(adminPort: number): Promise<boolean> {
  const { ok } = await fetch(`http://127.0.0.1:${adminPort}/health/ready`, { signal: AbortSignal.timeout(2000) });
  return ok;
}

/** The operator's login: it reads everything, and changes only what functions allow. */
const operator = 'operator';

/** The login for backups: it may read the whole server, and no service uses it. */
const backup = 'backup';

/** The settings with which `npx tradecore` finds this fleet, as an environment file that only its owner can read. */
export function writeOperatorSettings(
  settings: FleetSettings,
  running: readonly Instance[],
  door: { url: string; token: string },
): void {
  const { KAFKA_BROKERS } = settings.urls;
  const admins = running.map(({ name, adminPort }) => `${name}=http://127.0.0.1:${adminPort}`);
  const lines = {
    DATABASE_URL: loginOf(settings, operator),
    KAFKA_BROKERS,
    ...securityOf(),
    NAMESPACE: settings.namespace,
    DOOR_URL: door.url,
    TOKEN: door.token,
    ADMIN_URLS: admins.join(' '),
  };
  writeSettings(settings.home, 'operator.env', lines);
}

/** Those by which `npx tradecore backup` and `restore` find a database that can be backed up. */
export function writeBackupSettings(settings: FleetSettings, { folder, libraries }: PostgresPrograms, data: string): void {
  writeSettings(settings.home, 'backup.env', {
    DATABASE_URL: loginOf(settings, backup),
    BACKUP_DIR: join(settings.home.path, 'backup'),
    POSTGRES_DATA: data,
    POSTGRES_PROGRAMS: folder,
    ...(libraries !== undefined && { POSTGRES_LIBRARIES: libraries }),
  });
}

function writeSettings(home: Home, file: string, lines: Readonly<Record<string, string>>): void {
  const text = Object.entries(lines).map(([name, value]) => `${name}=${quoted(value)}\n`);
  writeFileSync(join(secretsFolder(home), file), text.join(''), { mode: 0o600 });
}

/** A certificate has several lines, and a password may have anything. */
function quoted(value: string): string {
  if (!/[\s#'"`\\]/.test(value)) return value;
  const mark = ["'", '`', '"'].find((each) => !value.includes(each)) ?? '';
  return `${mark}${value}${mark}`;
}

function loginOf({ home, urls, namespace }: FleetSettings, service: string): string {
  const url = new URL(urls.DATABASE_URL);
  url.username = roleOf(namespace, service);
  url.password = password({ ...home, secrets: join(secretsFolder(home), 'roles') }, service);
  return url.href;
}

/** The environment variables that our processes inherit: only listed ones. */
function inherited(): Record<string, string> {
  const names = [
    'PATH',
    'LOG_LEVEL',
    'TZ',
    'NODE_OPTIONS',
    'CORS_ORIGINS',
    ...Object.keys(process.env).filter((name) => /^(OTEL|LIMIT|CHECK)_/.test(name)),
  ];
  const values = names.map((name) => [name, process.env[name]] as const);
  return { NODE_ENV: 'development', ...Object.fromEntries(values.filter(([, value]) => value !== undefined)) };
}

/** Partitions and replicas of topics; the migrator's own defaults if not in the environment. */
function replication(): Record<string, string> {
  const { PARTITIONS, REPLICATION } = process.env;
  return { ...(PARTITIONS && { PARTITIONS }), ...(REPLICATION && { REPLICATION }) };
}
