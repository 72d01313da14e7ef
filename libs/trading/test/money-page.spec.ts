import type { AccountEvent, FillReversed, FillSettled, Posting } from '@tradecore/events';
import { add, decimal, negate, subtract, sum, type Decimal } from '@tradecore/money';
import {
  averageCost,
  costOf,
  feeOf,
  noPosition,
  notionalOf,
  positionAfter,
  positionWithout,
  reservationOf,
  reservedFor,
  rules,
  unrealised,
  type Position,
} from '../src/index.ts';
import { broker, PlacementStory } from './placement-story.ts';
import { printed, table } from './printed.ts';
import { feeRate } from '../src/account/fees.ts';

const first = broker(1);
const second = broker(2);
type Line = readonly [string, (story: PlacementStory) => void];

/** A buy through everything that may happen to its money, as on the page. */
const buy = (): PlacementStory =>
  PlacementStory.placed({ terms: { quantity: '100', limitPrice: '50.25' }, cash: '10000' }).handles(first.accepted());
const lines: readonly Line[] = [
  ['deposit 10,000; buy 100 at 50.25 or better', () => undefined],
  ['40 fill at 50.20', (story) => story.handles(first.fill('e1', '40', '50.2'))],
  ['replace by 120 at 49 is requested', (story) => story.replace({ quantity: '120', limitPrice: '49' })],
  ['20 fill at 50.25, under the old terms', (story) => story.handles(first.fill('e2', '20', '50.25'))],
  ['the brokerage works it under the new terms', (story) => story.handles(second.accepted())],
  ['correction: the first 40 traded at 50.10', (story) => story.handles(first.correct('e1', '40', '50.1'))],
  ['bust: the 20 did not trade', (story) => story.handles(first.bust('e2'))],
  ['it is cancelled', (story) => story.cancel().handles(second.canceled())],
];

/** An overdraft: the money returned by a fill below the limit is spent when the fill is taken back. */
const overdraft = (): PlacementStory =>
  PlacementStory.placed({ terms: { quantity: '10', limitPrice: '101.5' }, cash: '1015.51' }).handles(first.accepted());
const overdraftLines: readonly Line[] = [
  ['deposit 1,015.51; buy 10 at 101.50 or better', () => undefined],
  ['4 fill at 90', (story) => story.handles(first.fill('e1', '4', '90'))],
  ['withdraw 46.02', (story) => story.door(() => story.account.withdraw('46.02'))],
  ['bust: the 4 did not trade', (story) => story.handles(first.bust('e1'))],
];

const balance = ({ account }: PlacementStory, book: Posting['book'], unit: string): string =>
  account.balances.find((line) => line.book === book && line.unit === unit)?.amount ?? '0';
const columns = [
  ['USD available', 'available', 'USD'],
  ['USD reserved', 'reserved', 'USD'],
  ['ACME', 'available', 'ACME'],
  ['USD market', 'market', 'USD'],
  ['USD fees', 'fees', 'USD'],
] as const;

function ledger(story: PlacementStory, happening: readonly Line[]): string {
  const rows = happening.map(([text, act]) => {
    act(story);
    const units = ['USD', 'ACME'].map((unit) => sum(story.account.balances.filter((each) => each.unit === unit).map(amountOf)));
    expect(units).toEqual(['0', '0']);
    return [text, story.order.status ?? '', ...columns.map(([, book, unit]) => balance(story, book, unit))];
  });
  return table(['what happens', 'order', ...columns.map(([name]) => name)], rows);
}
const amountOf = ({ amount }: Posting): Decimal => decimal(amount);

function whole(): PlacementStory {
  const story = buy();
  for (const [, act] of lines) act(story);
  return story;
}

type Booked = FillSettled | FillReversed;
const booked = (story: PlacementStory): readonly Booked[] =>
  story.entries
    .flatMap(({ account }) => account as readonly AccountEvent[])
    .filter((event): event is Booked => event.type === 'FillSettled' || event.type === 'FillReversed');

const entry = (): string => {
  const [settled] = booked(whole());
  return table(
    ['book', 'unit', 'amount'],
    (settled?.data.postings ?? []).map(({ book, unit, amount }) => [book, unit, amount]),
  );
};

/** The worst case of a replace, part by part. */
function worst(): string {
  const story = buy();
  for (const [, act] of lines.slice(0, 3)) act(story);
  const [old, oldPrice, next, nextPrice] = ['60', '50.25', '80', '49'].map(decimal) as [Decimal, Decimal, Decimal, Decimal];
  const rows = [
    ['the new terms alone', `${next} x ${nextPrice}`, reservedFor(next, nextPrice)],
    ['the old terms alone', `${old} x ${oldPrice}`, reservedFor(old, oldPrice)],
    [
      'the old terms first, the rest under the new',
      `${old} x ${oldPrice} + 20 x ${nextPrice}`,
      story.account.reserved('currency', 'USD'),
    ],
  ];
  expect(story.account.reserved('currency', 'USD')).toBe(reservationOf(story.order.state!)?.amount);
  return table(['what may trade', 'shares and price', 'reserve'], rows);
}

const fees = (): string =>
  table(
    ['quantity', 'price', 'notional', 'fee', 'a buy costs', 'reserved for it before'],
    [
      ['100', '101.5'],
      ['1', '19.99'],
      ['0.333333333', '3.14'],
    ].map(([quantity, price]) => {
      const [q, p] = [decimal(quantity!), decimal(price!)];
      return [q, p, notionalOf(q, p), feeOf(notionalOf(q, p)), costOf(q, p), reservedFor(q, p)];
    }),
  );

const fold = (position: Position, event: Booked): Position =>
  event.type === 'FillSettled' ? positionAfter(position, event.data) : positionWithout(position, event.data);

function position(): string {
  let before = noPosition;
  const rows = booked(whole()).map((event) => {
    before = fold(before, event);
    const { quantity, price, notional, fee } = event.data;
    const cost = add(decimal(notional), decimal(fee));
    const [what, money] = event.type === 'FillSettled' ? ['buy', cost] : ['reverse the buy of', negate(cost)];
    return [
      `${what} ${quantity} at ${price}`,
      money,
      before.quantity,
      before.costBasis,
      averageCost(before) ?? '-',
      before.realised,
    ];
  });
  return table(['what is booked', 'costs', 'quantity', 'cost', 'average cost', 'realised'], rows);
}

/** Separate positions: what a sale realises, and what happens when one is taken back. */
function sales(): string {
  const trade = (side: 'buy' | 'sell', quantity: string, price: string) => {
    const notional = notionalOf(decimal(quantity), decimal(price));
    return { side, quantity, price, notional, fee: feeOf(notional) } as const;
  };
  const [bought, part, all] = [trade('buy', '100', '10'), trade('sell', '40', '12'), trade('sell', '60', '12')];
  const held = positionAfter(noPosition, bought);
  const sold = positionAfter(positionAfter(held, part), all);
  const rows: readonly (readonly [string, Position])[] = [
    ['buy 100 at 10', held],
    ['sell 40 at 12', positionAfter(held, part)],
    ['sell 60 at 12', sold],
    ['the sale of 40 is taken back', positionWithout(sold, part)],
  ];
  return table(
    ['what happens', 'quantity', 'cost', 'average cost', 'realised', 'unrealised at 12'],
    rows.map(([text, each]) => [
      text,
      each.quantity,
      each.costBasis,
      averageCost(each) ?? '-',
      each.realised,
      unrealised(each, '12'),
    ]),
  );
}

function identity(): string {
  const story = whole();
  const { costBasis, realised } = booked(story).reduce(fold, noPosition);
  const cash = add(story.account.available('currency', 'USD'), story.account.reserved('currency', 'USD'));
  expect(subtract(add(cash, decimal(costBasis)), decimal(realised))).toBe('10000');
  return `${cash} + ${costBasis} - ${realised} = 10000.`;
}

const parts: Readonly<Record<string, () => string>> = {
  fees,
  ledger: () => ledger(buy(), lines),
  overdraft: () => ledger(overdraft(), overdraftLines),
  entry,
  worst,
  position,
  sales,
  identity,
  rules: () =>
    table(
      ['rule', 'holds when'],
      rules.map(({ name, says }) => [`\`${name}\``, says]),
    ),
};

describe('docs/money.md', () => {
  it.each(Object.entries(parts))('shows the %s as computed (UPDATE_GOLDEN=1 rewrites it)', (name, made) => {
    const page = printed('money.md', name, made());
    expect(page.found).toBe(page.wanted);
  });

  it('states the fee rate', () => expect(feeRate).toBe('0.0005'));
});
