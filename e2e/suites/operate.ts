import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { topics } from '@tradecore/events';
import { openFleet, program } from '@tradecore/operate/program';
import { findingsWhenCompared } from '../comparison/findings.ts';
import { tradecore as onFleet } from '../tradecore.ts';
import { otherLines, runbookCommands, wordsOf } from './runbooks.ts';
import type { Stage } from './stage.ts';

const bin = fileURLToPath(new URL('../../services/operate/bin/tradecore.mjs', import.meta.url));

/** The operator's command on a fleet that has traded. */
export function operate(stage: Stage): void {
  const tradecore = (...args: string[]) => onFleet(stage.world, ...args);
  const change = (sql: string, ...parameters: string[]) => stage.world.database.query(sql, parameters);

  it('verifies that store, topics and read models agree, and that nothing was tampered with', () => {
    const env = { PATH: process.env['PATH'], TRADECORE_HOME: stage.world.home };
    const args = [bin, 'verify', '--tamper'];
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', env, timeout: 120_000 });
    expect([status, stdout]).toEqual([0, expect.stringContaining('Every hash chain holds.')]);
  }, 120_000);

  it('lists no findings if there are none, however much went wrong at the brokerage', async () => {
    expect(await findingsWhenCompared(stage.world)).toEqual([]);
    expect(await tradecore('findings', 'list')).toEqual({ code: 0, said: 'the reconciler finds nothing wrong' });
  }, 120_000);

  it('lists consumers, the relay, and current problems', async () => {
    expect((await tradecore('projections', 'list')).said).toMatch(/^order-projector +running +0 /m);
    expect((await tradecore('consumers', 'list')).said).toMatch(/^broker-gateway +running +0 /m);
    expect(await tradecore('relay', 'status')).toMatchObject({ code: 0, said: expect.stringContaining('relaying') as string });
    expect(await tradecore('parked', 'list')).toEqual({ code: 0, said: 'nothing is parked' });
    expect(await tradecore('orders', 'stuck')).toEqual({ code: 0, said: 'no saga is stuck' });
  }, 60_000);

  it('names the order whose row in a read model was changed', async () => {
    const [id = ''] = (
      await stage.world.database.query<{ id: string }>(
        `select order_id::text as id from order_projector.orders where status = 'filled' limit 1`,
      )
    ).rows.map((row) => row.id);
    const events = (await tradecore('orders', 'show', id)).said;
    expect(events).toMatch(/OrderPlaced[^]+FillSettled|OrderPlaced[^]+OrderExecuted/);
    await change(`update order_projector.orders set status = 'canceled' where order_id = $1`, id);
    const { code, said } = await tradecore('verify', '--patience', '1');
    const wrong = /models +row +order-projector (\S+) +.*status is "canceled", must be "filled"/;
    const named = async () => wrong.exec((await tradecore('findings', 'list')).said)?.[1] === id;
    await stage.world.until('the reconciler to name it', named, 60_000);
    await change(`update order_projector.orders set status = 'filled' where order_id = $1`, id);
    expect([code, said]).toEqual([1, expect.stringContaining(`${id} canceled`)]);
    await stage.world.until('the finding to be over', async () => !(await named()), 60_000);
  }, 120_000);

  it('names the aggregate of an event that was changed after it was stored', async () => {
    const { rows } = await stage.world.database.query<{ id: string }>(
      `select aggregate_id::text as id from event_store where event_type = 'FundsDeposited' limit 1`,
    );
    const id = rows[0]?.id ?? '';
    const tamper = (by: string) =>
      change(
        `update event_store set event_data = event_data || jsonb_build_object('amount', ((event_data->>'amount')::numeric + $2::numeric)::text)
          where aggregate_id = $1 and event_type = 'FundsDeposited' and aggregate_version = 2`,
        id,
        by,
      );
    await change('alter table event_store disable trigger event_store_append_only');
    await tamper('1');
    const { code, said } = await tradecore('verify', '--tamper', '--patience', '1');
    await tamper('-1');
    await change('alter table event_store enable trigger event_store_append_only');
    expect([code, said]).toEqual([1, expect.stringContaining(`chain of ${id}: changed at version 2`)]);
  }, 120_000);

  /** Puts a record aside as order-projector does, whose original says it is this event. */
  const letter = async (eventId: string, offset: number): Promise<string> => {
    const fleet = await openFleet({ TRADECORE_HOME: stage.world.home });
    const topic = topics.orderEvents.name;
    const headers = { ce_id: Buffer.from(eventId) };
    const original = {
      topic,
      partition: 0,
      offset: BigInt(offset),
      timestamp: Date.now(),
      key: null,
      value: Buffer.from('{'),
      headers,
    };
    await fleet.kafka.deadLetter(original, { group: 'order-projector', reason: 'undecodable', attempts: 1 });
    await fleet.close();
    return `order-projector/${topic}/0/${offset}`;
  };
  /** The rows of one statement, as the owner. */
  const rowsOf = async (sql: string, ...parameters: string[]) =>
    (await stage.world.database.query<Record<string, string>>(sql, parameters)).rows;

  it('lets a projector hear an event from the store that it could not read on the topic', async () => {
    const [{ id = '', event = '' } = {}] = await rowsOf(
      `select o.order_id::text as id, e.event_id::text as event from order_projector.orders o
         join event_store e on e.aggregate_id = o.order_id and e.aggregate_version = 1 where o.status = 'filled' limit 1`,
    );
    const shown = () => rowsOf('select * from order_projector.orders where order_id = $1', id);
    const before = await shown();
    await change('delete from order_projector.checkpoints where aggregate_id = $1', id);
    await change('delete from order_projector.orders where order_id = $1', id);
    const key = await letter(event, 1_000_001);
    const { code } = await tradecore('dead-letters', 'redrive', key, '--why', 'cut off on its way', `--yes=${key}`);
    expect(code).toBe(0);
    await stage.world.until('the order to be shown again', async () => (await shown()).length === 1);
    expect(await shown()).toEqual(before);
  }, 60_000);

  it('rebuilds a read model, and says when it is done', async () => {
    await change(`update order_projector.orders set symbol = 'WRONG'`);
    const { code, said } = await tradecore(
      'projections',
      'rebuild',
      'order-projector',
      '--why',
      'rows were changed',
      '--yes=order-projector',
    );
    expect([code, said]).toEqual([0, expect.stringMatching(/^order-projector +built/m)]);
    expect(await rowsOf(`select from order_projector.orders where symbol = 'WRONG'`)).toEqual([]);
  }, 60_000);

  it('denies new orders and takes them again, through the door, in the name of the operator', async () => {
    expect((await tradecore('kill-switch', 'on', '--why', 'exercise', '--yes=all')).code).toBe(0);
    const shown = await tradecore('kill-switch', 'show');
    expect([shown.code, shown.said]).toEqual([1, expect.stringMatching(/^all +halted .*local\|operator +exercise$/m)]);
    expect((await tradecore('kill-switch', 'off', '--why', 'exercise over', '--yes=all')).code).toBe(0);
    const refused = await tradecore('kill-switch', 'on', '--token', 'none', '--why', 'x', '--yes=all');
    expect(refused).toEqual({ code: 1, said: expect.stringContaining('the door answers 401') as string });
  }, 60_000);

  it('shows the fleet on one screen', async () => {
    const { code, said } = await tradecore('status');
    expect(code).toBe(0);
    for (const line of [
      /^relay +relaying/m,
      /^service command-api +ready/m,
      /^consumer order-saga +running +not behind/m,
      /^group notifier/m,
    ])
      expect(said).toMatch(line);
  }, 60_000);

  it('knows every command of every runbook, and each of its options', async () => {
    const [{ id: order = '' } = {}] = await rowsOf(`select order_id::text as id from order_projector.orders limit 1`);
    const key = await letter(order, 1_000_002);
    const ids = { ORDER: order, AGGREGATE: order, SAGA: order, BROKER_ORDER: order, ID: order, LETTER: key };
    const names: Record<string, string> = { ...ids, NAME: 'order-saga', TIME: '2026-11-23T09:00:00Z', TEXT: 'x' };
    const filled = (word: string) => word.replace(/[A-Z_]+$/, (name) => names[name] ?? name);
    const faults: string[] = [];
    // These run for long: the first above, the others in tests of their own.
    const quick = runbookCommands().filter(({ line }) => !/^tradecore (verify|backup|restore)/.test(line));
    for (const { page, line, inText } of quick) {
      const words = wordsOf(line).slice(1).map(filled);
      const dry = await tradecore(...words, '--dry-run');
      const { code, said } = dry.said.includes("unknown option '--dry-run'") ? await tradecore(...words) : dry;
      const isNamed = inText && code === 64 && !said.startsWith('error: ');
      if (![0, 1, 2].includes(code) && !isNamed) faults.push(`${page}: ${line}: ${said}`);
    }
    expect(runbookCommands().length).toBeGreaterThan(25);
    expect(faults).toEqual([]);
    expect(otherLines()).toEqual([]);
  }, 120_000);

  it('refuses what it does not know, and says when a server is away', async () => {
    const unknown = expect.stringContaining("unknown option '--all'") as string;
    expect(await tradecore('verify', '--all')).toMatchObject({ code: 64, said: unknown });
    const said: string[] = [];
    const open = () => openFleet({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/x', KAFKA_BROKERS: '127.0.0.1:1' });
    expect(await program(['doctor'], { say: (text) => said.push(text), open })).toBe(69);
    expect(said.join()).toContain('Is the fleet up');
  }, 60_000);
}
