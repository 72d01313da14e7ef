/**
 * Errands or purses in a process of its own that can be killed at an exact line. FAILPOINT=<point>:<nth> sends SIGKILL to itself when it reaches
 * the point for the nth time; points are laid around the classes from outside, so that nothing of it is in the library.
 */
import { createEventStore, TransactionEventStore } from '@tradecore/event-sourcing';
import { createKafkaClient } from '@tradecore/messaging';
import { DataSource } from 'typeorm';
import { CommandDecider } from '../src/process/command-decider.ts';
import { DecidingBatches } from '../src/process/deciding-work.ts';
import { Offsets } from '../src/offsets/offsets.ts';
import { RunningSaga } from '../src/process/running-saga.ts';
import { Subscription, type BatchProcessor } from '../src/offsets/subscription.ts';
import { declarations, Errand, errands, names, PurseCommands } from './errands.ts';

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
after(TransactionEventStore.prototype, 'loadLocked', 'after-load');
after(TransactionEventStore.prototype, 'saveBatch', 'after-append');

const dataSource = await new DataSource({ type: 'postgres', url: env['DATABASE_URL']! }).initialize();
const store = createEventStore({ dataSource, catalogue: errands });
const kafka = createKafkaClient({
  brokers: env['KAFKA_BROKERS']!.split(','),
  clientId: 'errand-process',
  namespace: env['NAMESPACE']!,
  declarations,
});

/** A group of its own: the dead are not waited for, so that the offset rows alone keep them apart. */
const inGroup = (work: BatchProcessor): BatchProcessor =>
  Object.assign(Object.create(work) as BatchProcessor, {
    name: env['GROUP']!,
    open: () => work.open(),
    handle: async (...parameters: Parameters<BatchProcessor['handle']>) => {
      const handled = await work.handle(...parameters);
      const committed = (seconds: number): void => {
        reached('after-commit');
        handled.committed(seconds);
      };
      return { ...handled, committed };
    },
  });

const parts = { dataSource, store, catalogue: errands, kafka, lookAgainMs: 50 };
if (env['ROLE'] === 'errand-saga') {
  const saga = { name: 'errand-saga', topics: [names.jobs, names.purses], saga: Errand };
  await new RunningSaga({ ...parts, ...saga, around: inGroup }).start();
} else {
  const handlers = [new PurseCommands()];
  const decider = new CommandDecider({ name: 'purse-keeper', topics: [names.steps], handlers, catalogue: errands });
  await new Subscription(inGroup(new DecidingBatches(decider, parts)), parts).start();
}
