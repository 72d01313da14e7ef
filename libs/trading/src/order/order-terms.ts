import { decimal, decimalRefusal, isPositive, maxDecimalPlaces, maxIntegerDigits, type DecimalRefusal } from '@tradecore/money';
import type { OrderTerms, ReplaceTerms } from '@tradecore/events';

/** The symbol of an instrument: `ACME`, `BRK.B`. */
export const symbolShape = /^[A-Z][A-Z0-9.]{0,11}$/;

/** A client order id: 1 to 48 printable ASCII characters, which brokerages accept too. */
export const clientOrderIdShape = /^[\x20-\x7e]{1,48}$/;

/** The id of an account: a UUID. */
export const accountIdShape = /^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/;

/** Why one field of the terms is refused. Stable: clients see these codes. */
export type TermFaultCode = DecimalRefusal | 'not-positive' | 'bad-shape' | 'required-by-type' | 'not-allowed-by-type';

/** One invalid field, with the reason for the client. */
export interface TermFault {
  readonly field: keyof OrderTerms;
  readonly code: TermFaultCode;
  readonly detail: string;
}

const decimalFields = ['quantity', 'limitPrice', 'stopPrice'] as const;

/** The order types that carry each price: required for these, forbidden for others. */
const pricedTypes = { limitPrice: ['limit', 'stopLimit'], stopPrice: ['stop', 'stopLimit'] } as const;

/** Every fault in the terms of an order, field by field; empty if it may be placed. */
export function termFaults(terms: OrderTerms): TermFault[] {
  return [...shapeFaults(terms), ...decimalFields.flatMap((field) => amountFaults(terms, field)), ...priceFaults(terms)];
}

/** The same terms with canonical decimals and ids. Throws `InvalidDecimal` for a decimal that `termFaults` reports. */
export function canonicalTerms(terms: OrderTerms): OrderTerms {
  return {
    ...terms,
    accountId: terms.accountId.toLowerCase(),
    quantity: decimal(terms.quantity),
    ...(terms.limitPrice !== undefined && { limitPrice: decimal(terms.limitPrice) }),
    ...(terms.stopPrice !== undefined && { stopPrice: decimal(terms.stopPrice) }),
  };
}

/** Quantity and prices of these terms, without the absent ones. */
export const termsIn = ({ quantity, limitPrice, stopPrice }: ReplaceTerms): ReplaceTerms => ({
  ...(quantity !== undefined && { quantity }),
  ...(limitPrice !== undefined && { limitPrice }),
  ...(stopPrice !== undefined && { stopPrice }),
});

const termFields = [
  'accountId',
  'clientOrderId',
  'symbol',
  'side',
  'type',
  'quantity',
  'limitPrice',
  'stopPrice',
  'timeInForce',
] as const satisfies readonly (keyof OrderTerms)[];

/** The fields in which two values differ, in the given order; absent counts as a value. */
export const differingFields = <F extends string>(one: ValuesOf<F>, other: ValuesOf<F>, fields: readonly F[]): F[] =>
  fields.filter((field) => one[field] !== other[field]);

type ValuesOf<F extends string> = Readonly<Partial<Record<NoInfer<F>, unknown>>>;

/** The fields in which two canonical terms differ, in the order of the API. */
export const differingTerms = (one: OrderTerms, other: OrderTerms): (keyof OrderTerms)[] =>
  differingFields(one, other, termFields);

function shapeFaults({ accountId, clientOrderId, symbol }: OrderTerms): TermFault[] {
  const faults: TermFault[] = [];
  const check = (field: keyof OrderTerms, fine: boolean, detail: string) => {
    if (!fine) faults.push({ field, code: 'bad-shape', detail });
  };
  check('accountId', accountIdShape.test(accountId), 'must be a UUID');
  check(
    'clientOrderId',
    clientOrderId === undefined || clientOrderIdShape.test(clientOrderId),
    'must be 1 to 48 printable ASCII characters',
  );
  check('symbol', symbolShape.test(symbol), 'must be a capital letter, then up to 11 capital letters, digits or "."');
  return faults;
}

const decimalRule = `must be a decimal of at most ${maxIntegerDigits} digits before and ${maxDecimalPlaces} after the point`;

function amountFaults(terms: OrderTerms, field: (typeof decimalFields)[number]): TermFault[] {
  const text = terms[field];
  if (text === undefined) return [];
  const refusal = decimalRefusal(text);
  if (refusal) return [{ field, code: refusal, detail: decimalRule }];
  return isPositive(decimal(text)) ? [] : [{ field, code: 'not-positive', detail: 'must be greater than zero' }];
}

function priceFaults(terms: OrderTerms): TermFault[] {
  return (['limitPrice', 'stopPrice'] as const).flatMap((field): TermFault[] => {
    const wanted = (pricedTypes[field] as readonly string[]).includes(terms.type);
    const given = terms[field] !== undefined;
    if (wanted === given) return [];
    return wanted
      ? [{ field, code: 'required-by-type', detail: `is required for an order of type ${terms.type}` }]
      : [{ field, code: 'not-allowed-by-type', detail: `is not allowed for an order of type ${terms.type}` }];
  });
}
