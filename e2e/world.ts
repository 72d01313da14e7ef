import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { Client } from '@tradecore/local/demo/client.ts';
import { Paper } from '@tradecore/local/demo/paper.ts';
import { homeAt } from '@tradecore/local/runner/home.ts';
import { endedBySignal } from '@tradecore/local/runner/interruption.ts';
import { stopLeftovers } from '@tradecore/local/runner/processes.ts';
import { elsewhere } from '@tradecore/local/servers/server-place.ts';
import { withAdmin } from '@tradecore/messaging/testing';
import { unlimited } from '@tradecore/service/testing';

const root = fileURLToPath(new URL('..', import.meta.url));
const readyWithinMs = 120_000;
/** The runner takes one that comes sooner for the same Ctrl-C. */
const secondSignalMs = 1_100;

/** A fleet like that of `npm start`, in its own namespace and database on the test servers. */
export interface World {
  /** The gateway's address. */
  readonly address: string;
  readonly home: string;
  readonly namespace: string;
  /** The owner's view of the database. */
  readonly database: pg.Pool;
  readonly databaseUrl: string;
  /** The runner's output so far. */
  readonly output: () => string;
  readonly runner: ChildProcess;
  /** Process ids of the home by name, from its pid files. */
  readonly pidOf: (name: string) => number;
  /** A bearer token of the local issuer that names this account. */
  readonly token: (account: string) => Promise<string>;
  /** An API client for a person who owns the accounts they open. */
  readonly person: (subject: string, role?: 'client' | 'operator') => Promise<Client>;
  /** The operator who deposits. */
  readonly operator: () => Promise<Client>;
  /** The paper broker's control routes. */
  readonly paper: () => Paper;
  /** Polls until the answer is true; throws with `what` after `withinMs` (default 30 s). */
  readonly until: (what: string, answer: () => Promise<boolean> | boolean, withinMs?: number) => Promise<void>;
  /**
   * Stops the fleet as Ctrl-C does and removes its traces from the servers, once however often it is called. Returns
   * the runner's exit code.
   */
  readonly end: () => Promise<number | null>;
  /** The same as a second Ctrl-C does: nothing is drained. */
  readonly endAtOnce: () => Promise<number | null>;
}

/** Starts a fleet with the runner's own code. */
export const startWorld = (...args: string[]): Promise<World> => startWorldWith({}, ...args);

/** The same with `settings` over those of the environment; DATABASE_URL names the server of its database. */
export async function startWorldWith(settings: Readonly<Record<string, string>>, ...args: string[]): Promise<World> {
  const namespace = `e2e_${randomBytes(4).toString('hex')}`;
  const home = mkdtempSync(join(tmpdir(), 'tradecore-'));
  const { DATABASE_URL: server = setting('DATABASE_URL') } = settings;
  const databaseUrl = await createDatabase(server, namespace);
  const port = await freePort();
  const own = { DATABASE_URL: databaseUrl, NAMESPACE: namespace, TRADECORE_HOME: home, PORT: String(port) };
  const env = { ...process.env, ...unlimited, ...settings, ...own };
  const { runner, output } = run(['start', ...args], env);
  const address = `http://127.0.0.1:${port}`;
  const database = new pg.Pool({ connectionString: databaseUrl, max: 4 });
  database.on('error', () => undefined); // a drill stops the server under it
  let isHasty = false;
  const end = endedBySignal(async () => {
    const again = setTimeout(() => isHasty && runner.kill('SIGINT'), secondSignalMs);
    const code = await stop(runner, 'SIGINT').finally(() => clearTimeout(again));
    await stopLeftovers(homeAt(home)); // nothing, unless the runner had to be killed
    await database.end();
    await removeTraces(server, namespace);
    removeHome(home);
    return code;
  });
  try {
    await until('the fleet to be ready', () => isUp(runner, output, address), readyWithinMs);
  } catch (error) {
    await end();
    throw new Error(`The fleet did not start; its runner said:\n${output()}`, { cause: error });
  }
  const person = async (subject: string, role: 'client' | 'operator' = 'client'): Promise<Client> =>
    new Client(address, await printedToken(['--subject', subject, '--role', role], env));
  let operator: Promise<Client> | undefined;
  return {
    address,
    home,
    namespace,
    database,
    databaseUrl,
    output,
    runner,
    pidOf: (name) => Number(readFileSync(join(home, 'run', `${name}.pid`), 'utf8')),
    token: (account) => printedToken(['--account', account], env),
    person,
    operator: () => (operator ??= person('operator', 'operator')),
    paper: () => {
      const { port = 0 } = fleetOf(home).find(({ service }) => service === 'paper-broker') ?? {};
      const secret = readFileSync(join(home, 'secrets', 'paper-broker'), 'utf8').trim();
      return new Paper(`http://127.0.0.1:${port}`, { keyId: 'paper', secret });
    },
    until,
    end,
    endAtOnce: () => {
      isHasty = true;
      return end();
    },
  };
}

/** With what its servers have elsewhere, where their account can't reach it. */
function removeHome(home: string): void {
  for (const path of [home, elsewhere(homeAt(home))]) rmSync(path, { recursive: true, force: true });
}

/** One process of a fleet, from `run/fleet.json`. */
export interface Running {
  readonly name: string;
  readonly service: string;
  readonly port?: number;
  readonly adminPort: number;
}

/** The processes of the fleet in a home. */
export const fleetOf = (home: string): readonly Running[] =>
  (JSON.parse(readFileSync(join(home, 'run', 'fleet.json'), 'utf8')) as { services: Running[] }).services;

async function printedToken(args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const { runner, output } = run(['token', ...args], env);
  await ended(runner);
  return output().trim();
}

/** Runs a command of the runner as npm does. */
export function run(args: readonly string[], env: NodeJS.ProcessEnv): { runner: ChildProcess; output: () => string } {
  const main = join(root, 'deploy', 'local', 'src', 'main.ts');
  const flags = ['--disable-warning=ExperimentalWarning'];
  const { NODE_OPTIONS: _, ...rest } = env;
  const runner = spawn(process.execPath, [...flags, main, ...args], { cwd: root, env: rest, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [runner.stdout, runner.stderr]) stream?.on('data', (chunk) => (text += String(chunk)));
  return { runner, output: () => text };
}

/** Resolves with the exit code. */
export function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => child.once('exit', (code) => resolve(code)));
}

/** Asks a process to end, and kills it after a minute. Resolves with the exit code. */
export async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  child.kill(signal);
  const insist = setTimeout(() => child.kill('SIGKILL'), 60_000);
  return ended(child).finally(() => clearTimeout(insist));
}

/** Polls every 25 ms until the answer is true. */
export async function until(what: string, answer: () => Promise<boolean> | boolean, withinMs = 30_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await answer())) {
    if (Date.now() > deadline) throw new Error(`Waited ${withinMs / 1000} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** Waits until the feed, which is filled independently, has the first deposit into an account. */
export async function depositInFeed({ database }: World, account: string): Promise<void> {
  const query = `select from feed_projector.exported_feed_entries join event_store using (event_id)
    where account_id = $1 and event_type = 'FundsDeposited'`;
  await until('the deposit in the feed', async () => (await database.query(query, [account])).rows.length > 0);
}

/** True while a process with this id runs. */
export function isAlive(pid: number): boolean {
  if (!existsSync(`/proc/${pid}`)) return false;
  return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

/** A port that is currently free. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

/** An address of the test servers. */
export function setting(name: 'DATABASE_URL' | 'KAFKA_BROKERS' | 'REDIS_URL'): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: these tests need servers, see npm test`);
  return value;
}

function isUp(runner: ChildProcess, output: () => string, address: string): boolean {
  if (runner.exitCode !== null) throw new Error(`The runner ended with ${runner.exitCode}:\n${output()}`);
  return output().includes(`TradeCore is ready: ${address}`);
}

async function createDatabase(server: string, name: string): Promise<string> {
  await withClient(server, (client) => client.query(`create database ${name}`));
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}

async function removeTraces(server: string, namespace: string): Promise<void> {
  await withClient(server, async (client) => {
    await client.query(`drop database if exists ${namespace} with (force)`);
    const roles = await client.query<{ name: string }>('select rolname as name from pg_roles where rolname like $1', [
      `${namespace.replaceAll('_', '\\_')}\\_%`,
    ]);
    for (const { name } of roles.rows) await client.query(`drop role ${pg.escapeIdentifier(name)}`);
  });
  await withAdmin(async (admin) => {
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(`${namespace}.`));
    if (topics.length > 0) await admin.deleteTopics({ topics });
  });
}

async function withClient(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await work(client).finally(() => client.end());
}
