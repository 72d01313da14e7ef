import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { openFleet, program } from '@tradecore/operate/program';
import { findingsWhenCompared } from '../comparison/findings.ts';
import type { Stage } from './stage.ts';

const bin = fileURLToPath(new URL('../../services/operate/bin/tradecore.mjs', import.meta.url));

/** The operator's command on a fleet that has traded. */
export function operate(stage: Stage): void {
  const tradecore = async (...args: string[]): Promise<{ code: number; said: string }> => {
    const said: string[] = [];
    const open = () => openFleet({ TRADECORE_HOME: stage.world.home });
    return { code: await program(args, { say: (text) => said.push(text), open }), said: said.join('\n') };
  };
  const change = (sql: string, ...parameters: string[]) => stage.world.database.query(sql, parameters);

  it('verifies that store, topics and read models agree, and that nothing was tampered with', () => {
    const env = { PATH: process.env['PATH'], TRADECORE_HOME: stage.world.home };
    const args = [bin, 'verify', '--tamper'];
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', env, timeout: 120_000 });
    expect([status, stdout]).toEqual([0, expect.stringContaining('Every hash chain holds.')]);
  }, 120_000);

  it('lists no findings where none is, however much went wrong at the brokerage', async () => {
    expect(await findingsWhenCompared(stage.world)).toEqual([]);
    expect(await tradecore('findings', 'list')).toEqual({ code: 0, said: 'the reconciler finds nothing wrong' });
  }, 120_000);

  it('lists who reads what, who relays, and what is wrong', async () => {
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

  it('refuses what it does not know, and says when a server is away', async () => {
    const unknown = expect.stringContaining("unknown option '--all'") as string;
    expect(await tradecore('verify', '--all')).toMatchObject({ code: 64, said: unknown });
    const said: string[] = [];
    const open = () => openFleet({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/x', KAFKA_BROKERS: '127.0.0.1:1' });
    expect(await program(['doctor'], { say: (text) => said.push(text), open })).toBe(69);
    expect(said.join()).toContain('Is the fleet up');
  }, 60_000);
}
