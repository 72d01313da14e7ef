import { decimal } from '@tradecore/money';
import {
  averageCost,
  costOf,
  feeOf,
  noPosition,
  notionalOf,
  positionAfter,
  reservedFor,
  unrealised,
  type PositionFill,
} from './index.ts';

const fill = (side: PositionFill['side'], quantity: string, price: string): PositionFill => {
  const notional = notionalOf(decimal(quantity), decimal(price));
  return { side, quantity, notional, fee: feeOf(notional) };
};
const after = (...fills: PositionFill[]) => fills.reduce(positionAfter, noPosition);

describe('a position', () => {
  it('bought in two parts has the average of both, fees included', () => {
    const position = after(fill('buy', '100', '10'), fill('buy', '50', '13'));
    expect(position).toEqual({ quantity: '150', costBasis: '1650.82', realised: '0' }); // 1,000.50 + 650.32
    expect(averageCost(position)).toBe('11.005466667');
  });

  it('sold in part realises against the average cost and keeps that average', () => {
    const position = after(fill('buy', '100', '10'), fill('sell', '40', '12'));
    expect(position).toEqual({ quantity: '60', costBasis: '600.3', realised: '79.56' }); // 480 - 0.24 - 400.20
    expect(averageCost(position)).toBe('10.005');
    expect(unrealised(position, '12')).toBe('119.7');
  });

  it('sold out keeps no cost, whatever its average rounded to', () => {
    const position = after(fill('buy', '3', '10'), fill('sell', '1', '10'), fill('sell', '1', '10'), fill('sell', '1', '10'));
    expect(position).toEqual({ quantity: '0', costBasis: '0', realised: '-0.01' });
    expect(averageCost(position)).toBeUndefined();
  });

  it('sold beyond what is held goes short at what that brought, and is covered against it', () => {
    const short = after(fill('buy', '10', '100'), fill('sell', '15', '110'));
    // 15 at 110 bring 1,650 less 0.82: 1,099.453333333 for the 10 that were held (cost 1,000.50), the rest is owed.
    expect(short).toEqual({ quantity: '-5', costBasis: '-549.726666667', realised: '98.953333333' });
    const covered = positionAfter(short, fill('buy', '5', '100'));
    expect(covered).toEqual({ quantity: '0', costBasis: '0', realised: '148.43' }); // all money in less all money out
  });
});

describe('the schedule of fees', () => {
  it.each([
    ['100', '101.5', '10150', '5.07'],
    ['1', '19.99', '19.99', '0'],
    ['1', '20', '20', '0.01'],
    ['0.000000001', '0.5', '0', '0'],
  ])('%s at %s: notional %s, fee %s', (quantity, price, notional, fee) => {
    expect(notionalOf(decimal(quantity), decimal(price))).toBe(notional);
    expect(feeOf(decimal(notional))).toBe(fee);
  });

  it.each([
    ['10', '101.5', '1015.51', '1015.5'],
    ['1', '19.99', '20', '19.99'],
    ['0', '101.5', '0', '0'],
    ['0.000000001', '0.5', '0.010000001', '0'],
  ])('for %s at %s holds %s, which cost %s in one fill', (quantity, price, held, cost) => {
    expect(reservedFor(decimal(quantity), decimal(price))).toBe(held);
    expect(costOf(decimal(quantity), decimal(price))).toBe(cost);
  });
});
