import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Refusal, say, seconds, table } from '@tradecore/local/runner/console.ts';
import { withAdmin } from '@tradecore/messaging/testing';
import { ended, startWorld, type World } from '../world.ts';
import type { Played } from './drills.ts';
import { tradecore } from './ground.ts';
import { publish } from './published.ts';
import { missingOf, Writers } from './writers.ts';

const migrator = fileURLToPath(new URL('../../services/migrator/dist/main.js', import.meta.url));
const halting = ['order-saga', 'broker-gateway'] as const;
const patience = 180_000;

/**
 * Deletes every topic of a fleet under load, makes them anew as the migrator does, and lets an operator bring the fleet back from the store; nothing
 * is refilled. Prints what was lost and how long it took, and writes it into docs/backup.md: `--seconds 15 --workers 6`.
 */
export async function drillBrokerLog(args: readonly string[]): Promise<Played> {
  const { workers, ms } = read(args);
  say(`\nthe broker's log is lost: ${workers} people write`);
  const world = await startWorld();
  try {
    const writers = new Writers(await world.person('drill'), await world.operator());
    await writers.start(workers);
    await pause(ms);
    const events = await figure(world, 'select count(*)::int as n from event_store');
    const lost = Date.now();
    await loseTopics(world);
    const waiting = await figure(world, 'select count(*)::int as n from event_outbox');
    await bringBack(world, new Date(lost - 300_000).toISOString());
    const backMs = Date.now() - lost;
    await pause(ms / 2);
    await writers.stop();
    await quiet(world);
    const missing = await missingOf(world, writers.acknowledged);
    const findings = [
      ...missing.map(({ kind, key }) => `acknowledged and not in the store: ${kind} ${key}`),
      ...writers.surprises,
      ...(await verified(world)),
    ];
    for (const finding of findings) say(`  ! ${finding}`);
    const titles = [
      'events stored before',
      'waiting when the topics were back',
      'acknowledged writes',
      'writes lost',
      'until all consumers run',
    ];
    const row = [events, waiting, writers.acknowledged.length, missing.length].map(String).concat(seconds(backMs));
    say(`\n${table([titles, row])}`);
    const isWell = findings.length === 0;
    if (isWell) publish('backup.md', 'drill -- broker-log', [titles, row]);
    return { isWell, inShort: `${missing.length} of ${writers.acknowledged.length} lost, back in ${seconds(backMs)}` };
  } finally {
    await world.end();
  }
}

/** The relay loses its session with the broker; when it comes back, every topic is empty, and has another id. */
async function loseTopics(world: World): Promise<void> {
  await withAdmin(async (admin) => {
    const own = async () => (await admin.listTopics()).filter((topic) => topic.startsWith(`${world.namespace}.`));
    await admin.deleteTopics({ topics: await own() });
    process.kill(world.pidOf('outbox-relay'), 'SIGKILL');
    await world.until('the topics to be gone', async () => (await own()).length === 0);
  });
  const env = {
    ...process.env,
    ...{ DATABASE_URL: world.databaseUrl, NAMESPACE: world.namespace, ROLE_PASSWORDS_DIR: join(world.home, 'secrets', 'roles') },
  };
  const made = spawn(process.execPath, [migrator], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  if ((await ended(made)) !== 0) throw new Error('the migrator did not make the topics');
}

/** As docs/backup.md says. */
async function bringBack(world: World, since: string): Promise<void> {
  const said = async (...args: string[]) => {
    await pause(500); // each asks every server
    return (await tradecore(world, ...args)).said;
  };
  await world.until(
    'the relay to halt',
    async () => (await said('relay', 'status')).includes('no position of this store'),
    patience,
  );
  await done(world, 'relay', 'resume', '--since', new Date().toISOString(), `--yes=${world.namespace}`);
  for (const name of halting) {
    const isHalted = async () => stateOf(await said('consumers', 'list', '--json'), name) === 'halted';
    await world.until(`${name} to halt`, isHalted, patience);
    await done(world, 'consumers', 'begin-again', name, '--since', since, `--yes=${name}`);
  }
  // A broker that has forgotten its positions along with the topics lets it begin as a new one: then there is nothing to set.
  const isThere = async () => {
    await said('notices', 'begin-again', '--why', 'a drill', '--yes=notifier');
    return (await tradecore(world, 'notices', 'positions')).code === 0;
  };
  await world.until('the notifier to have its positions', isThere, patience);
  const lists = ['consumers', 'projections'] as const;
  await world.until(
    'every consumer to run',
    async () => (await Promise.all(lists.map((list) => said(list, 'list', '--json')))).every(allRun),
    patience,
  );
}

const rowsOf = (json: string): { name: string; state: string }[] => JSON.parse(json) as { name: string; state: string }[];
const stateOf = (json: string, name: string): string | undefined => rowsOf(json).find((row) => row.name === name)?.state;
const allRun = (json: string): boolean => rowsOf(json).every(({ state }) => state === 'running');

async function done(world: World, ...args: string[]): Promise<void> {
  const { code, said } = await tradecore(world, ...args, '--why', 'a drill');
  if (code !== 0) throw new Error(`tradecore ${args.join(' ')} ended with ${code}: ${said}`);
}

/** Until nothing is stored for five seconds: what waited during the outage takes minutes. */
async function quiet(world: World): Promise<void> {
  let [last, since] = [-1, Date.now()];
  const isQuiet = async () => {
    await pause(500);
    const now = await figure(world, 'select coalesce(max(position), 0)::int as n from event_store');
    if (now !== last) [last, since] = [now, Date.now()];
    return Date.now() - since > 5000;
  };
  await world.until('the fleet to have done its work', isQuiet, 600_000);
}

async function verified(world: World): Promise<string[]> {
  const { code, said } = await tradecore(world, 'verify', '--tamper', '--patience', '60');
  return code === 0 ? [] : [`verify ended with ${code}:\n${said}`];
}

async function figure({ database }: World, sql: string): Promise<number> {
  return (await database.query<{ n: number }>(sql)).rows[0]?.n ?? 0;
}

function read(args: readonly string[]): { workers: number; ms: number } {
  const options = { seconds: { type: 'string', default: '15' }, workers: { type: 'string', default: '6' } } as const;
  const { values } = parseArgs({ args: [...args], options });
  const [workers, length] = [Number(values.workers), Number(values.seconds)];
  if (!(workers >= 1 && workers <= 50 && length >= 1 && length <= 600))
    throw new Refusal('--workers is 1 to 50, --seconds 1 to 600');
  return { workers, ms: length * 1000 };
}
