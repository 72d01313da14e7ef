import { setTimeout as pause } from 'node:timers/promises';
import { StreamClient } from '../trading/stream-client.ts';
import { until } from './cluster.ts';
import type { SidePod } from './side-pod.ts';
import type { SteadyOrders } from './steady-orders.ts';

/** Something is not as promised: what, a line each. */
export class NotAsPromised extends Error {
  override readonly name = 'NotAsPromised';
  constructor(findings: readonly string[]) {
    super(findings.join('\n'));
  }
}

/** Throws unless there are none. */
export function expectNone(findings: readonly string[]): void {
  if (findings.length > 0) throw new NotAsPromised(findings);
}

/**
 * Stops the orders, waits until the fleet has done its work, and holds what clients were told against the store, the store against topics and read
 * models (`tradecore verify`), the fleet against the brokerage (`tradecore findings`). Returns the figures; throws `NotAsPromised`.
 */
export async function agreed(side: SidePod, orders: SteadyOrders): Promise<string> {
  await orders.stop();
  await quiet(side, orders);
  const placed = new Set(await column(side, `select aggregate_id::text as it from event_store where event_type = 'OrderPlaced'`));
  const lost = [...orders.acknowledged].filter((id) => !placed.has(id));
  const verified = await side.tradecore('verify', '--tamper', '--patience', '60');
  expectNone([
    ...orders.surprises,
    ...lost.map((id) => `acknowledged and not in the store: order ${id}`),
    ...(verified.code === 0 ? [] : [`tradecore verify ended with ${verified.code}:\n${verified.out}${verified.err}`]),
    ...(orders.acknowledged.size === 0 ? ['nobody placed an order'] : []),
  ]);
  await nothingFound(side);
  return `${orders.said}; p99 ${orders.p99} ms; 0 of ${orders.acknowledged.size} lost`;
}

/** Until every order has ended (those that rest are cancelled), nothing waits in the outbox and nothing is stored for three seconds. */
async function quiet(side: SidePod, orders: SteadyOrders): Promise<void> {
  const busy = `select coalesce(max(position), 0)::text || (select count(*) from event_outbox) as it from event_store`;
  const ofStatus = (condition: string): string =>
    `select order_id::text as it from order_projector.exported_orders where status ${condition}`;
  const open = ofStatus(`not in ('filled', 'canceled', 'denied', 'rejected', 'expired')`);
  const resting = ofStatus(`in ('new', 'partiallyFilled') and updated_at < now() - interval '5 seconds'`);
  let before: string | undefined;
  await until('the fleet to have done its work', 600_000, async () => {
    const [stored] = await column(side, busy);
    const isQuiet = stored === before && (await column(side, open)).length === 0;
    before = stored;
    if (!isQuiet) await pause(3000);
    if (!isQuiet) await orders.cancel(await column(side, resting));
    return isQuiet;
  });
}

/** The reconciler has nothing to say, or has taken it back within two minutes. */
async function nothingFound(side: SidePod): Promise<void> {
  let said = '';
  const isNone = async (): Promise<boolean> => {
    const { code, out, err } = await side.tradecore('findings', 'list');
    said = `${out}${err}`;
    return code === 0;
  };
  await until('the reconciler to find nothing wrong', 120_000, isNone).catch(() =>
    expectNone([`tradecore findings list:\n${said}`]),
  );
}

async function column(side: SidePod, sql: string): Promise<string[]> {
  return (await side.database.query<{ it: string }>(sql)).rows.map(({ it }) => it);
}

/** Follows the stream of an account through the gateway, as a browser would. */
export async function followed(side: SidePod, orders: SteadyOrders): Promise<StreamClient> {
  const stream = new StreamClient(side.address, orders.accounts[0] ?? '', orders.client.authorization);
  await stream.subscribed;
  return stream;
}

/** What the stream showed against the feed: each entry once, in order, none missing. Closes it. */
export async function seenOnce(side: SidePod, stream: StreamClient, account: string): Promise<string> {
  const first = stream.entries[0]?.sequence ?? 0;
  const sql =
    'select sequence::int as it from feed_projector.exported_feed_entries where account_id = $1 and sequence >= $2 order by 1';
  const { rows } = await side.database.query<{ it: number }>(sql, [account, first]);
  const isComplete = async (): Promise<boolean> => stream.entries.length >= rows.length;
  await until(`${rows.length} entries of the stream`, 60_000, isComplete).catch(() => undefined);
  stream.close();
  const shown = stream.entries.map(({ sequence }) => Number(sequence));
  const expected = rows.map(({ it }) => it);
  expectNone([
    ...stream.resyncs.map((each) => `the stream was told to begin anew: ${each}`),
    ...(shown.join() === expected.join() ? [] : [`the stream showed ${describe(shown)}, the feed holds ${describe(expected)}`]),
    ...(shown.length === 0 ? ['the stream showed nothing'] : []),
  ]);
  return `${shown.length} entries on the stream, none missing`;
}

/** `1..9 without 4, 5 again`: */
function describe(sequence: readonly number[]): string {
  const seen = new Set(sequence);
  const [from = 0, to = -1] = [sequence[0], sequence.at(-1)];
  const missing = Array.from({ length: Math.max(0, to - from + 1) }, (_, n) => from + n).filter((each) => !seen.has(each));
  const more = sequence.length - seen.size;
  return `${from} to ${to}${missing.length > 0 ? ` without ${missing.slice(0, 10).join(', ')}` : ''}${more > 0 ? `, ${more} again` : ''}`;
}
