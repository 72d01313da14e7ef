/**
 * The ledger projector in its own process, which can be killed at an exact line. FAILPOINT=<point>:<nth> sends SIGKILL
 * to itself when it reaches the point for the nth time. The points wrap the classes from outside, so that the library
 * contains none of this.
 */
import { createEventStore } from '@tradecore/event-sourcing';
import { createKafkaClient } from '@tradecore/messaging';
import { ProjectorBatches, Subscription } from '@tradecore/consumers';
import { DataSource } from 'typeorm';
import { Offsets } from '../src/offsets/offsets.ts';
import { letBegin } from './child.ts';
import { counters, declarations, Ledgers } from './counters.ts';

const env = process.env as Record<string, string>;
const [point = '', nth = '1'] = (env['FAILPOINT'] ?? '').split(':');
let left = Number(nth);

/** Dies here when it is time. */
function reached(name: string): void {
  if (name === point && (left -= 1) === 0) process.kill(process.pid, 'SIGKILL');
}

type Method = (this: unknown, ...args: unknown[]) => Promise<unknown>;
const around = (target: object, method: string, before: string, after: string): void => {
  const original = Reflect.get(target, method) as Method;
  Reflect.set(target, method, async function (this: unknown, ...args: unknown[]) {
    reached(before);
    const result = await original.apply(this, args);
    reached(after);
    return result;
  });
};

around(Offsets.prototype, 'claim', 'before-claim', 'after-claim');
around(Offsets.prototype, 'advance', 'before-offsets', 'after-offsets');
around(ProjectorBatches.prototype, 'handle', 'before-rows', 'after-rows');
around(Offsets.prototype, 'replace', 'after-build', 'before-build-commit');

await letBegin();
const dataSource = await new DataSource({ type: 'postgres', url: env['DATABASE_URL']! }).initialize();
const store = createEventStore({ dataSource, catalogue: counters });
const kafka = createKafkaClient({
  brokers: env['KAFKA_BROKERS']!.split(','),
  clientId: 'ledger-process',
  namespace: env['NAMESPACE']!,
  declarations,
});

/** A group of its own: it does not wait for dead members, so that only the offset rows keep instances apart. */
class LedgerWork extends ProjectorBatches {
  override readonly name = env['GROUP']!;
  override async handle(...parameters: Parameters<ProjectorBatches['handle']>) {
    await super.handle(...parameters);
    reached('after-commit');
  }
}
const work = new LedgerWork(Ledgers, { dataSource, store, catalogue: counters, kafka });
await new Subscription(work, { dataSource, kafka, lookAgainMs: 50 }).start();
