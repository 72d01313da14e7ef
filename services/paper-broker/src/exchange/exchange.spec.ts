import { Exchange, type OrderRequest, type Update } from './index.ts';

const start = Date.parse('2025-07-01T14:00:00Z');
const buy = (changes: Partial<OrderRequest> = {}): OrderRequest => ({
  clientOrderId: `client-${Math.random()}`,
  symbol: 'ACME',
  side: 'buy',
  type: 'market',
  timeInForce: 'day',
  qty: '10',
  ...changes,
});

/** An exchange with an account `me` of 100,000 where prices stand still and orders fill whole. */
function calm(): { exchange: Exchange; told: () => string[] } {
  const exchange = new Exchange({ seed: 1, walks: false, partialFills: 0 });
  exchange.open('me', '100000', start);
  exchange.tick(start);
  return { exchange, told: () => exchange.takeUpdates().map(({ event }: Update) => event) };
}

describe('an order', () => {
  it('is taken in, then acknowledged, then filled at the last price', () => {
    const { exchange, told } = calm();
    const order = exchange.submit('me', buy(), start);
    expect(order).toMatchObject({ status: 'pending_new', hold: '1040' });
    expect(told()).toEqual([]);
    exchange.work(start);
    expect(told()).toEqual(['new', 'fill']);
    expect(exchange.order('me', order.id)).toMatchObject({ status: 'filled', filledQty: '10', filledValue: '1000', hold: '0' });
    expect(exchange.account('me')).toMatchObject({ cash: '99000', held: '0', power: '99000', longValue: '1000' });
  });
});
