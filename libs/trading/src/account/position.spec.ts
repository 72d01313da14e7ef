import fc from 'fast-check';
import {
  add,
  compare,
  decimal,
  divide,
  isNegative,
  isPositive,
  multiply,
  negate,
  subtract,
  zero,
  type Decimal,
} from '@tradecore/money';
import {
  averageCost,
  costOf,
  feeOf,
  noPosition,
  notionalOf,
  positionAfter,
  positionWithout,
  reservedFor,
  unrealised,
  type Position,
} from '../index.ts';
import { type PositionFill } from './position.ts';

const fill = (side: PositionFill['side'], quantity: string, price: string): PositionFill => {
  const notional = notionalOf(decimal(quantity), decimal(price));
  return { side, quantity, notional, fee: feeOf(notional) };
};
const after = (...fills: PositionFill[]) => fills.reduce(positionAfter, noPosition);

describe('a position', () => {
  it('bought in two parts has the average cost of both, fees included', () => {
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

  it('sold out keeps no cost, however its average was rounded', () => {
    const position = after(fill('buy', '3', '10'), fill('sell', '1', '10'), fill('sell', '1', '10'), fill('sell', '1', '10'));
    expect(position).toEqual({ quantity: '0', costBasis: '0', realised: '-0.01' });
    expect(averageCost(position)).toBeUndefined();
  });

  it('oversold goes short at its proceeds, and is covered against them', () => {
    const short = after(fill('buy', '10', '100'), fill('sell', '15', '110'));
    // 15 at 110 bring 1,650 less 0.82: 1,099.453333333 for the 10 that were held (cost 1,000.50), the rest is the short
    // position.
    expect(short).toEqual({ quantity: '-5', costBasis: '-549.726666667', realised: '98.953333333' });
    const covered = positionAfter(short, fill('buy', '5', '100'));
    expect(covered).toEqual({ quantity: '0', costBasis: '0', realised: '148.43' }); // money in less money out
  });
});

describe('a position after an execution is taken back', () => {
  const first = fill('buy', '100', '10');
  const second = fill('buy', '50', '13');
  const sold = fill('sell', '40', '12');

  it('is unchanged if no trade came in between', () => {
    expect(positionWithout(after(first), first)).toEqual(noPosition);
    expect(positionWithout(after(first, second), second)).toEqual(after(first));
    expect(positionWithout(after(first, sold), sold)).toEqual(after(first));
  });

  it('loses the cost of the trade, whatever the average cost', () =>
    expect(positionWithout(after(first, second), first)).toEqual(after(second)));

  it('keeps no cost at zero shares: the remaining cost is realised with the shares sold', () => {
    const rest = fill('buy', '110', '10');
    const position = positionWithout(after(rest, fill('buy', '40', '13'), fill('sell', '40', '12')), rest);
    expect(position).toEqual({ quantity: '0', costBasis: '0', realised: '-40.5' }); // 479.76 from the sale, 520.26 for what was sold
  });

  it('regains its shares at their proceeds if it was sold out', () => {
    const all = fill('sell', '100', '12');
    expect(after(first, all)).toMatchObject({ quantity: '0', realised: '198.9' }); // 1,200 - 0.60 - 1,000.50
    expect(positionWithout(after(first, all), all)).toEqual({ quantity: '100', costBasis: '1199.4', realised: '198.9' });
  });

  it('is short at the cost of its shares if they are gone', () => {
    const position = positionWithout(after(first, fill('sell', '100', '12')), first);
    expect(position).toEqual({ quantity: '-100', costBasis: '-1000.5', realised: '198.9' });
  });
});

describe('whatever trades and is taken back', () => {
  const trade: fc.Arbitrary<PositionFill> = fc
    .tuple(fc.constantFrom('buy' as const, 'sell' as const), fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 9_999 }))
    .map(([side, quantity, price]) => fill(side, String(quantity), (price / 100).toFixed(2)));
  /** The money of a trade; negative for a cost. */
  const cashOf = ({ side, notional, fee }: PositionFill): Decimal =>
    side === 'buy' ? negate(add(decimal(notional), decimal(fee))) : subtract(decimal(notional), decimal(fee));
  const worth = ({ costBasis, realised }: Position): Decimal => subtract(decimal(costBasis), decimal(realised));

  it('cash plus cost minus realised equals the net deposits, and zero shares have no cost', () => {
    fc.assert(
      fc.property(
        fc.array(trade, { minLength: 1, maxLength: 12 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        (trades, reversals) => {
          let position = trades.reduce(positionAfter, noPosition);
          let cash = trades.reduce((sum, each) => add(sum, cashOf(each)), zero);
          const standing = [...trades];
          for (const pick of reversals.slice(0, trades.length)) {
            const [taken] = standing.splice(pick % standing.length, 1) as [PositionFill];
            position = positionWithout(position, taken);
            cash = subtract(cash, cashOf(taken));
            expect(add(cash, worth(position))).toBe(zero);
            if (position.quantity === zero) expect(position.costBasis).toBe(zero);
          }
          const shares = standing.reduce(
            (sum, { side, quantity }) => (side === 'buy' ? add(sum, decimal(quantity)) : subtract(sum, decimal(quantity))),
            zero,
          );
          expect(position.quantity).toBe(shares);
          if (standing.length === 0) expect([position.quantity, worth(position)]).toEqual([zero, zero]);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('a trade taken back at once leaves no trace if it added to the position or closed up to half of it', () => {
    const off = (one: string, other: string): Decimal => {
      const difference = subtract(decimal(one), decimal(other));
      return isNegative(difference) ? negate(difference) : difference;
    };
    fc.assert(
      fc.property(fc.array(trade, { maxLength: 8 }), trade, (trades, last) => {
        const before = trades.reduce(positionAfter, noPosition);
        const held = decimal(before.quantity);
        const traded = last.side === 'buy' ? decimal(last.quantity) : negate(decimal(last.quantity));
        const adds = held === zero || isPositive(held) === isPositive(traded);
        const restored = positionWithout(positionAfter(before, last), last);
        if (adds) return expect(restored).toEqual(before);
        const share = divide(negate(traded), held, 'halfEven');
        fc.pre(compare(multiply(share, decimal('2'), 'up'), decimal('1')) <= 0);
        expect(restored.quantity).toBe(before.quantity);
        expect(compare(off(restored.costBasis, before.costBasis), decimal('0.000000002'))).toBeLessThan(1);
        expect(compare(off(restored.realised, before.realised), decimal('0.000000002'))).toBeLessThan(1);
      }),
      { numRuns: 400 },
    );
  });
});

describe('the fee', () => {
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
  ])('for %s at %s reserves %s, which cost %s in one fill', (quantity, price, reserved, cost) => {
    expect(reservedFor(decimal(quantity), decimal(price))).toBe(reserved);
    expect(costOf(decimal(quantity), decimal(price))).toBe(cost);
  });
});
