import { setTimeout as pause } from 'node:timers/promises';
import { brokerOrderIdFor } from '@tradecore/events';
import type { Client, Terms } from './client.ts';
import { say } from '../runner/console.ts';
import type { FeedWatch } from './feed-watch.ts';
import { OrderLines } from './order-lines.ts';
import type { Paper } from './paper.ts';

/** The clients and helpers that play the day. */
export interface Day {
  readonly client: Client;
  readonly accountId: string;
  readonly feed: FeedWatch;
  readonly paper: Paper;
}

/**
 * One order of the day: its title, its terms, and the actions while it rests at the brokerage or after it has ended.
 */
interface Scene {
  readonly title: string;
  readonly terms: Terms;
  readonly atTheBrokerage?: (orderId: string) => Promise<unknown>;
  readonly afterwards?: (orderId: string, lines: OrderLines) => Promise<unknown>;
}

/** Places the order, prints what happens to it, and waits for its end. Returns its id. */
async function play({ client, accountId, feed }: Day, { title, terms, atTheBrokerage, afterwards }: Scene): Promise<string> {
  say(`\n${title}`);
  const lines = new OrderLines(feed);
  try {
    const { id, denial } = await client.tryToPlace(accountId, { ...terms, clientOrderId: `demo-${crypto.randomUUID()}` });
    if (denial) say(`${' '.repeat(14)}answered with 422 order-denied, rule ${denial.rule}; the order is stored all the same`);
    lines.belongsTo(id);
    if (atTheBrokerage) {
      await lines.until('its place at the brokerage', () => lines.count('orderAccepted') > 0 || lines.isOver());
      if (!lines.isOver()) await atTheBrokerage(id);
    }
    await lines.until('its end', lines.isOver);
    await afterwards?.(id, lines);
    return id;
  } finally {
    lines.end();
  }
}

/** Terms of a limit day order. */
export const limit = (side: string, quantity: string, symbol: string, limitPrice: string): Terms => ({
  ...{ side, quantity, symbol, limitPrice },
  type: 'limit',
  timeInForce: 'day',
});
const market = (side: string, quantity: string, symbol: string): Terms => ({
  ...{ side, quantity, symbol },
  type: 'market',
  timeInForce: 'day',
});

/**
 * The rest of the day, after the first order: returns its order ids. ACME's prices are set, so that each day is the
 * same.
 */
export async function playDay(day: Day): Promise<string[]> {
  const { client, paper } = day;
  const orders = [
    await play(day, { title: 'A market order: buy 5 MSFT at the current price.', terms: market('buy', '5', 'MSFT') }),
    await play(day, {
      title: 'Cancelled: buy 20 ACME at 95 or better. It rests at the brokerage until we change our mind.',
      terms: limit('buy', '20', 'ACME', '95'),
      atTheBrokerage: (id) => client.cancel(id),
    }),
    await play(day, {
      title: 'Replaced: buy 20 ACME at 96 or better, then at 101: one order, two revisions at the brokerage.',
      terms: limit('buy', '20', 'ACME', '96'),
      atTheBrokerage: (id) => client.replace(id, { limitPrice: '101' }),
    }),
    await play(day, {
      title: 'Refused for lack of money: buy 100,000 ACME at 100.',
      terms: limit('buy', '100000', 'ACME', '100'),
    }),
    await lostAndFound(day),
    await takenBack(day),
  ];
  await paper.price('ACME', '103');
  orders.push(await play(day, { title: 'Sold: ACME is at 103; sell 60.', terms: market('sell', '60', 'ACME') }));
  return orders;
}

/** How long the stream says nothing, then breaks off: longer than the order takes to be found. */
const silentMs = 1000;

async function lostAndFound(day: Day): Promise<string> {
  await day.paper.fault({ kind: 'stream-gap', symbol: 'KO', times: 1, ms: silentMs });
  await day.paper.fault({ kind: 'timeout-after-accept', symbol: 'KO', on: 'submit', times: 1, ms: 1 });
  const id = await play(day, {
    title:
      'Lost and found: buy 30 KO. The brokerage accepts it, but its answer is lost, and the stream is silent. It is looked up, never sent twice.',
    terms: market('buy', '30', 'KO'),
  });
  // What happens while the stream is away is only in the next sweep, up to 30 s later: the next act waits until it is back.
  await pause(silentMs + 500);
  return id;
}

/** The brokerage busts a trade: shares, money and fee are reversed in order and account at once. */
function takenBack(day: Day): Promise<string> {
  return play(day, {
    title: 'Busted: buy 4 AAPL; the brokerage declares the trade erroneous.',
    terms: market('buy', '4', 'AAPL'),
    afterwards: async (id, lines) => {
      await day.paper.bust(brokerOrderIdFor(id, 1));
      await lines.until('its bust', () => lines.count('orderExecutionBusted') > 0 && lines.count('reversed') > 0);
    },
  });
}
