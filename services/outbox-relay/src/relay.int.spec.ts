import { setTimeout as sleep } from 'node:timers/promises';
import { jest } from '@jest/globals';
import { Outbox, OutboxListener } from '@tradecore/event-sourcing';
import { freshId } from '@tradecore/events';
import { MessagingError, type KafkaClient, type TransactionContents } from '@tradecore/messaging';
import { setLogLevel } from '@tradecore/telemetry';
import pg from 'pg';
import { append, compareTopicWithStore, createWorld, drained, expectExactlyOnce, until, type World } from '../test/world.ts';
import { Relay, type RelayOptions } from './relay.ts';
import { WakeUp } from './wake-up.ts';

jest.setTimeout(60_000);
setLogLevel('fatal'); // These tests provoke errors.

describe('a relay', () => {
  let world: World;
  let writer: pg.Client;
  let relay: Relay | undefined;

  beforeEach(async () => {
    world = await createWorld();
    writer = new pg.Client({ connectionString: world.database.urlFor('command-api') });
    await writer.connect();
  });
  afterEach(async () => {
    await relay?.stop();
    await writer.end();
    await world.close();
  });

  const start = (options: Partial<RelayOptions> = {}): Relay => {
    const url = world.database.urlFor('outbox-relay');
    const connect = () => Outbox.connect({ url, owner: 'the test' });
    relay = new Relay({ connect, kafka: world.kafka.kafka, wakeUp: new WakeUp(), renewMs: 50, ...options });
    relay.start();
    return relay;
  };
  const leads = () => until('it leads', () => relay?.state.kind === 'leading');

  it('publishes a backlog of large events, in requests that the broker accepts', async () => {
    const id = freshId();
    for (let n = 0; n < 30; n += 1) await append(writer, [{ id, expected: n, events: 1, text: `${n} ${'ä'.repeat(120_000)}` }]);
    start();
    await drained(world.database);
    await expectExactlyOnce(world.kafka, world.database, 29);
  });

  it('splits a batch that is larger than one request, and keeps the order', async () => {
    const ids = Array.from({ length: 5 }, () => freshId());
    for (let n = 0; n < 20; n += 1)
      await append(
        writer,
        ids.map((id) => ({ id, expected: n * 30, events: 30, text: 'x'.repeat(500) })),
      );
    const sent: TransactionContents[] = [];
    start({ kafka: spied(world.kafka.kafka, sent) });
    await drained(world.database);
    await expectExactlyOnce(world.kafka, world.database, 2_999);
    expect(Math.max(...sent.map(({ batches }) => batches.length))).toBeGreaterThan(1);
  });

  it('listens to writers while batches are rare, and polls when notifications are lost', async () => {
    const wakeUp = new WakeUp();
    const listener = new OutboxListener(world.database.urlFor('outbox-relay'), () => wakeUp.notify());
    await listener.open();
    start({ wakeUp });
    await leads();
    const asleep = async (): Promise<boolean> => {
      const rows: unknown[] = await world.database.dataSource.query('select from relay_state where asleep_until > now()');
      return rows.length === 1;
    };
    await until('it listens', asleep);
    await append(writer, [{ id: freshId(), expected: 0, events: 1 }]);
    await drained(world.database);
    expect(await asleep()).toBe(true);
    await listener.close();
    await append(writer, [{ id: freshId(), expected: 0, events: 1 }]);
    await drained(world.database);
    await expectExactlyOnce(world.kafka, world.database, 1);
  });

  it('looks again after a batch that the limit of bytes cut, though it listens', async () => {
    const id = freshId();
    const text = 'x'.repeat(250_000);
    for (let n = 0; n < 12; n += 1) await append(writer, [{ id, expected: n * 3, events: 3, text }]);
    const sent: TransactionContents[] = [];
    const batches = () => sent.filter(({ batches: records }) => records.length > 0).length;
    const sentBeforeWaits: number[] = [];
    const wakeUp = Object.assign(new WakeUp(), { idle: () => (sentBeforeWaits.push(batches()), sleep(10)) });
    Object.defineProperty(wakeUp, 'isListening', { value: true });
    start({ wakeUp, kafka: spied(world.kafka.kafka, sent) });
    await drained(world.database);
    expect(batches()).toBeGreaterThan(1);
    expect(sentBeforeWaits[0]).toBe(batches());
  });

  it('asks writers not to notify while batches are frequent', async () => {
    const wakeUp = new WakeUp();
    const listener = new OutboxListener(world.database.urlFor('outbox-relay'), () => wakeUp.notify());
    await listener.open();
    start({ wakeUp });
    await leads();
    const isListening = async (): Promise<boolean> =>
      ((await world.database.dataSource.query('select from relay_state where asleep_until > now()')) as unknown[]).length === 1;
    await until('it listens', isListening);
    let isOver = false;
    const load = (async () => {
      while (!isOver) await append(writer, [{ id: freshId(), expected: 0, events: 1 }]);
    })();
    await until('it polls instead', async () => !(await isListening()));
    isOver = true;
    await load;
    await until('it listens again', isListening);
    await drained(world.database);
    await listener.close();
  });

  it('commits its position from the first start on, and again when idle, because positions expire', async () => {
    const sent: TransactionContents[] = [];
    start({ kafka: spied(world.kafka.kafka, sent), recommitMs: 100 });
    await until('it repeats itself', () => sent.length >= 3);
    expect(sent.every(({ batches, offset }) => batches.length === 0 && offset === 0n)).toBe(true);
    await append(writer, [{ id: freshId(), expected: 0, events: 1 }]);
    await until(
      'it repeats the new one',
      () => sent.filter(({ batches, offset }) => batches.length === 0 && offset === 1n).length >= 2,
    );
    const again = sent.filter(({ batches }) => batches.length > 0);
    expect(again).toHaveLength(1);
  });

  it('starts over after an error whose outcome is unknown: the records are on the topic once', async () => {
    start({ kafka: unlucky(world.kafka.kafka) });
    for (let n = 0; n < 20; n += 1) {
      await append(writer, [{ id: freshId(), expected: 0, events: 2 }]);
      await drained(world.database);
    }
    await expectExactlyOnce(world.kafka, world.database, 39);
  });

  it('keeps the lease while a transaction outlasts it: otherwise relays would restart it in turns', async () => {
    const url = world.database.urlFor('outbox-relay');
    let fenced = 0;
    const slow = (owner: string) =>
      new Relay({
        connect: () => Outbox.connect({ url, owner, leaseSeconds: 0.3 }),
        kafka: slowly(world.kafka.another(), 1_000, () => (fenced += 1)),
        wakeUp: new WakeUp(),
        renewMs: 50,
      });
    await append(writer, [{ id: freshId(), expected: 0, events: 3 }]);
    const [one, other] = [slow('one'), slow('other')];
    one.start();
    other.start();
    await until(
      'it is published',
      async () => (await compareTopicWithStore(world.kafka, world.database)).topic.length === 3,
      10_000,
    );
    await Promise.all([one.stop(), other.stop()]);
    expect(fenced).toBe(0);
    await expectExactlyOnce(world.kafka, world.database, 2);
  });

  it('continues after its database session was ended', async () => {
    start();
    await leads();
    for (let n = 0; n < 3; n += 1) {
      await world.database.dataSource.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'outbox-relay' and datname = current_database()`,
      );
      await append(writer, [{ id: freshId(), expected: 0, events: 3 }]);
      await drained(world.database);
    }
    await expectExactlyOnce(world.kafka, world.database, 8);
  });
});

type Port = RelayOptions['kafka'];

/** The broker, with a hook after each committed transaction. */
const afterCommit = (kafka: KafkaClient, then: (contents: TransactionContents) => void): Port => ({
  committedOffsets: (...args) => kafka.committedOffsets(...args),
  openTransactional: async (options) => {
    const producer = await kafka.openTransactional(options);
    return {
      get poisoned() {
        return producer.poisoned;
      },
      discard: () => producer.discard(),
      send: async (contents) => {
        await producer.send(contents);
        then(contents);
      },
    };
  },
});

/** The broker, with transactions that take this long; `failed` is called for each one that did not commit. */
const slowly = (kafka: KafkaClient, ms: number, failed: () => void): Port => ({
  committedOffsets: (...args) => kafka.committedOffsets(...args),
  openTransactional: async (options) => {
    const producer = await kafka.openTransactional(options);
    const send = producer.send.bind(producer);
    producer.send = async (contents) => {
      await sleep(ms);
      await send(contents).catch((error: unknown) => {
        failed();
        throw error;
      });
    };
    return producer;
  },
});

/** The broker, recording what is sent. */
const spied = (kafka: KafkaClient, sent: TransactionContents[]): Port => afterCommit(kafka, (contents) => sent.push(contents));

/** The broker, with lost answers: every third transaction is reported as failed although it committed. */
function unlucky(kafka: KafkaClient): Port {
  let count = 0;
  return afterCommit(kafka, () => {
    count += 1;
    if (count % 3 === 0) throw new MessagingError('send-failed', 'the answer was lost');
  });
}
