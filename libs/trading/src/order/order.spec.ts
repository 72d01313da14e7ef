import fc from 'fast-check';
import { given } from '@tradecore/event-sourcing/testing';
import { OrderCancelRequested, OrderPlaced, orderTypes, type OrderTerms } from '@tradecore/events';
import { sampleTerms, sampleText } from '@tradecore/events/testing';
import { Order, OrderAlreadyPlaced, OrderNotFound, termFaults } from '../index.ts';
import { CancelAlreadyRequested, InvalidOrderTerms } from './order-errors.ts';

const { limitPrice: _, ...unpriced } = sampleTerms();
const placed = new OrderPlaced(sampleTerms());

describe('an order', () => {
  it('is placed with canonical decimals', () =>
    given(Order)
      .when((order) => order.place(sampleTerms({ quantity: '010.0', limitPrice: '101.50' })))
      .then(new OrderPlaced(sampleTerms({ quantity: '10', limitPrice: '101.5' }))));

  it('placed again with the same terms in another spelling is unchanged', () =>
    given(Order, placed)
      .when((order) => order.place(sampleTerms({ quantity: '10.000' })))
      .then());

  it('keeps its account id in one spelling', () =>
    given(Order)
      .when((order) => order.place(sampleTerms({ accountId: sampleTerms().accountId.toUpperCase() })))
      .then(placed));

  it('placed again with the same terms after a cancel request is unchanged', () =>
    given(Order, placed, new OrderCancelRequested({}))
      .when((order) => order.place(sampleTerms()))
      .then());

  it('placed again with other terms is refused', () =>
    given(Order, placed)
      .when((order) => order.place(sampleTerms({ quantity: '11', side: 'sell' })))
      .thenThrows(OrderAlreadyPlaced));

  it('names the fields that differ, even one that is absent on one side', () => {
    const order = new Order('0190a6e0-0000-7000-8000-000000000001').replay([placed]);
    const place = () => order.place({ ...unpriced, type: 'market', quantity: '11' });
    expect(place).toThrow(
      expect.objectContaining({ details: expect.objectContaining({ differingFields: ['type', 'quantity', 'limitPrice'] }) }),
    );
  });

  it('remembers a request to cancel, with its reason', () =>
    given(Order, placed)
      .when((order) => order.requestCancel(sampleText('0001')))
      .then(new OrderCancelRequested({ reason: sampleText('0001') })));

  it('accepts only one cancel request', () =>
    given(Order, placed, new OrderCancelRequested({}))
      .when((order) => order.requestCancel())
      .thenThrows(CancelAlreadyRequested));

  it('that was never placed has nothing to cancel', () =>
    given(Order)
      .when((order) => order.requestCancel())
      .thenThrows(OrderNotFound));

  it('records nothing when its terms are refused', () =>
    given(Order)
      .when((order) => order.place(sampleTerms({ quantity: '-1' })))
      .thenThrows(InvalidOrderTerms));
});

describe('the terms of an order', () => {
  const faults = (terms: OrderTerms) => termFaults(terms).map(({ field, code }) => `${field}: ${code}`);

  it.each<[string, OrderTerms, string[]]>([
    ['limit with its price', sampleTerms(), []],
    ['limit without a price', { ...unpriced, type: 'limit' }, ['limitPrice: required-by-type']],
    ['market with a limit price', sampleTerms({ type: 'market' }), ['limitPrice: not-allowed-by-type']],
    ['stop without a price', { ...unpriced, type: 'stop' }, ['stopPrice: required-by-type']],
    [
      'stop with a limit price',
      sampleTerms({ type: 'stop' }),
      ['limitPrice: not-allowed-by-type', 'stopPrice: required-by-type'],
    ],
    ['stop limit with both', sampleTerms({ type: 'stopLimit', stopPrice: '100' }), []],
    ['stop limit with one', sampleTerms({ type: 'stopLimit' }), ['stopPrice: required-by-type']],
    ['a zero quantity', sampleTerms({ quantity: '0.000' }), ['quantity: not-positive']],
    ['a negative quantity', sampleTerms({ quantity: '-1' }), ['quantity: not-positive']],
    ['40 digits', sampleTerms({ quantity: '1'.repeat(40) }), ['quantity: too-many-integer-digits']],
    ['10 decimal places', sampleTerms({ limitPrice: '1.0000000001' }), ['limitPrice: too-many-decimal-places']],
    ['an exponent', sampleTerms({ limitPrice: '1e2' }), ['limitPrice: not-a-decimal']],
    ['a lower-case symbol', sampleTerms({ symbol: 'acme' }), ['symbol: bad-shape']],
    ['a symbol of 13 characters', sampleTerms({ symbol: 'ABCDEFGHIJKLM' }), ['symbol: bad-shape']],
    ['an empty clientOrderId', sampleTerms({ clientOrderId: '' }), ['clientOrderId: bad-shape']],
    ['a clientOrderId of 49 characters', sampleTerms({ clientOrderId: 'x'.repeat(49) }), ['clientOrderId: bad-shape']],
    ['a clientOrderId with a line end', sampleTerms({ clientOrderId: 'a\n' }), ['clientOrderId: bad-shape']],
    ['an account that is not a UUID', sampleTerms({ accountId: 'a/b' }), ['accountId: bad-shape']],
    ['two faults at once', sampleTerms({ quantity: '0', symbol: '' }), ['symbol: bad-shape', 'quantity: not-positive']],
  ])('%s: %j', (_name, terms, expected) => expect(faults(terms)).toEqual(expected));

  it('need a limit price exactly for limit and stopLimit, a stop price exactly for stop and stopLimit', () => {
    const price = fc.option(fc.constant('5'), { nil: undefined });
    fc.assert(
      fc.property(fc.constantFrom(...orderTypes), price, price, (type, limitPrice, stopPrice) => {
        const terms = { ...unpriced, type, ...(limitPrice && { limitPrice }), ...(stopPrice && { stopPrice }) };
        const fine =
          (limitPrice !== undefined) === type.toLowerCase().includes('limit') && (stopPrice !== undefined) === /^stop/.test(type);
        expect(termFaults(terms).length === 0).toBe(fine);
      }),
    );
  });
});

describe('whatever a client does', () => {
  const terms = fc.record({
    quantity: fc.constantFrom('1', '1.0', '2', '0', '-3', 'x'),
    symbol: fc.constantFrom('ACME', 'acme'),
  });
  const step = fc.oneof(
    terms.map((changes) => (order: Order) => order.place(sampleTerms(changes))),
    fc.constant((order: Order) => order.requestCancel()),
  );

  it('an order is placed at most once, before anything else, and accepts at most one cancel request', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const order = new Order('0190a6e0-0000-7000-8000-000000000001');
        for (const act of steps) {
          const before = order.version;
          try {
            act(order);
          } catch {
            expect(order.version).toBe(before);
          }
        }
        const story = order.uncommittedEvents.map(({ type }) => type);
        expect([[], ['OrderPlaced'], ['OrderPlaced', 'OrderCancelRequested']]).toContainEqual(story);
      }),
    );
  });
});
