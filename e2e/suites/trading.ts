import type { OrderSeen } from '@tradecore/local/demo/client.ts';
import { compareUntilAgreed, disagreements, printed, type Line } from '@tradecore/checks';
import { witnessesOf } from '../comparison/witnesses.ts';
import { amendSome, faultsOfEveryKind } from '../trading/faults.ts';
import { Traders } from '../trading/traders.ts';
import { ended, run } from '../world.ts';
import type { Stage } from './stage.ts';

/** The day that `npm run demo` plays. */
export function npmRunDemo(stage: Stage): void {
  it('plays a trading day on the fleet: filled, cancelled, replaced, refused, lost and found, busted, sold; and everything balances', async () => {
    const { runner, output } = run(['demo'], { ...process.env, TRADECORE_HOME: stage.world.home });
    const code = await ended(runner);
    const said = output();
    expect([code, said]).toEqual([0, expect.stringContaining('Everything balances.')]);
    const sightings = [
      ...said.matchAll(/^ *(\d+\.\d) ms {2}(request|event stored|answer|on the topic|row readable|pushed) +(.+)$/gm),
    ];
    expect(Object.fromEntries(sightings.map(([, , what = '', detail]) => [what, detail]))).toEqual({
      request: expect.stringMatching(/^POST \/v1\/orders \{"accountId":.+\}$/),
      'event stored': expect.stringMatching(/^OrderPlaced in event_store, version 1, event [0-9a-f-]{36}$/),
      answer: expect.stringMatching(/^201 Created, Location \/v1\/orders\//),
      'on the topic': expect.stringMatching(/transport\.order-events, partition \d+, offset \d+$/),
      'row readable': expect.stringMatching(/^order_projector\.exported_orders: 100 ACME, \w+, version \d+$/),
      pushed: expect.stringMatching(/^WebSocket \/v1\/stream, change \d+ of the account: (order|reserved)/),
    });
    const times = sightings.map(([, at]) => Number(at));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    for (const line of [
      'cancelled: the brokerage says so',
      'replaced: the brokerage works revision 2',
      'answered with 422 order-denied, rule insufficient-funds',
      'denied (insufficient-funds)',
      'unknown whether the brokerage has it',
      'the brokerage took the trade back',
    ])
      expect(said).toContain(line);
    expect(said).toMatch(/Positions at the end of the day\n +symbol .+\n(?: .+\n)* +ACME +60 /);
  }, 120_000);
}

/** A thousand orders of twenty accounts, including busts and corrections, at a brokerage with every fault. */
export function manyOrders(stage: Stage): void {
  let traders: Traders;
  let left: readonly OrderSeen[];
  let lines: Line[];

  beforeAll(async () => {
    const client = await stage.world.person('traders');
    traders = new Traders({ client, operator: await stage.world.operator() }, { accounts: 20, workers: 6, money: '50000.00' });
    await traders.open();
    stage.owners.push({ client, accounts: traders.accounts });
    const paper = stage.world.paper();
    await faultsOfEveryKind(paper);
    await traders.trade(800);
    // An outage in the middle: orders wait, visibly, and continue when the brokerage is back.
    await paper.fault({ kind: 'away', ms: 6000 });
    await traders.trade(200);
    await stage.world.until('the outage to end', async () =>
      paper.ask('GET', '/v2/clock').then(
        () => true,
        () => false,
      ),
    );
    // While some orders are still open.
    await amendSome(paper, 10);
    await paper.noFaults();
    left = await traders.wrapUp(180_000);
    await amendSome(paper, 10);
    lines = await compareUntilAgreed(
      witnessesOf({ world: stage.world, paper: stage.world.paper(), owners: stage.owners }),
      60_000,
    );
    process.stdout.write(`\n${printed(lines)}\n`);
  }, 480_000);

  it('acknowledges each of them and answers nothing unexpected', () => {
    expect(traders.acknowledged).toHaveLength(1000);
    expect(traders.surprises).toEqual([]);
  });

  it('brings each of them to one terminal state', async () => {
    expect(left).toEqual([]);
    const orders = await traders.orders();
    expect(new Set(orders.map(({ id }) => id))).toEqual(new Set(traders.acknowledged.map(({ id }) => id)));
    const ends = new Set(orders.map(({ status }) => status));
    expect([...ends]).toEqual(expect.arrayContaining(['filled', 'canceled', 'denied']));
  }, 30_000);

  it('leaves store, brokerage, read models and topics in agreement, with the books at zero', () => {
    expect(lines.length).toBeGreaterThan(20);
    expect(disagreements(lines)).toEqual([]);
  });

  it('has met unknown outcomes, and proved each of them', async () => {
    const { rows } = await stage.world.database.query<{ type: string; count: number }>(
      `select event_type as type, count(*)::int from event_store where event_type in ('BrokerOutcomeUnknown', 'BrokerOrderAccepted') group by 1`,
    );
    expect(Object.fromEntries(rows.map(({ type, count }) => [type, count > 0]))).toEqual({
      BrokerOutcomeUnknown: true,
      BrokerOrderAccepted: true,
    });
  });
}
