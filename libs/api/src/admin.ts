import { z } from 'zod';
import { positiveDecimal } from './positive-decimal.ts';

const scope = z
  .string()
  .regex(/^(?:all|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i, 'must be "all" or the UUID of an account')
  .toLowerCase()
  .meta({ description: '`all`, or the id of an account.', examples: ['all'] });

/** Body of `POST /v1/admin/kill-switch`. */
export const killSwitchBody = z
  .strictObject({
    scope,
    trading: z.enum(['halted', 'resumed']),
    reason: z
      .string()
      .min(1)
      .max(200)
      .meta({
        description: 'The reason, for the record and for clients whose orders are denied.',
        examples: ['runaway strategy'],
      }),
  })
  .meta({ id: 'KillSwitch', description: 'Denies new orders and replaces, or accepts them again. Cancels no order.' });

/** A parsed `killSwitchBody`. */
export type KillSwitchBody = z.infer<typeof killSwitchBody>;

/** The path of the limits of a scope. */
export const limitsPath = z.strictObject({ scope });

const limit = (description: string, example: string) => positiveDecimal(description, example).optional();

/** Body of `PUT /v1/admin/limits/{scope}`: all limits of the scope; an absent limit does not apply. */
export const limitsBody = z
  .strictObject({
    maxOrderValue: limit('Maximum value of one order.', '100000'),
    maxOrderQuantity: limit('Maximum number of shares in one order.', '5000'),
    priceCollarPercent: limit('How far beyond the last price, on the losing side, a limit price may be, in percent.', '10'),
  })
  .meta({ id: 'RiskLimits', description: 'Limits for one order.' });

/** A parsed `limitsBody`. */
export type LimitsBody = z.infer<typeof limitsBody>;

/** The controls of a scope in answers. */
export const controlsResponse = z
  .strictObject({
    scope: z.string(),
    trading: z.enum(['halted', 'resumed']),
    reason: z.string().optional().meta({ description: 'Why trading is halted.' }),
    limits: limitsBody,
    version: z.int().min(0).meta({ description: 'Counts the changes of the controls.' }),
  })
  .meta({ id: 'Controls', description: 'The kill switch and limits of a scope.' });

/** The controls of a scope on the wire. */
export type ControlsResponse = z.infer<typeof controlsResponse>;
