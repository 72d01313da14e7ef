import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { RecordedEvent } from '@tradecore/events';
import type { TestKafka } from '@tradecore/messaging/testing';
import { startTestService } from '@tradecore/service/testing';
import { notifier } from '../src/notifier.module.ts';
import { canceledOrders, createWorld, here, relay, told, toldAtLeast } from './world.ts';

/** Runs the notifier in its own process until it is killed; resolves with the signal that ended it. */
async function runUntilKilled(world: TestKafka, failpoint: string): Promise<string> {
  const args = [
    '--import',
    here('../../../typescript-hook.mjs'),
    '--conditions',
    '@tradecore/source',
    here('notifier-process.ts'),
  ];
  const child = spawn(process.execPath, args, {
    env: {
      PATH: process.env['PATH'],
      KAFKA_BROKERS: world.brokers.join(','),
      NAMESPACE: world.namespace,
      FAILPOINT: failpoint,
      LOG_LEVEL: 'fatal',
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  return signal ?? `exit ${code}`;
}

describe('a notifier killed with kill -9', () => {
  let world: TestKafka;
  afterEach(() => world.drop(), 30_000);

  it('sends one notice per cause, wherever it dies', async () => {
    world = await createWorld(1);
    const events: RecordedEvent[] = [];
    let over = false;
    const load = (async () => {
      while (!over) {
        const some = canceledOrders(3);
        events.push(...some);
        await relay(world.kafka, some);
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    })();
    for (const point of ['before-send:2', 'in-send:2', 'after-send:2']) {
      expect([point, await runUntilKilled(world, point)]).toEqual([point, 'SIGKILL']);
    }
    over = true;
    await load;
    const service = await startTestService(notifier, { KAFKA_BROKERS: world.brokers.join(), NAMESPACE: world.namespace });
    await toldAtLeast(world, events.length);
    await service.stop();
    const causes = (await told(world)).map(({ causedBy }) => causedBy);
    expect(causes.toSorted()).toEqual(events.map(({ id }) => id).toSorted());
  }, 120_000);
});
