import { foreignOrderIdFor, tradingControlIdFor, WrittenText } from '@tradecore/events';
import { revisionTerms, restingTerms, until, World } from './world.ts';

describe('under faults of the brokerage', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.create();
    await world.start({ BROKER_SWEEP: '1000' });
  }, 60_000);
  afterEach(async () => {
    await world.paper.call('DELETE', '/faults');
    await world.reconnect();
  });
  afterAll(() => world.close(), 30_000);

  const atBroker = async (id: string) => (await world.paper.orders()).filter(({ client_order_id }) => client_order_id === id);

  /** Sends a market order under faults; it must fill, and the brokerage must have it once. */
  const fills = async (...faults: object[]): Promise<string[]> => {
    for (const fault of faults) await world.paper.fault({ symbol: 'ACME', ...fault });
    const id = await world.submit(revisionTerms());
    await world.reaches(id, 'filled');
    expect(await atBroker(id)).toMatchObject([{ status: 'filled' }]);
    const story = await world.story(id);
    expect(story.filter((type) => type === 'ExecutionReported')).toHaveLength(1);
    return story;
  };

  it('an order whose answer was lost is known as soon as the stream reports it', async () => {
    expect(await fills({ kind: 'timeout-after-accept' })).toEqual(['BrokerOrderAccepted', 'ExecutionReported']);
  }, 30_000);

  it('an order that never arrived is sent again under the same id, once the brokerage certainly lacks it', async () => {
    expect(await fills({ kind: 'timeout-before-accept', ms: 5_000 })).toEqual([
      'BrokerOutcomeUnknown',
      'BrokerOrderAccepted',
      'ExecutionReported',
    ]);
  }, 30_000);

  it.each([['500'], ['500-after-accept']])('a %s is not a refusal', (kind) => fills({ kind }, { kind: 'stream-gap' }), 30_000);

  it('a 429 is not an unknown outcome: the call is repeated when the brokerage allows', async () => {
    expect(await fills({ kind: '429', times: 2 })).toEqual(['BrokerOrderAccepted', 'ExecutionReported']);
  }, 30_000);

  it(
    'a fill reported before the answer is known when the answer arrives',
    () => fills({ kind: 'fill-before-ack', ms: 200 }),
    30_000,
  );

  it('a duplicate update counts once', () => fills({ kind: 'duplicate-updates', times: 3 }), 30_000);

  it('updates may arrive out of order', () => fills({ kind: 'out-of-order-updates', times: 3 }), 30_000);

  it('a gap in the stream is found by the sweep', () => fills({ kind: 'stream-gap' }), 30_000);

  it('a slow call does not delay other orders', async () => {
    await world.paper.fault({ kind: 'slow', symbol: 'AAPL', ms: 400 });
    const slow = await world.submit(revisionTerms({ symbol: 'AAPL' }));
    const quick = await world.submit(revisionTerms());
    await world.reaches(quick, 'filled');
    expect((await world.brokerOrder(slow)).progress).toBe('none');
    await world.reaches(slow, 'filled');
  }, 30_000);

  it('a cancel that races a fill ends as the brokerage says, with every execution', async () => {
    await world.paper.fault({ kind: 'partial-then-cancel-race', symbol: 'ACME' });
    const terms = restingTerms();
    const id = await world.submit(terms);
    await world.reaches(id, 'working');
    await world.cancel(terms);
    await world.reaches(id, 'canceled');
    const [order] = await atBroker(id);
    expect((await world.brokerOrder(id)).filledQuantity).toBe(order?.filled_qty);
    expect(Number(order?.filled_qty)).toBeGreaterThan(0);
  }, 30_000);

  it('a fill after the cancel is stored', async () => {
    await world.paper.fault({ kind: 'fill-after-cancel', symbol: 'ACME' });
    const terms = restingTerms();
    const id = await world.submit(terms);
    await world.reaches(id, 'working');
    await world.cancel(terms);
    await until('the late fill is stored', async () => (await world.story(id)).includes('ExecutionReported'));
    expect(await world.story(id)).toContain('BrokerOrderCanceled');
  }, 30_000);

  it('a cancel of an order that has just filled changes nothing', async () => {
    await world.paper.fault({ kind: 'cancel-rejected', symbol: 'ACME' });
    const terms = restingTerms();
    const id = await world.submit(terms);
    await world.reaches(id, 'working');
    await world.cancel(terms);
    await world.reaches(id, 'filled');
    await until('its row is gone', async () => (await world.rows()).every(({ key }) => key !== id));
  }, 30_000);

  it('a cancel of a filled order is answered at once', async () => {
    const terms = revisionTerms();
    const id = await world.submit(terms);
    await world.reaches(id, 'filled');
    await world.cancel(terms);
    await until('it is answered', async () => (await world.story(id)).at(-1) === 'BrokerCancelRejected');
    await until('no step is open', async () => (await world.openSteps()).length === 0);
  });

  it.each([
    ['replace-rejected', 'working'],
    ['fill-before-replace', 'filled'],
  ] as const)(
    'a replace that the brokerage refuses leaves the order on its old terms: %s',
    async (kind, then) => {
      await world.paper.fault({ kind, symbol: 'ACME' });
      const terms = restingTerms();
      const first = await world.submit(terms);
      await world.reaches(first, 'working');
      const second = await world.replace(terms, { quantity: '20' });
      await until('it is refused', async () => (await world.story(second)).includes('BrokerReplaceRejected'));
      await world.reaches(first, then);
    },
    30_000,
  );

  it.each([['timeout-after-accept'], ['500-after-accept'], ['timeout-before-accept']])(
    'a replace under a %s is carried out once',
    async (kind) => {
      const terms = restingTerms();
      const first = await world.submit(terms);
      await world.reaches(first, 'working');
      await world.paper.fault({ kind, symbol: 'ACME', on: 'replace', ms: 3_000 });
      const second = await world.replace(terms, { quantity: '20' });
      await world.reaches(first, 'replaced');
      await world.reaches(second, 'working');
      expect(await atBroker(second)).toMatchObject([{ qty: '20' }]);
    },
    30_000,
  );

  it.each([['timeout-after-accept'], ['500'], ['429']])(
    'a cancel under a %s is carried out',
    async (kind) => {
      const terms = restingTerms();
      const id = await world.submit(terms);
      await world.reaches(id, 'working');
      await world.paper.fault({ kind, symbol: 'ACME', on: 'cancel' });
      await world.cancel(terms);
      await world.reaches(id, 'canceled');
    },
    30_000,
  );

  it('a bust or a correction of an execution is stored', async () => {
    const [busted, corrected] = [await world.submit(revisionTerms()), await world.submit(revisionTerms())];
    await world.reaches(busted, 'filled');
    await world.reaches(corrected, 'filled');
    await world.paper.fault({ kind: 'bust', client_order_id: busted });
    await world.paper.fault({ kind: 'correct', client_order_id: corrected, price: '99' });
    await until('the bust is stored', async () => (await world.story(busted)).includes('ExecutionBusted'));
    await until('the correction is stored', async () => (await world.story(corrected)).includes('ExecutionCorrected'));
    expect((await world.events(corrected)).at(-1)).toMatchObject({ data: { price: '99', quantity: '10' } });
    expect((await world.brokerOrder(busted)).filledQuantity).toBe('0');
  }, 30_000);

  it('an order at the brokerage that is not ours is adopted, once, visibly', async () => {
    const before = await world.metric('tradecore_broker_foreign_orders_total');
    const body = { symbol: 'ACME', qty: '3', side: 'buy', type: 'market', time_in_force: 'day', client_order_id: 'not-ours' };
    expect((await world.paper.call('POST', '/v2/orders', body)).status).toBe(200);
    const adopted = () =>
      world.dataSource.query(
        `select event_data from event_store where event_type = 'ForeignOrderAdopted' and event_data->>'clientOrderId' = 'not-ours'`,
      );
    await until('it is adopted', async () => (await adopted()).length > 0);
    await world.stop();
    await world.start({ BROKER_SWEEP: '1000' });
    const looks = await world.metric('tradecore_broker_sweep_seconds_count');
    await until('a sweep was made', async () => (await world.metric('tradecore_broker_sweep_seconds_count')) > looks);
    expect(await adopted()).toMatchObject([{ event_data: { clientOrderId: 'not-ours', symbol: 'ACME', quantity: '3' } }]);
    expect(await world.metric('tradecore_broker_foreign_orders_total')).toBe(before + 1);
  }, 30_000);

  it('an order is not sent when it is too late or the market is beyond its collar', async () => {
    const late = await world.submit(revisionTerms({ goodUntil: '2020-01-01T00:00:00Z' }));
    const dear = await world.submit(revisionTerms({ collarPrice: '99' }));
    const cheap = await world.submit(revisionTerms({ side: 'sell', collarPrice: '101' }));
    for (const id of [late, dear, cheap]) await world.reaches(id, 'lapsed');
    expect((await world.events(late)).at(-1)).toMatchObject({ data: { reason: 'time-in-force' } });
    expect((await world.events(dear)).at(-1)).toMatchObject({ data: { reason: 'collar', lastPrice: '100' } });
    for (const id of [late, dear, cheap]) expect(await atBroker(id)).toEqual([]);
    const fine = await world.submit(revisionTerms({ collarPrice: '105', goodUntil: '2999-01-01T00:00:00Z' }));
    await world.reaches(fine, 'filled');
  }, 30_000);

  it('an order is not sent while trading is halted', async () => {
    const all = tradingControlIdFor('all');
    const terms = revisionTerms();
    const own = tradingControlIdFor(terms.accountId);
    await world.control(all, (control) => control.halt('all', new WrittenText('a test')));
    const first = await world.submit(revisionTerms());
    await world.reaches(first, 'lapsed');
    await world.control(all, (control) => control.resume('all', new WrittenText('a test')));
    await world.control(own, (control) => control.halt(terms.accountId, new WrittenText('a test')));
    const second = await world.submit(terms);
    await world.reaches(second, 'lapsed');
    for (const id of [first, second]) {
      expect((await world.events(id)).at(-1)).toMatchObject({ data: { reason: 'trading-halted' } });
      expect(await atBroker(id)).toEqual([]);
    }
    await world.reaches(await world.submit(revisionTerms()), 'filled');
  }, 30_000);

  it('an order that was given up but arrives after all is adopted and cancelled', async () => {
    await world.paper.fault({ kind: 'slow', symbol: 'ACME', ms: 4_000 });
    const id = await world.submit(restingTerms({ goodUntil: new Date(Date.now() + 300).toISOString() }));
    await world.reaches(id, 'lapsed');
    await world.reaches(id, 'canceled');
    expect((await world.story(id)).slice(-3)).toEqual(['BrokerOrderLapsed', 'BrokerOrderAccepted', 'BrokerOrderCanceled']);
    expect(await atBroker(id)).toMatchObject([{ status: 'canceled' }]);
  }, 30_000);

  it('an order that another client replaced at the brokerage ends as a revision and names its replacement', async () => {
    const id = await world.submit(restingTerms());
    await world.reaches(id, 'working');
    const [order] = await atBroker(id);
    const { body } = await world.paper.call<{ id: string }>('PATCH', `/v2/orders/${order?.id}`, { qty: '20' });
    await world.reaches(id, 'replaced');
    const [last] = (await world.events(id)).slice(-1);
    expect(last).toMatchObject({
      type: 'BrokerOrderReplaced',
      data: { by: foreignOrderIdFor('paper', body.id), filledQuantity: '0' },
    });
  }, 30_000);
});
