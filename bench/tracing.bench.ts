/**
 * What tracing costs a door: CPU and time of an order without OpenTelemetry, with it and one trace in a hundred
 * sampled, and with every trace sampled and sent. The three take turns, so that what else the machine does meets all
 * alike. `npm run bench -- tracing [orders a turn] [turns]`
 */
import { startCollector } from '@tradecore/telemetry/testing';
import { Ground, terms, type Answer, type Door } from './door.ts';
import { machine, median, percentile, writeResults } from './harness.ts';
import { cpuTime } from './processes.ts';

const orders = Number(process.argv[2] ?? 2_000);
const turns = Number(process.argv[3] ?? 5);
const callers = 8;

const ground = await Ground.start();
const collector = await startCollector();
const loaded = ['--import', '@tradecore/telemetry/start'];
const sampled = (share: string) => ({
  ...collector.env,
  ...{ OTEL_SERVICE_NAME: 'command-api', OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: share },
});
const kinds = [
  { tracing: 'off', flags: [], settings: {} },
  { tracing: '1 % sampled', flags: loaded, settings: sampled('0.01') },
  { tracing: '100 % sampled', flags: loaded, settings: sampled('1') },
] as const;

interface Measured {
  readonly cpu: number[];
  readonly times: number[];
}

/** One turn: every caller places its orders one after the other, on an account of its own. */
async function turn(door: Door, accounts: readonly string[], { cpu, times }: Measured): Promise<void> {
  const before = cpuTime(door.pid);
  const place = async (account: string): Promise<Answer[]> => {
    const answers: Answer[] = [];
    for (let n = 0; n < orders / callers; n += 1) answers.push(await ground.post(door.orders, terms(account)));
    return answers;
  };
  const answers = (await Promise.all(accounts.map(place))).flat();
  if (answers.some(({ status }) => status !== 201)) throw new Error('an order was refused');
  cpu.push((cpuTime(door.pid) - before) / answers.length);
  times.push(...answers.map(({ milliseconds }) => milliseconds));
}

const figure = (value: number): number => Math.round(value * 1000) / 1000;

try {
  const tried = [];
  for (const kind of kinds) {
    const door = await ground.openDoor(kind.flags, kind.settings);
    const accounts = [];
    for (let n = 0; n < callers; n += 1) accounts.push(await ground.openAccount(door, '100000000'));
    tried.push({ kind, door, accounts, found: { cpu: [], times: [] } as Measured });
  }
  for (const { door, accounts } of tried) await turn(door, accounts, { cpu: [], times: [] });
  for (let n = 0; n < turns; n += 1) for (const { door, accounts, found } of tried) await turn(door, accounts, found);
  const base = median(tried[0]?.found.cpu ?? []);
  const rows = tried.map(({ kind, found }) => ({
    tracing: kind.tracing,
    'CPU an order, ms': figure(median(found.cpu)),
    'more than off': `${Math.round((median(found.cpu) / base - 1) * 100)} %`,
    'p50, ms': figure(percentile(found.times, 0.5)),
    'p99, ms': figure(percentile(found.times, 0.99)),
  }));
  const [, hundredth] = tried;
  const cost = median(hundredth?.found.cpu ?? []) / base - 1;
  writeResults({
    name: 'tracing',
    method: `${callers} callers place ${orders} orders a turn at one door, ${turns} turns of each kind in turn; CPU: the median of the turns. Spans go to a receiver in this process.`,
    machine: await machine(ground.database.url),
    rows,
    targets: [{ target: '1 % sampled costs <= 15 % of CPU', found: `${Math.round(cost * 100)} %`, reached: cost <= 0.15 }],
  });
} finally {
  await ground.closeDoors();
  collector.close();
  await ground.close();
}
process.exit(0);
