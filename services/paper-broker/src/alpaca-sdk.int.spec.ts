import { Alpaca, errors, type streaming, type trading } from '@alpacahq/alpaca-trade-api';
import { startPaper, until, type Paper } from '../test/paper.ts';

/** Alpaca's published client; only the address differs. */
const clientOf = ({ url }: Paper, secret = 'paper-secret'): Alpaca =>
  new Alpaca({
    keyId: 'paper',
    secret,
    retry: false,
    // Otherwise its request timer lives for 30 s after an answer without a body.
    timeoutMs: 0,
    fetchApi: (input, init) => fetch(String(input).replace(/^https:\/\/(paper-api|data)\.alpaca\.markets/, url), init),
  });

describe("Alpaca's own SDK, unchanged,", () => {
  let paper: Paper;
  let alpaca: Alpaca;
  let stream: streaming.TradingStream;
  const told: streaming.TradeUpdate[] = [];
  const eventsOf = (id: string | undefined) => told.filter(({ order }) => order.id === id).map(({ event }) => event);

  beforeAll(async () => {
    paper = await startPaper();
    alpaca = clientOf(paper);
    stream = alpaca.trading.stream({ url: `${paper.url.replace('http', 'ws')}/stream` });
    stream.onTradeUpdate((update) => told.push(update));
    const isSubscribed = new Promise<void>((resolve) => stream.on('subscription', () => resolve()));
    stream.connect();
    stream.subscribeTradeUpdates();
    await isSubscribed;
  });

  afterAll(async () => {
    stream.disconnect();
    await paper.stop();
  });

  it('reads account, clock, calendar, assets and last prices', async () => {
    const { trading, marketData } = alpaca;
    expect(await trading.account.getAccount()).toMatchObject({ status: 'ACTIVE', currency: 'USD', buyingPower: '10000000000' });
    const { isOpen, nextClose, timestamp } = await trading.clock.legacyClock();
    expect(isOpen).toBe(true);
    expect(nextClose.getTime()).toBeGreaterThan(timestamp.getTime());
    const days = await trading.calendar.legacyCalendar({ start: new Date('2025-07-01'), end: new Date('2025-07-03') });
    expect(days).toHaveLength(3);
    expect(days[0]).toMatchObject({ open: '00:00', close: '23:59', settlementDate: new Date('2025-07-02') });
    const assets = await trading.assets.getV2Assets();
    expect(assets.find(({ symbol }) => symbol === 'HALT')).toMatchObject({ tradable: false });
    expect(await trading.assets.getV2AssetsSymbolOrAssetId({ symbolOrAssetId: 'ACME' })).toMatchObject({
      fractionable: false,
    });
    const { trades } = await marketData.stocks.stockLatestTrades({ symbols: 'ACME,AAPL' });
    expect(trades['ACME']).toMatchObject({ p: 100 });
  });

  it('places a market order and receives its fill', async () => {
    const placed = await alpaca.trading.orders.market({ symbol: 'ACME', qty: 5, side: 'buy', clientOrderId: 'sdk-market' });
    expect(placed).toMatchObject({ status: 'pending_new', clientOrderId: 'sdk-market', qty: '5', filledQty: '0' });
    await until('the fill', () => eventsOf(placed.id).includes('fill'));
    expect(eventsOf(placed.id)).toEqual(['new', 'fill']);
    const fill = told.find(({ event, order }) => event === 'fill' && order.id === placed.id);
    expect(fill).toMatchObject({ price: '100', qty: '5', positionQty: '5', executionId: expect.any(String) });
    const [activity] = await alpaca.trading.accountActivities.getAccountActivities({ activityTypes: ['FILL'] });
    expect(activity).toMatchObject({ orderId: placed.id, qty: '5', cumQty: '5', leavesQty: '0', type: 'fill' });
    expect((activity as trading.TradingActivities).id).toMatch(new RegExp(`^\\d{17}::${fill?.executionId}$`));
    expect(await alpaca.trading.positions.getOpenPosition({ symbolOrAssetId: 'ACME' })).toMatchObject({ qty: '5', side: 'long' });
  });

  it('replaces an order, then cancels the replacement, and receives both updates', async () => {
    const { orders } = alpaca.trading;
    const placed = await orders.limit({ symbol: 'ACME', qty: 5, side: 'buy', limitPrice: 90 });
    await until('new', () => eventsOf(placed.id).includes('new'));
    const replacement = await orders.patchOrderByOrderId({
      orderId: placed.id as string,
      patchOrderRequest: { qty: '7', limitPrice: '91', clientOrderId: 'sdk-revision-2' },
    });
    expect(replacement).toMatchObject({ replaces: placed.id, qty: '7', limitPrice: '91', clientOrderId: 'sdk-revision-2' });
    await until('the replacement', () => eventsOf(replacement.id).includes('new'));
    expect(eventsOf(placed.id)).toEqual(['new', 'pending_replace', 'replaced']);
    expect(await orders.getOrderByOrderID({ orderId: placed.id as string })).toMatchObject({
      status: 'replaced',
      replacedBy: replacement.id,
    });
    await orders.deleteOrderByOrderID({ orderId: replacement.id as string });
    await until('canceled', () => eventsOf(replacement.id).includes('canceled'));
    expect(eventsOf(replacement.id)).toEqual(['new', 'pending_cancel', 'canceled']);
    expect(await orders.getOrderByClientOrderId({ clientOrderId: 'sdk-revision-2' })).toMatchObject({ status: 'canceled' });
  });

  it('lists, cancels all (207) and closes all positions', async () => {
    const { orders, positions } = alpaca.trading;
    const placed = [
      await orders.stop({ symbol: 'MSFT', qty: 1, side: 'buy', stopPrice: 600 }),
      await orders.stopLimit({ symbol: 'MSFT', qty: 1, side: 'buy', stopPrice: 600, limitPrice: 610 }),
    ];
    const ids = placed.map(({ id }) => id);
    const open = await orders.getAllOrders({ status: 'open', symbols: ['MSFT'], direction: 'asc' });
    expect(open.map(({ id }) => id)).toEqual(ids);
    const results = await orders.deleteAllOrders();
    expect(results.map(({ id, status }) => ({ id, status }))).toEqual(ids.map((id) => ({ id, status: 200 })));
    await until('all canceled', () => ids.every((id) => eventsOf(id).includes('canceled')));
    const closed = await positions.deleteAllOpenPositions({ cancelOrders: true });
    expect(closed).toMatchObject([{ symbol: 'ACME', status: 200, body: { side: 'sell', qty: '5' } }]);
    await until('no positions', async () => (await positions.getAllOpenPositions()).length === 0);
  });

  it('submits and waits for the end with its own workflow helper', async () => {
    const end = await alpaca.trading.submitAndWait(
      { symbol: 'AAPL', qty: 1, side: 'buy', type: 'market', timeInForce: 'day' },
      { stream, timeoutMs: 10_000 },
    );
    expect(end).toMatchObject({ status: 'filled', filledAvgPrice: '205.17' });
  });

  it('throws its own error classes for refusals', async () => {
    const { orders } = alpaca.trading;
    const again = orders.market({ symbol: 'ACME', qty: 1, side: 'buy', clientOrderId: 'sdk-market' });
    await expect(again).rejects.toThrow(errors.ValidationError);
    await expect(again).rejects.toMatchObject({
      status: 422,
      code: 40010001,
      message: expect.stringContaining('must be unique'),
    });
    await expect(orders.market({ symbol: 'KO', qty: 1, side: 'sell' })).rejects.toThrow(errors.PermissionError);
    await expect(orders.getOrderByOrderID({ orderId: 'nobody' })).rejects.toThrow(errors.NotFoundError);
    await paper.call('POST', '/faults', { kind: '429', on: 'read' });
    await expect(orders.getAllOrders({})).rejects.toMatchObject({ name: 'RateLimitError', retryAfterMs: 1000 });
    expect(await clientOf(paper, 'wrong').trading.validateConnection()).toMatchObject({ ok: false, status: 401 });
  });
});
