/**
 * Plays the saga for the hot-account bench, in a separate process: it accepts, fills and settles the orders whose ids
 * it gets, up to 25 per save, each save under the locks of the account and its orders. Reports its figures on request.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { Settlements } from '../services/command-api/test/settlements.ts';
import { percentile } from './harness.ts';

/** Messages of the bench: the account first, then orders, then the request for figures. */
export type ToSettling = { readonly accountId: string } | { readonly orderIds: readonly string[] } | { readonly ask: true };
/** The answer: orders settled, saves and their milliseconds, and failures. */
export interface Settled {
  readonly settled: number;
  readonly saves: number;
  readonly p50: number;
  readonly p99: number;
  readonly failures: readonly string[];
}

const perSave = 25;
const words = [{ says: 'accepted' }, { says: 'executed', quantity: '1', price: '100' }] as const;

const waiting: string[] = [];
const took: number[] = [];
const failures: string[] = [];
let settled = 0;
let settlements: Settlements | undefined;

async function work(): Promise<void> {
  for (;;) {
    const orderIds = waiting.splice(0, perSave);
    if (!settlements || orderIds.length === 0) {
      await sleep(5);
      continue;
    }
    const started = performance.now();
    try {
      await settlements.settle(...orderIds.map((orderId) => ({ orderId, words })));
      settled += orderIds.length;
      took.push(performance.now() - started);
    } catch (error) {
      failures.push(String(error));
      waiting.unshift(...orderIds);
      await sleep(20);
    }
  }
}

const dataSource = await new DataSource({ type: 'postgres', url: process.env['DATABASE_URL'] ?? '' }).initialize();
process.on('message', (message: ToSettling) => {
  if ('accountId' in message) settlements = new Settlements(dataSource, message.accountId);
  else if ('orderIds' in message) waiting.push(...message.orderIds);
  else {
    const answer: Settled = { settled, saves: took.length, p50: percentile(took, 0.5), p99: percentile(took, 0.99), failures };
    process.send?.(answer);
  }
});
process.send?.('ready');
void work();
