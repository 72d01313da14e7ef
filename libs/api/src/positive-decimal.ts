import { decimal, decimalRefusal, isPositive, maxDecimalLength, type Decimal } from '@tradecore/money';
import { z } from 'zod';

/** Why a decimal is refused: a stable code, and words. */
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

/** An exact decimal above zero, canonical once it is through. `rule`: what more it has to be. Its length is looked at before its characters are. */
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
    .meta({ examples: [example] }) // before the transform, or the document loses it
    .transform((text): string => decimal(text))
    .meta({ description, pattern: '^[0-9]+(\\.[0-9]+)?$' });
