import { brokerageFills } from '../comparison/witnesses.ts';
import type { Paper } from '@tradecore/local/demo/paper.ts';

/** The paper broker's faults, with their probabilities. `ms` is short, to keep tests short. */
const faults = [
  { kind: 'timeout-before-accept', probability: 0.01, ms: 300 },
  { kind: 'timeout-after-accept', probability: 0.02, ms: 300 },
  { kind: '500', probability: 0.02 },
  { kind: '500-after-accept', probability: 0.02 },
  { kind: '429', probability: 0.02 },
  { kind: 'slow', probability: 0.02, ms: 200 },
  { kind: 'fill-before-ack', probability: 0.02, ms: 50 },
  { kind: 'reject', probability: 0.02 },
  { kind: 'partial-then-cancel-race', probability: 0.2 },
  { kind: 'cancel-rejected', probability: 0.1 },
  { kind: 'fill-after-cancel', probability: 0.1 },
  { kind: 'replace-rejected', probability: 0.2 },
  { kind: 'duplicate-updates', probability: 0.05 },
  { kind: 'out-of-order-updates', probability: 0.05 },
] as const;

/** All of them, until they are removed. The stream is silent twice. */
export async function faultsOfEveryKind(paper: Paper): Promise<void> {
  for (const fault of faults) await paper.fault({ ...fault, times: 1_000_000 });
  await paper.fault({ kind: 'stream-gap', probability: 0.01, times: 2, ms: 2000 });
}

/** Busts `count` of the brokerage's executions, and corrects the price of as many: evenly over all of them. */
export async function amendSome(paper: Paper, count: number): Promise<void> {
  const fills = await brokerageFills(paper);
  const every = Math.max(1, Math.floor(fills.length / (2 * count)));
  const chosen = fills.filter((_, index) => index % every === 0).slice(0, 2 * count);
  for (const [index, fill] of chosen.entries()) {
    const execution = { execution_id: fill.id.split('::').at(-1) };
    const price = (Number(fill.price) + 0.01).toFixed(2);
    await paper.fault(index % 2 === 0 ? { kind: 'bust', ...execution } : { kind: 'correct', ...execution, price });
  }
}
