import { agrees, type Line } from './line.ts';
import { moneyLines } from './money.ts';
import { executionLines, orderLines, placementLines } from './orders.ts';
import { recordLines } from './records.ts';
import { readFacts } from './facts.ts';
import type { Witnesses } from './witnesses.ts';

/** Asks store, read models, topics and brokerage the same questions. They agree when nothing is in progress. */
export async function compareAll(witnesses: Witnesses): Promise<Line[]> {
  const facts = await readFacts(witnesses);
  return [
    ...(await orderLines(witnesses, facts)),
    ...(await executionLines(witnesses, facts)),
    ...(await moneyLines(witnesses, facts)),
    ...(await placementLines(witnesses, facts)),
    ...(await recordLines(witnesses, facts)),
  ];
}

/**
 * Repeats the comparison until all agree, since read models lag by milliseconds; at most `withinMs`. Returns the last
 * result.
 */
export async function compareUntilAgreed(witnesses: Witnesses, withinMs: number): Promise<Line[]> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const lines = await compareAll(witnesses);
    if (lines.every(agrees) || performance.now() > deadline) return lines;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
