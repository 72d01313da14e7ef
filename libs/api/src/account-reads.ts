import { orderSides } from '@tradecore/events';
import { z } from 'zod';
import { accountResponse } from './accounts.ts';
import { amount, nextCursor, time } from './fields.ts';

/** An account in lists: without its single reservations. */
export const accountSummaryResponse = accountResponse
  .omit({ reservations: true })
  .meta({ id: 'AccountSummary', description: 'An account in a list: as `Account`, without the single reservations.' });

/** An account in a list on the wire. */
export type AccountSummaryResponse = z.infer<typeof accountSummaryResponse>;

/** Body of `GET /v1/accounts`: a page of the caller's accounts, by their ids. */
export const accountPageResponse = z
  .strictObject({ accounts: z.array(accountSummaryResponse), nextCursor })
  .meta({ id: 'AccountPage', description: 'Accounts of the caller: named by the token, opened by it, or granted to it.' });

/** One page of accounts on the wire. */
export type AccountPageResponse = z.infer<typeof accountPageResponse>;

/** The value of a position at the last price; absent while no price is known. */
const valuation = {
  lastPrice: amount('Last price per share.').optional(),
  pricedAt: z.string().optional().meta({ description: 'Time of that price.' }),
  marketValue: amount('Quantity at the last price.').optional(),
  unrealised: amount('Market value minus cost, before selling fees.').optional(),
};

/** One position in answers. */
export const positionResponse = z
  .strictObject({
    symbol: z.string(),
    quantity: amount('Shares held.'),
    averageCost: amount('Cost per share, purchase fees included, rounded to 9 places; absent when nothing is held.').optional(),
    cost: amount('Cost of the shares held, fees included.'),
    realised: amount('Profit on all shares sold, after fees; negative for a loss.'),
    ...valuation,
    updatedAt: time('Time of the last change.'),
  })
  .meta({ id: 'Position', description: 'What an account holds, or held, of one symbol.' });

/** Body of `GET /v1/accounts/{id}/positions`. */
export const positionsResponse = z
  .strictObject({ positions: z.array(positionResponse) })
  .meta({ id: 'Positions', description: 'What an account holds, by symbol; closed positions stay with their profit.' });

/** One position on the wire. */
export type PositionResponse = z.infer<typeof positionResponse>;
/** The positions of an account on the wire. */
export type PositionsResponse = z.infer<typeof positionsResponse>;

/** Kinds of lines in the ledger. */
const activityKinds = [
  'opened',
  'deposit',
  'withdrawal',
  'reservation',
  'reservationChange',
  'release',
  'fill',
  'reversal',
] as const;

/** One line of the ledger in answers. */
export const activityResponse = z
  .strictObject({
    id: z.uuid().meta({ description: 'Id of the stored event.' }),
    version: z.int().min(1).meta({ description: 'Version of the account after it.' }),
    kind: z.enum(activityKinds),
    time: time('When it was booked.'),
    cashChange: amount('Change in cash.'),
    reservedChange: amount('Change in the money reserved for open orders.'),
    cash: amount('Cash after it, reserved money included.'),
    reserved: amount('Money reserved after it.'),
    buyingPower: amount('Buying power after it.'),
    orderId: z.uuid().optional(),
    symbol: z.string().optional(),
    side: z.enum(orderSides).optional(),
    quantity: amount('Shares traded, or still to trade under a reservation.').optional(),
    price: amount('Price per share: of the trade, or at which money is reserved.').optional(),
    fee: amount('Our fee.').optional(),
    executionId: z.uuid().optional(),
    reference: z.string().optional(),
  })
  .meta({ id: 'Activity', description: 'One line of the ledger: what moved, and the balance after it.' });

/** Body of `GET /v1/accounts/{id}/activities`: the ledger, newest first. */
export const activityPageResponse = z
  .strictObject({ activities: z.array(activityResponse), nextCursor })
  .meta({ id: 'ActivityPage', description: 'The ledger of an account, newest first.' });

/** One line of the ledger on the wire. */
export type ActivityResponse = z.infer<typeof activityResponse>;
/** One page of the ledger on the wire. */
export type ActivityPageResponse = z.infer<typeof activityPageResponse>;

/** One booking of a trade in answers. */
export const executionResponse = z
  .strictObject({
    id: z.uuid().meta({ description: "Derived from the brokerage's id of the execution." }),
    kind: z.enum(['fill', 'reversal']).meta({ description: 'Booked or reversed; a reversal has the figures that were booked.' }),
    orderId: z.uuid(),
    symbol: z.string(),
    side: z.enum(orderSides),
    quantity: amount('Shares traded.'),
    price: amount('Price per share.'),
    notional: amount('Quantity at that price.'),
    fee: amount('Our fee.'),
    executedAt: time('When it traded, as reported by the brokerage.'),
    settledAt: time('When it was booked.'),
    version: z.int().min(1).meta({ description: 'Version of the account that booked it.' }),
  })
  .meta({ id: 'Execution', description: 'One trade of an order, as booked or reversed.' });

/** Body of `GET /v1/accounts/{id}/executions`: newest booking first. */
export const executionPageResponse = z
  .strictObject({ executions: z.array(executionResponse), nextCursor })
  .meta({ id: 'ExecutionPage', description: 'Trades of an account, latest booking first.' });

/** One execution on the wire. */
export type ExecutionResponse = z.infer<typeof executionResponse>;
/** One page of executions on the wire. */
export type ExecutionPageResponse = z.infer<typeof executionPageResponse>;
