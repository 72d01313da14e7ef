/**
 * The cost and latency of an order, from the client's 201 to the brokerage and to its booked money, on a whole fleet
 * with its paper broker: `npm run bench -- order-to-broker [--before TREE] [--rates 10,50] [--seconds 30] [--highest]`.
 * `--before` measures the fleet of another work tree (of an older revision, installed and built) in turn with this one,
 * and shows both. `--highest` looks for the highest rate at which orders end within a second (p99) for a minute.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writeResults, type Row } from './harness.ts';
import type { Figures, Measured } from './order-flow.run.ts';

const { values } = parseArgs({
  options: {
    before: { type: 'string' },
    rates: { type: 'string', default: '10,50' },
    seconds: { type: 'string', default: '30' },
    highest: { type: 'boolean', default: false },
  },
});
const here = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');
const rates = values.rates.split(',').map(Number);

/** One run in a separate process, with its own fleet. */
function measure(tree: string, rate: number, seconds: number): Measured {
  process.stderr.write(`${tree === here ? 'this tree' : 'before'}: ${rate} orders/s for ${seconds} s ...\n`);
  const run = fileURLToPath(new URL('order-flow.run.ts', import.meta.url));
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', run, tree, String(rate), String(seconds)],
    {
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  if (status !== 0) throw new Error(`the run ended with ${status}:\n${stderr}\n${stdout.slice(-2000)}`);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Measured;
}

const total = ({ cpu }: Measured): number => Math.round(Object.values(cpu).reduce((sum, each) => sum + each, 0) * 10) / 10;
const both = ({ p50, p99 }: Figures): string => `${p50} / ${p99}`;

type Pair = { readonly after: Measured; readonly before: Measured | undefined };
const row = (what: string, rate: number, { before, after }: Pair, of: (run: Measured) => string | number): Row => ({
  what: `${what}, ${rate}/s`,
  before: before ? of(before) : '',
  now: of(after),
});

function rowsOf(rate: number, pair: Pair): Row[] {
  const names = Object.keys(pair.after.cpu);
  return [
    row('refused, of all orders sent', rate, pair, ({ refused, orders }) => `${refused} of ${refused + orders}`),
    row('request -> answer, p50 / p99 (ms)', rate, pair, ({ answered }) => both(answered)),
    row('accepted -> the brokerage has it, p50 / p99 (ms)', rate, pair, ({ atBrokerage }) => both(atBrokerage)),
    row('accepted -> ended, money booked, p50 / p99 (ms)', rate, pair, ({ ended }) => both(ended)),
    row('fill at the brokerage -> WebSocket, p50 / p99 (ms)', rate, pair, ({ fillToSocket }) => both(fillToSocket)),
    row('stored events an order', rate, pair, ({ events }) => events),
    row('relay batches an order', rate, pair, ({ batches }) => batches),
    row('database transactions an order', rate, pair, ({ transactions }) => transactions),
    row('CPU an order, services and servers (ms)', rate, pair, total),
    ...names.map((name) => row(`${name}: CPU an order (ms)`, rate, pair, ({ cpu }) => cpu[name] ?? '')),
  ];
}

/** Rises by a fifth while orders end in time; the last rate that held. */
function highestRate(tree: string, from: number): { readonly rate: number; readonly p99: number } {
  let best = { rate: 0, p99: 0 };
  for (let rate = from; ; rate = Math.round(rate * 1.2)) {
    const { ended } = measure(tree, rate, 60);
    if (ended.p99 >= 1000) return best;
    best = { rate, p99: ended.p99 };
  }
}

const pairs = rates.map((rate): [number, Pair] => {
  const before = values.before === undefined ? undefined : measure(values.before, rate, Number(values.seconds));
  return [rate, { before, after: measure(here, rate, Number(values.seconds)) }];
});
const highest = values.highest ? highestRate(here, 40) : undefined;
const [first] = pairs;
const ratio = ({ before, after }: Pair): string => (before ? (total(after) / total(before)).toFixed(2) : 'not compared');

writeResults({
  name: 'order-to-broker',
  method:
    `Open loop for ${values.seconds} s after 30 s of the same load, 20 accounts, limit orders that trade at once, a fresh fleet a run, through the one address of ` +
    'npm start; one socket follows all accounts. Client, every service, the paper broker and every server on this machine. Transactions and batches: ' +
    'what the idle fleet does is taken off.' +
    (values.before === undefined ? '' : ' Before: the fleet of an older revision, measured in turn with this one.'),
  machine: first?.[1].after.machine ?? {},
  rows: [
    ...pairs.flatMap(([rate, pair]) => rowsOf(rate, pair)),
    ...(highest ? [{ what: 'highest rate with p99 of "ended" < 1 s for 60 s (orders/s)', before: '', now: highest.rate }] : []),
  ],
  targets: pairs.flatMap(([rate, pair]) => [
    {
      target: `${rate}/s: CPU of everything, now / before <= ${rate < 50 ? 0.35 : 0.4}`,
      found: ratio(pair),
      reached: pair.before !== undefined && total(pair.after) / total(pair.before) <= (rate < 50 ? 0.35 : 0.4),
    },
    {
      target: `${rate}/s: events <= 12, batches <= 4, transactions <= 26 an order`,
      found: `${pair.after.events}, ${pair.after.batches}, ${pair.after.transactions}`,
      reached: pair.after.events <= 12 && pair.after.batches <= 4 && pair.after.transactions <= 26,
    },
    {
      target: `${rate}/s: accepted -> the brokerage has it <= ${rate < 50 ? '25 / 80' : '45 / 200'} ms`,
      found: both(pair.after.atBrokerage),
      reached: pair.after.atBrokerage.p50 <= (rate < 50 ? 25 : 45) && pair.after.atBrokerage.p99 <= (rate < 50 ? 80 : 200),
    },
  ]),
});
