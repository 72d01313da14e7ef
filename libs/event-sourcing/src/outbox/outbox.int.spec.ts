import { setTimeout as sleep } from 'node:timers/promises';
import { freshId } from '@tradecore/events';
import pg from 'pg';
import { LeaseLost, Outbox, OutboxListener, readBacklog, type Lease } from '../index.ts';
import { createTestDatabase, type TestDatabase } from '../testing.ts';

const limits = { rows: 100, bytes: 900_000, peek: false };

/** Appends one event to each of the aggregates, as command-api does. */
async function append(client: pg.Client, ids: readonly string[], expected = 0, text = 'x'): Promise<void> {
  const each = ids.map((_, index) => index + 1);
  const { rows } = await client.query<{ verdict: string }>(
    'select verdict from append_events($1, $2, $3, $4, $5, $6, $7, $8, 1000)',
    [
      each,
      ids,
      each.map(() => 'Order'),
      each.map(() => expected),
      each,
      each.map(() => freshId()),
      each.map(() => 'OrderPlaced'),
      JSON.stringify(each.map(() => ({ v: 1, d: { text }, m: {} }))),
    ],
  );
  for (const { verdict } of rows) expect(verdict).toBe('stored');
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let n = 0; n < 1_000; n += 1) {
    if (await condition()) return;
    await sleep(10);
  }
  throw new Error('not within 10 s');
}

describe('the outbox', () => {
  let database: TestDatabase;
  let writer: pg.Client;
  const open: { close(): Promise<unknown> }[] = [];

  const login = async (service: string): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: database.urlFor(service) });
    client.on('error', () => undefined);
    await client.connect();
    open.push({ close: () => client.end().catch(() => undefined) });
    return client;
  };
  const connect = async (owner: string, leaseSeconds = 60): Promise<Outbox> => {
    const outbox = await Outbox.connect({ url: database.urlFor('outbox-relay'), owner, leaseSeconds });
    open.push(outbox);
    return outbox;
  };
  const take = async (outbox: Outbox): Promise<Lease> => {
    const answer = await outbox.takeLease();
    if (answer.state !== 'taken') throw new Error(`the lease is ${answer.state}`);
    return answer.lease;
  };

  beforeEach(async () => {
    database = await createTestDatabase();
    writer = await login('command-api');
  });
  afterEach(async () => {
    for (const each of open.splice(0)) await each.close();
    await database.drop();
  });

  describe('lease', () => {
    it('belongs to one relay; the next gets it on release', async () => {
      const [a, b] = [await connect('a'), await connect('b')];
      const lease = await take(a);
      expect(await b.takeLease()).toEqual({ state: 'held', owner: 'a' });
      await a.releaseLease(lease);
      expect((await take(b)).fence).toBe(lease.fence + 1n);
    });

    it("is free after too long without a heartbeat; the former owner's calls are refused", async () => {
      const [a, b] = [await connect('a'), await connect('b', 0.2)];
      const lease = await take(a);
      expect((await b.takeLease()).state).toBe('held');
      await until(async () => (await b.takeLease()).state === 'taken');
      await expect(a.renewLease(lease)).rejects.toThrow(LeaseLost);
      await expect(a.currentBatch(lease)).rejects.toThrow(LeaseLost);
      await expect(a.nextBatch(lease, 0n, limits)).rejects.toThrow(LeaseLost);
      await expect(a.halt(lease, { why: 'x', batch: '0', position: null }, true)).rejects.toThrow(LeaseLost);
      await a.releaseLease(lease);
      expect(await a.takeLease()).toEqual({ state: 'held', owner: 'b' });
    });

    it('is kept by heartbeats, not by being taken again', async () => {
      const [a, b] = [await connect('a', 2), await connect('b', 2)];
      const lease = await take(a);
      for (let n = 0; n < 10; n += 1) {
        await sleep(250);
        await a.nextBatch(lease, 0n, limits);
        expect((await b.takeLease()).state).toBe('held');
      }
      for (const end = performance.now() + 2_300; performance.now() < end; await sleep(100)) await take(a);
      expect((await b.takeLease()).state).toBe('taken');
    });

    it('is free at once when the session of its owner is gone', async () => {
      const [a, b] = [await connect('a'), await connect('b')];
      await take(a);
      await a.close();
      await until(async () => (await b.takeLease()).state === 'taken');
    });

    it('can be taken from an owner that froze while it received a batch, and so blocks the row', async () => {
      const a = await connect('a');
      const b = await connect('b', 0.2);
      const lease = await take(a);
      const ids = Array.from({ length: 60 }, () => freshId());
      await append(writer, ids, 0, 'y'.repeat(200_000));
      const { stream } = (Reflect.get(a, 'client') as unknown as { connection: { stream: { pause(): void } } }).connection;
      stream.pause(); // Like a SIGSTOP: the kernel's buffers fill up, and the server blocks mid-statement.
      a.nextBatch(lease, 0n, { rows: 100, bytes: 100_000_000, peek: false }).catch(() => undefined);
      await until(async () => (await b.takeLease()).state === 'taken');
      expect((await b.currentBatch(await take(b))).number).toBe(0n);
    });

    it('has no owner while the outbox is halted', async () => {
      const [a, b] = [await connect('a'), await connect('b')];
      const reason = { why: 'a test', batch: '3', position: '7' };
      await a.halt(await take(a), reason, false);
      expect(await a.takeLease()).toEqual({ state: 'halted', reason });
      expect(await b.takeLease()).toEqual({ state: 'halted', reason });
    });
  });

  describe('a batch', () => {
    it('is recorded, settled by the next one, and readable until then', async () => {
      const outbox = await connect('a');
      const lease = await take(outbox);
      const [x, y] = [freshId(), freshId()];
      await append(writer, [x]);
      const first = await outbox.nextBatch(lease, 0n, limits);
      expect(first).toMatchObject([
        { aggregateId: x, aggregateVersion: 1, type: 'OrderPlaced', dataText: '{"text": "x"}', key: x },
      ]);
      expect(await outbox.currentBatch(lease)).toEqual({ number: 1n, settled: false, damaged: false, events: first });
      await append(writer, [y]);
      expect((await readBacklog(database.dataSource)).depth).toBe(2);
      expect(await outbox.nextBatch(lease, 1n, limits)).toMatchObject([{ aggregateId: y }]);
      expect(await outbox.nextBatch(lease, 2n, { ...limits, peek: true })).toEqual([]); // A peek settles nothing.
      expect(await outbox.currentBatch(lease)).toMatchObject({ number: 2n, settled: false });
      expect(await outbox.nextBatch(lease, 2n, limits)).toEqual([]);
      expect(await outbox.currentBatch(lease)).toEqual({ number: 2n, settled: true, damaged: false, events: [] });
      expect(await outbox.nextBatch(lease, 2n, { ...limits, peek: true })).toEqual([]);
      expect((await readBacklog(database.dataSource)).depth).toBe(0);
      await append(writer, [x], 1);
      expect(await outbox.nextBatch(lease, 2n, { ...limits, peek: true })).toMatchObject([
        { aggregateId: x, aggregateVersion: 2 },
      ]);
      await expect(outbox.nextBatch(lease, 2n, limits)).rejects.toThrow('batch 3 is the last, not 2');
    });

    it("holds late commits despite their lower positions, with an aggregate's versions in order", async () => {
      const outbox = await connect('a');
      const lease = await take(outbox);
      const slow = await login('command-api');
      const [x, y] = [freshId(), freshId()];
      await slow.query('begin');
      await append(slow, [x]);
      await append(writer, [y]);
      expect(await outbox.nextBatch(lease, 0n, limits)).toMatchObject([{ aggregateId: y }]);
      await slow.query('commit');
      await append(writer, [y], 1);
      await append(writer, [x], 1);
      expect(await outbox.nextBatch(lease, 1n, limits)).toMatchObject([
        { aggregateId: x, aggregateVersion: 1 },
        { aggregateId: y, aggregateVersion: 2 },
        { aggregateId: x, aggregateVersion: 2 },
      ]);
    });

    it('starts above deleted rows that a foreign snapshot keeps in the index, but never above one that may still appear', async () => {
      const outbox = await connect('a');
      const lease = await take(outbox);
      const foreign = await login('command-api');
      await foreign.query('begin isolation level repeatable read');
      await foreign.query('select pg_current_xact_id(), (select count(*) from event_store)');
      const reader = new pg.Client({ connectionString: database.url }); // pg_dump locks like this.
      await reader.connect();
      open.push({ close: () => reader.end() });
      await reader.query('begin isolation level repeatable read');
      await reader.query('select (select last_value from event_position), (select count(*) from event_outbox)');
      const floor = async (): Promise<number> =>
        Number((await database.dataSource.query<{ floor: string }[]>('select floor from outbox_relay'))[0]?.floor);

      const [late, never] = [await login('command-api'), await login('command-api')];
      const [x, y] = [freshId(), freshId()];
      await append(writer, [y]); // position 1
      await late.query('begin');
      await append(late, [x]); // position 2
      await never.query('begin');
      await append(never, [freshId()]); // position 3
      await append(writer, [y], 1); // position 4
      expect(await outbox.nextBatch(lease, 0n, limits)).toHaveLength(2);
      let number = 1n;
      const beats = async (count: number): Promise<void> => {
        for (let beat = 0; beat < count; beat += 1) {
          await sleep(950); // A heartbeat comes after 900 ms.
          expect(await outbox.nextBatch(lease, number, limits)).toEqual([]);
        }
      };
      await beats(3);
      expect(await floor()).toBeLessThan(2);
      await never.query('rollback');
      await late.query('commit');
      await append(writer, [x], 1); // position 5
      expect(await outbox.nextBatch(lease, number, limits)).toMatchObject([
        { aggregateId: x, aggregateVersion: 1 },
        { aggregateId: x, aggregateVersion: 2 },
      ]);
      number = 2n;
      await beats(3);
      expect(await floor()).toBe(5);
      await append(writer, [y], 2);
      expect(await readBacklog(database.dataSource)).toMatchObject({ depth: 1 });
      expect(await outbox.nextBatch(lease, number, { ...limits, peek: true })).toMatchObject([
        { aggregateId: y, aggregateVersion: 3 },
      ]);
    }, 30_000);

    it('is bounded by bytes: large events go in small batches, alone if necessary', async () => {
      const outbox = await connect('a');
      const lease = await take(outbox);
      await append(
        writer,
        Array.from({ length: 7 }, () => freshId()),
        0,
        'z'.repeat(200_000),
      );
      const sizes: number[] = [];
      for (let number = 0n; ; number += 1n) {
        const { length } = await outbox.nextBatch(lease, number, { rows: 100, bytes: number === 0n ? 1 : 500_000, peek: false });
        if (length === 0) break;
        sizes.push(length);
      }
      expect(sizes).toEqual([1, 2, 2, 2]);
    });

    it('is damaged when some of its rows are missing', async () => {
      const outbox = await connect('a');
      const lease = await take(outbox);
      await append(writer, [freshId(), freshId()]);
      await outbox.nextBatch(lease, 0n, limits);
      await database.dataSource.query('delete from event_outbox where seq = (select min(seq) from event_outbox)');
      expect(await outbox.currentBatch(lease)).toMatchObject({ number: 1n, damaged: true });
    });
  });

  it('belongs to the relay only, unlike the event store', async () => {
    const relay = await login('outbox-relay');
    await expect(relay.query('delete from event_store')).rejects.toThrow('permission denied');
    await expect(relay.query('update event_store set event_type = event_type')).rejects.toThrow('permission denied');
    await expect(writer.query('delete from event_outbox')).rejects.toThrow('permission denied');
    await expect(writer.query('update outbox_relay set owner = null')).rejects.toThrow('permission denied');
    await expect(writer.query("select * from relay_next_batch('a', 1, 0, false, 1, 1)")).rejects.toThrow('permission denied');
  });

  it('notifies only a listening relay, even after the listener lost its connection', async () => {
    const outbox = await connect('a');
    const lease = await take(outbox);
    let heard = 0;
    const listener = new OutboxListener(database.urlFor('outbox-relay'), () => (heard += 1));
    open.push(listener);
    await listener.open();
    expect(heard).toBe(1); // Connecting counts: notifications may have been missed.
    await outbox.listenFor(30);
    await append(writer, [freshId()]);
    await until(() => heard === 2);
    expect(await outbox.nextBatch(lease, 0n, limits)).toHaveLength(1);
    await outbox.listenFor(0);
    await append(writer, [freshId()]);
    await outbox.listenFor(30);
    await database.dataSource.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'outbox-relay listener' and datname = current_database()`,
    );
    await until(() => heard === 3); // Reconnected; the append before it listened sent no notification.
    await append(writer, [freshId()]);
    await until(() => heard === 4);
  });
});
