/**
 * Errands or purses in their own process, which can be killed at an exact line. FAILPOINT=<point>:<nth> sends SIGKILL
 * to itself when it reaches the point for the nth time. The points wrap the classes from outside, so that the library
 * contains none of this.
 */
import { createEventStore, TransactionEventStore } from '@tradecore/event-sourcing';
import { IntakeBatches, RunningProcess, Subscription, type BatchProcessor } from '@tradecore/consumers';
import { createKafkaClient } from '@tradecore/messaging';
import { DataSource } from 'typeorm';
import { Offsets } from '../src/offsets/offsets.ts';
import { ProcessBatches } from '../src/process/process-batches.ts';
import { letBegin } from './child.ts';
import { declarations, ErrandProcess, errands, names, Payments, received } from './errands.ts';

const env = process.env as Record<string, string>;
const [point = '', nth = '1'] = (env['FAILPOINT'] ?? '').split(':');
let left = Number(nth);

/** Dies here when it is time. */
function reached(name: string): void {
  if (name === point && (left -= 1) === 0) process.kill(process.pid, 'SIGKILL');
}

type Method = (this: unknown, ...args: unknown[]) => Promise<unknown>;
const after = (target: object, method: string, name: string): void => {
  const original = Reflect.get(target, method) as Method;
  Reflect.set(target, method, async function (this: unknown, ...args: unknown[]) {
    const result = await original.apply(this, args);
    reached(name);
    return result;
  });
};

after(Offsets.prototype, 'advance', 'after-offsets');
after(TransactionEventStore.prototype, 'loadLocked', 'after-lock');
after(TransactionEventStore.prototype, 'saveBatch', 'after-append');
after(ProcessBatches.prototype, 'write', 'after-rows');
after(Payments.prototype, 'take', 'after-rows');

await letBegin();
const dataSource = await new DataSource({ type: 'postgres', url: env['DATABASE_URL']! }).initialize();
const store = createEventStore({ dataSource, catalogue: errands });
const kafka = createKafkaClient({
  brokers: env['KAFKA_BROKERS']!.split(','),
  clientId: 'errand-process',
  namespace: env['NAMESPACE']!,
  declarations,
});

/** A group of its own: it does not wait for dead members, so that only the offset rows keep instances apart. */
const inGroup = (processor: BatchProcessor): BatchProcessor =>
  Object.assign(Object.create(processor) as BatchProcessor, {
    name: env['GROUP']!,
    handle: async (...parameters: Parameters<BatchProcessor['handle']>) => {
      await processor.handle(...parameters);
      reached('after-commit');
    },
  });

const parts = { dataSource, store, catalogue: errands, kafka, lookAgainMs: 50 };
if (env['ROLE'] === 'errand-saga') {
  const saga = { name: 'errand-saga', topics: [names.jobs, names.purses], process: new ErrandProcess(), received };
  await new RunningProcess({ ...parts, ...saga, around: inGroup }).start();
} else {
  const intake = { intake: new Payments(), name: 'purse-keeper', topics: [names.steps] };
  await new Subscription(inGroup(new IntakeBatches({ ...parts, ...intake })), parts).start();
}
