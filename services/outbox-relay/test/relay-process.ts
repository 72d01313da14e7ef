/**
 * A relay in its own process that can be killed at an exact line: the same `Relay`, `Outbox` and broker as the service,
 * without the admin port. FAILPOINT=<point>:<nth>[:stop] makes it send itself SIGKILL (or SIGSTOP) when it reaches the
 * point for the nth time; the points wrap the methods of the classes from outside, so the service contains none of
 * this.
 */
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { Outbox, OutboxListener } from '@tradecore/event-sourcing';
import { createKafkaClient } from '@tradecore/messaging';
import { setLogLevel } from '@tradecore/telemetry';
import { Relay } from '../src/relay.ts';
import { WakeUp } from '../src/wake-up.ts';

const env = process.env as Record<string, string>;
const [point = '', nth = '1', how = 'kill'] = (env['FAILPOINT'] ?? '').split(':');
let left = Number(nth);

/** Dies (or freezes) here on the nth call. */
function reached(name: string): void {
  if (name !== point || (left -= 1) !== 0) return;
  process.stdout.write(`at ${name}\n`);
  process.kill(process.pid, how === 'stop' ? 'SIGSTOP' : 'SIGKILL');
}

type Method = (this: unknown, ...args: unknown[]) => Promise<unknown>;
const around = (target: object, method: string, { before, after }: { before?: string; after?: string }): void => {
  const original = Reflect.get(target, method) as Method;
  Reflect.set(target, method, async function (this: unknown, ...args: unknown[]) {
    if (before) reached(before);
    const result = await original.apply(this, args);
    if (after) reached(after);
    return result;
  });
};

const takeLease = Outbox.prototype.takeLease;
Outbox.prototype.takeLease = async function () {
  const answer = await takeLease.call(this);
  if (answer.state === 'taken') reached('after-lease');
  return answer;
};
around(Outbox.prototype, 'currentBatch', { before: 'after-position', after: 'after-current-batch' });
// Only rounds with work count: idle ones would make "the nth" depend on the load.
const take = Outbox.prototype.nextBatch;
Outbox.prototype.nextBatch = async function (...args) {
  if (!args[2].peek) reached('before-take');
  const events = await take.apply(this, args);
  if (events.length > 0) reached('after-take');
  return events;
};
const kafka = createRequire(import.meta.url)('kafkajs/src/broker') as { prototype: object };
const endTxn = Reflect.get(kafka.prototype, 'endTxn') as Method;
Reflect.set(kafka.prototype, 'endTxn', async function (this: unknown, ...args: unknown[]) {
  if (!(args[0] as { transactionResult: boolean }).transactionResult) return endTxn.apply(this, args);
  reached('in-transaction');
  const answer = endTxn.apply(this, args);
  if (point === 'commit-sent') {
    await sleep(1); // The request is sent; the reply is ignored.
    reached('commit-sent');
  }
  const result = await answer;
  reached('after-commit');
  return result;
});

setLogLevel((env['LOG_LEVEL'] ?? 'warn') as 'warn');
const url = env['DATABASE_URL']!;
const owner = `test ${process.pid}`;
const wakeUp = new WakeUp();
const relay = new Relay({
  connect: () => Outbox.connect({ url, owner, leaseSeconds: Number(env['LEASE_SECONDS'] ?? 2) }),
  kafka: createKafkaClient({
    brokers: env['KAFKA_BROKERS']!.split(','),
    clientId: 'relay-process',
    namespace: env['NAMESPACE']!,
  }),
  wakeUp,
  maxRows: Number(env['MAX_ROWS'] ?? 1_000),
  renewMs: Number(env['RENEW_MS'] ?? 1_000),
});
const listener = new OutboxListener(url, () => wakeUp.notify());
let said = '';
setInterval(() => {
  if (relay.state.kind !== said) process.stdout.write(`${(said = relay.state.kind)}\n`);
}, 20);
process.once('SIGTERM', () => {
  void relay.stop().then(async () => {
    await listener.close();
    process.exit(0);
  });
});
void listener.open();
relay.start();
