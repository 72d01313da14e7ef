import { decimal, decimalRefusal, isPositive, maxDecimalLength, type Decimal } from '@tradecore/money';
import { z } from 'zod';

/** Why a decimal is refused: a stable code, and text. */
interface Fault {
  readonly code: string;
  readonly detail: string;
}

const plain = 'must be a decimal of at most 19 digits before and 9 after the point';

function faultOf(text: string, rule: (amount: Decimal) => Fault | undefined): Fault | undefined {
  const refusal = decimalRefusal(text);
  if (refusal) return { code: refusal, detail: plain };
  const amount = decimal(text);
  return isPositive(amount) ? rule(amount) : { code: 'not-positive', detail: 'must be greater than zero' };
}

/**
 * An exact decimal above zero, parsed to its canonical form. `rule` adds a check. Its length is checked before its
 * characters.
 */
export const positiveDecimal = (
  description: string,
  example: string,
  rule: (amount: Decimal) => Fault | undefined = () => undefined,
) =>
  z
    .string()
    .max(maxDecimalLength, { abort: true })
    .superRefine((text, context) => {
      const fault = faultOf(text, rule);
      if (fault) context.addIssue({ code: 'custom', message: fault.detail, params: { code: fault.code } });
    })
    .meta({ examples: [example] }) // before the transform, otherwise the document loses it
    .transform((text): string => decimal(text))
    .meta({ description, pattern: '^[0-9]+(\\.[0-9]+)?$' });
