import { createKafkaClient } from '@tradecore/messaging';
import pg from 'pg';
import type { Client, PositionSeen } from './client.ts';
import { Refusal, say, table } from '../runner/console.ts';
import { demoMoney, demoOwner, localOperator, topUpDemoAccount } from './account.ts';
import { checkBooks, type Balance, type Books } from './books.ts';
import { limit, playDay } from './day.ts';
import { FeedWatch } from './feed-watch.ts';
import { watchFirstOrder, type Places } from './first-order.ts';
import { readFleetFile } from '../runner/fleet-file.ts';
import { home } from '../runner/home.ts';
import { demoAccount, LocalIssuer } from '../runner/issuer.ts';
import { OrderLines } from './order-lines.ts';
import { paperKeys } from '../runner/outside.ts';
import { Paper } from './paper.ts';

/**
 * Plays a short trading day on the running fleet and shows it live. Returns 1 if the books do not balance at its end.
 */
export async function demo(): Promise<number> {
  const stage = await openStage();
  try {
    say(`A short trading day of account ${demoAccount} through ${stage.client.address}, at the paper broker`);
    await stage.paper.price('ACME', '100');
    await topUpDemoAccount(stage.client, stage.operator);
    say(`It begins with ${demoMoney} USD.`);
    const first = await firstOrder(stage);
    const others = await playDay(stage);
    return await closeTheDay(stage, [first, ...others]);
  } finally {
    await stage.close();
  }
}

type Stage = Places & Books & { readonly operator: Client; readonly close: () => Promise<void> };

async function openStage(): Promise<Stage> {
  const { address, namespace, KAFKA_BROKERS, DATABASE_URL, services } = readFleetFile(home);
  const port = services.find(({ service }) => service === 'paper-broker')?.port;
  if (port === undefined) throw new Refusal('The demo plays at the paper broker, and this fleet trades elsewhere (BROKER_URL).');
  const issuer = await LocalIssuer.open(home);
  const client = await demoOwner(address, issuer);
  const operator = await localOperator(address, issuer);
  const database = new pg.Client({ connectionString: DATABASE_URL });
  await database.connect();
  const kafka = createKafkaClient({ brokers: KAFKA_BROKERS.split(','), clientId: 'demo', namespace });
  const feed = await FeedWatch.open(address, client.authorization, demoAccount);
  const paper = new Paper(`http://127.0.0.1:${port}`, paperKeys(home));
  const close = async (): Promise<void> => {
    feed.close();
    await Promise.all([kafka.close(), database.end()]);
  };
  return { client, operator, accountId: demoAccount, database, kafka, feed, paper, close };
}

/** The first order, watched from request to row and push, then followed to its end. */
async function firstOrder(stage: Stage): Promise<string> {
  say('\nA limit order on its way: buy 100 ACME at 101 or better. ACME is at 100.');
  const lines = new OrderLines(stage.feed);
  try {
    const { orderId, sightings } = await watchFirstOrder(stage, limit('buy', '100', 'ACME', '101'));
    for (const { at, what, detail } of sightings) say(`${at.toFixed(1).padStart(9)} ms  ${what.padEnd(14)} ${detail}`);
    say();
    lines.belongsTo(orderId);
    await lines.until('its end', lines.isOver);
    return orderId;
  } finally {
    lines.end();
  }
}

async function closeTheDay(stage: Stage, orders: readonly string[]): Promise<number> {
  const balances = await onceBalanced(() => checkBooks(stage, orders));
  const { cash, reserved, buyingPower } = await stage.client.account(demoAccount);
  say('\nPositions at the end of the day');
  say(table([positionTitles, ...(await stage.client.positions(demoAccount)).map(positionRow)]));
  say(`\nCash ${cash}, reserved ${reserved}, buying power ${buyingPower}`);
  say('\nThe books');
  const mark = ({ found, expected }: Balance): string => (found === expected ? '✓' : '✗');
  say(table([['', 'what', 'found', 'expected'], ...balances.map((each) => [mark(each), each.what, each.found, each.expected])]));
  const isBalanced = balances.every(({ found, expected }) => found === expected);
  say(isBalanced ? '\nEverything balances.' : '\nThe books do NOT balance.');
  return isBalanced ? 0 : 1;
}

/** Read models are milliseconds behind: checks again for five seconds before it reports wrong books. */
async function onceBalanced(check: () => Promise<Balance[]>): Promise<Balance[]> {
  const deadline = performance.now() + 5000;
  for (;;) {
    const balances = await check();
    if (balances.every(({ found, expected }) => found === expected) || performance.now() > deadline) return balances;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const positionTitles = ['symbol', 'quantity', 'average cost', 'realised', 'unrealised'];

const positionRow = ({ symbol, quantity, averageCost, realised, unrealised }: PositionSeen): string[] => [
  symbol,
  quantity,
  averageCost ?? '-',
  realised ?? '-',
  unrealised ?? '-',
];
