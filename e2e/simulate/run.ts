import { parseArgs } from 'node:util';
import type { RecordedEvent } from '@tradecore/events';
import { simulate, type Outcome, type Simulation } from './simulate.ts';

type Print = (text: string) => void;

/**
 * Runs one simulation and prints its result. Returns the exit code: 1 if an invariant does not hold. `broken` is for
 * tests.
 */
export function run(args: readonly string[], print: Print = toOutput, broken: Partial<Simulation> = {}): number {
  const { seed, orders, calm, trace } = read(args);
  const began = performance.now();
  const outcome = simulate({ seed, orders, faults: !calm, ...(trace && { trace: (event) => print(lineOf(event)) }), ...broken });
  const seconds = (performance.now() - began) / 1000;
  print(report(outcome, seconds));
  const failed = outcome.invariants.some(({ wrong }) => wrong.length > 0);
  if (failed) print(`\nThe same again, each event as it is stored:\n  npm run simulate -- ${args.join(' ')} --trace`);
  return failed ? 1 : 0;
}

const toOutput: Print = (text) => void process.stdout.write(`${text}\n`);

function read(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string', default: '1' },
      orders: { type: 'string', default: '10000' },
      calm: { type: 'boolean', default: false },
      trace: { type: 'boolean', default: false },
    },
  });
  const number = (name: 'seed' | 'orders', highest: number): number => {
    const value = Number(values[name]);
    if (Number.isInteger(value) && value >= 1 && value <= highest) return value;
    throw new RangeError(`--${name} is a whole number from 1 to ${highest}; it was "${values[name]}"`);
  };
  return { seed: number('seed', 2 ** 31), orders: number('orders', 1_000_000), calm: values.calm, trace: values.trace };
}

/** One line per event: time, aggregate, event. */
function lineOf({ time, aggregateType, aggregateId, aggregateVersion, type, data }: RecordedEvent): string {
  return `${time.slice(11, 23)} ${aggregateType} ${aggregateId.slice(0, 8)}/${aggregateVersion} ${type} ${JSON.stringify(data)}`;
}

function report({ seed, orders, events, digest, simulated, mix, invariants }: Outcome, seconds: number): string {
  const rate = Math.round(orders / seconds);
  const width = Math.max(...[...mix.keys(), ...invariants.map(({ name }) => name)].map(({ length }) => length));
  const line = (mark: string, name: string, count: number): string =>
    `  ${mark} ${name.padEnd(width)} ${String(count).padStart(9)}`;
  return [
    `Seed ${seed}: ${orders} orders, ${events} events, ${simulated.toFixed(0)} simulated seconds in ${seconds.toFixed(1)} s: ${rate} orders/s`,
    `Digest of all events: ${digest}`,
    '',
    'What happened',
    ...[...mix].map(([name, count]) => line(' ', name, count)),
    '',
    'What always holds (and how many times it was looked at)',
    ...invariants.flatMap(({ name, checked, wrong }) => [
      line(wrong.length === 0 ? '✓' : '✗', name, checked),
      ...wrong.slice(0, 5).map((words) => `      ${words}`),
      ...(wrong.length > 5 ? [`      and ${wrong.length - 5} more`] : []),
    ]),
  ].join('\n');
}
