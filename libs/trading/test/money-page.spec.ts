import type { AccountEvent, FillSettled, Posting } from '@tradecore/events';
import { add, decimal, subtract, sum } from '@tradecore/money';
import {
  Account,
  averageCost,
  costOf,
  feeOf,
  noPosition,
  notionalOf,
  positionAfter,
  reservedFor,
  unrealised,
  type Position,
} from '../src/index.ts';
import { rules } from '../src/risk-rules.ts';
import { printed, table } from './printed.ts';

const buy = { orderId: 'A', symbol: 'ACME', side: 'buy' } as const;
const sell = { orderId: 'B', symbol: 'ACME', side: 'sell' } as const;
const fill = (order: typeof buy | typeof sell, executionId: string, quantity: string, price: string) => ({
  ...{ ...order, executionId, quantity, price },
  executedAt: '2026-11-23T15:00:00Z',
});

/** What happens on the page, and how it says so. */
const story: readonly (readonly [string, (account: Account) => void])[] = [
  ['deposit 10,000', (account) => account.deposit('10000')],
  [
    'A: buy 100 at 50.25 or better: hold 5,025 and 2.52',
    (account) => account.reserve({ ...buy, quantity: '100', unitPrice: '50.25' }),
  ],
  ['40 fill at 50.20: 2,008, fee 1.00', (account) => account.settle(fill(buy, '1', '40', '50.2'))],
  ['20 fill at 50.25: 1,005, fee 0.50', (account) => account.settle(fill(buy, '2', '20', '50.25'))],
  ['A is cancelled: the rest is free', (account) => account.release(buy)],
  ['B: sell 30 at 55 or better: hold 30 shares', (account) => account.reserve({ ...sell, quantity: '30', unitPrice: '55' })],
  ['30 fill at 55.10: 1,653, fee 0.82', (account) => account.settle(fill(sell, '3', '30', '55.1'))],
  ['withdraw 1,000', (account) => account.withdraw('1000')],
];

/** The account after each line of the story. */
function days(): { account: Account; told: string }[] {
  return story.map((_, last) => {
    const account = new Account('0190a6e0-0000-7000-8000-000000000001');
    account.open({ owner: 'ada', currency: 'USD' });
    for (const [, act] of story.slice(0, last + 1)) act(account);
    return { account, told: story[last]?.[0] ?? '' };
  });
}

const balance = (account: Account, book: Posting['book'], unit: string): string =>
  account.balances.find((line) => line.book === book && line.unit === unit)?.amount ?? '0';

const ledger = (): string =>
  table(
    ['what happens', 'USD available', 'USD reserved', 'ACME available', 'ACME reserved', 'USD market', 'USD fees', 'USD outside'],
    days().map(({ account, told }) => [
      told,
      ...(['available', 'reserved'] as const).map((book) => balance(account, book, 'USD')),
      ...(['available', 'reserved'] as const).map((book) => balance(account, book, 'ACME')),
      ...(['market', 'fees', 'outside'] as const).map((book) => balance(account, book, 'USD')),
    ]),
  );

const whole = (): Account => days().at(-1)!.account;
const fills = (): FillSettled['data'][] =>
  (whole().uncommittedEvents as readonly AccountEvent[]).flatMap((event) =>
    event.type === 'FillSettled' ? [(event as FillSettled).data] : [],
  );

const entry = (): string =>
  table(
    ['book', 'unit', 'amount'],
    (fills()[0]?.postings ?? []).map(({ book, unit, amount }) => [book, unit, amount]),
  );

const fees = (): string =>
  table(
    ['quantity', 'price', 'notional', 'fee', 'a buy costs', 'held for it before'],
    [
      ['100', '101.5'],
      ['1', '19.99'],
      ['0.333333333', '3.14'],
    ].map(([quantity, price]) => {
      const [q, p] = [decimal(quantity!), decimal(price!)];
      return [q, p, notionalOf(q, p), feeOf(notionalOf(q, p)), costOf(q, p), reservedFor(q, p)];
    }),
  );

const positions = (): Position[] =>
  fills().reduce<Position[]>((all, each) => [...all, positionAfter(all.at(-1) ?? noPosition, each)], []);

const position = (): string =>
  table(
    ['fill', 'quantity', 'cost', 'average cost', 'realised', 'unrealised at 55.10'],
    positions().map((each, index) => {
      const { side, quantity, price } = fills()[index]!;
      return [
        `${side} ${quantity} at ${price}`,
        each.quantity,
        each.costBasis,
        averageCost(each) ?? '',
        each.realised,
        unrealised(each, '55.1'),
      ];
    }),
  );

function identity(): string {
  const { costBasis, realised } = positions().at(-1)!;
  const cash = add(whole().available('currency', 'USD'), whole().reserved('currency', 'USD'));
  expect(subtract(add(cash, decimal(costBasis)), decimal(realised))).toBe('9000');
  return `${cash} + ${costBasis} - ${realised} = 10000 - 1000.`;
}

const parts: Readonly<Record<string, () => string>> = {
  fees,
  ledger,
  entry,
  position,
  identity,
  rules: () =>
    table(
      ['rule', 'holds when'],
      rules.map(({ name, says }) => [`\`${name}\``, says]),
    ),
};

describe('docs/money.md', () => {
  it.each(Object.entries(parts))('shows the %s as the code has it (UPDATE_GOLDEN=1 prints it anew)', (name, made) => {
    const page = printed('money.md', name, made());
    expect(page.found).toBe(page.wanted);
  });

  it('tells the figures of its story right', () => {
    const told = story.map(([text]) => text).join(' ');
    for (const { notional, fee } of fills()) {
      expect(told).toContain(Number(notional).toLocaleString('en-US'));
      expect(told).toContain(`fee ${Number(fee).toFixed(2)}`);
    }
    expect(reservedFor(decimal('100'), decimal('50.25'))).toBe('5027.52');
    const account = whole();
    expect(sum(account.balances.filter(({ unit }) => unit === 'USD').map(({ amount }) => decimal(amount)))).toBe('0');
  });
});
