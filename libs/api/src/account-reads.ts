import { orderSides } from '@tradecore/events';
import { z } from 'zod';
import { accountResponse } from './accounts.ts';

const amount = (description: string) => z.string().meta({ description, pattern: '^-?[0-9]+(\\.[0-9]+)?$', examples: ['1250.5'] });
const time = (description: string) =>
  z.iso.datetime({ precision: 6 }).meta({ description, examples: ['2026-11-23T09:00:00.000000Z'] });
const nextCursor = z.string().optional().meta({ description: 'Ask for the next page with it; absent on the last page.' });

/** An account in lists: without what each order holds back. */
export const accountSummaryResponse = accountResponse
  .omit({ reservations: true })
  .meta({ id: 'AccountSummary', description: 'An account in a list: as `Account`, without the single reservations.' });

/** An account in a list on the wire. */
export type AccountSummaryResponse = z.infer<typeof accountSummaryResponse>;

/** Body of `GET /v1/accounts`: a page of the caller's accounts, by their ids. */
export const accountPageResponse = z
  .strictObject({ accounts: z.array(accountSummaryResponse), nextCursor })
  .meta({ id: 'AccountPage', description: 'Accounts of the caller: those that the token names, it owns, or was let into.' });

/** One page of accounts on the wire. */
export type AccountPageResponse = z.infer<typeof accountPageResponse>;

/** What a position is worth at the last price; absent while no price is known. */
const valuation = {
  lastPrice: amount('Last price a share.').optional(),
  pricedAt: z.string().optional().meta({ description: 'When that price was made.' }),
  marketValue: amount('Quantity at the last price.').optional(),
  unrealised: amount('Market value less cost: what selling now would bring, before fees.').optional(),
};

/** One position in answers. */
export const positionResponse = z
  .strictObject({
    symbol: z.string(),
    quantity: amount('Shares held.'),
    averageCost: amount(
      'Cost a share, fees of the purchases included, rounded to 9 places; absent when nothing is held.',
    ).optional(),
    cost: amount('What the shares held did cost, fees included.'),
    realised: amount('Profit (or loss, below zero) of all shares sold so far, fees taken off.'),
    ...valuation,
    updatedAt: time('When it changed last.'),
  })
  .meta({ id: 'Position', description: 'What an account holds, or held, of one symbol.' });

/** Body of `GET /v1/accounts/{id}/positions`. */
export const positionsResponse = z
  .strictObject({ positions: z.array(positionResponse) })
  .meta({ id: 'Positions', description: 'What an account holds, by symbol; closed positions stay, with their profit.' });

/** One position on the wire. */
export type PositionResponse = z.infer<typeof positionResponse>;
/** The positions of an account on the wire. */
export type PositionsResponse = z.infer<typeof positionsResponse>;

/** What can move in an account. */
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
    id: z.uuid().meta({ description: 'The stored event that this is.' }),
    version: z.int().min(1).meta({ description: 'Version of the account that it made.' }),
    kind: z.enum(activityKinds),
    time: time('When it was booked.'),
    cashChange: amount('Money that came in (above zero) or went out.'),
    reservedChange: amount('Money that open orders hold back more, or less, than before.'),
    cash: amount('All money after it, reserved money included.'),
    reserved: amount('Money held back after it.'),
    buyingPower: amount('Money free after it.'),
    orderId: z.uuid().optional(),
    symbol: z.string().optional(),
    side: z.enum(orderSides).optional(),
    quantity: amount('Shares: traded, or still to be traded under a reservation.').optional(),
    price: amount('Price a share: of the trade, or at which money is held.').optional(),
    fee: amount('Our fee.').optional(),
    executionId: z.uuid().optional(),
    reference: z.string().optional(),
  })
  .meta({ id: 'Activity', description: 'One line of the ledger: what moved, and what is there after it.' });

/** Body of `GET /v1/accounts/{id}/activities`: the ledger, newest first. */
export const activityPageResponse = z
  .strictObject({ activities: z.array(activityResponse), nextCursor })
  .meta({ id: 'ActivityPage', description: 'The ledger of an account, newest first.' });

/** One line of the ledger on the wire. */
export type ActivityResponse = z.infer<typeof activityResponse>;
/** One page of the ledger on the wire. */
export type ActivityPageResponse = z.infer<typeof activityPageResponse>;

/** One trade in answers. */
export const executionResponse = z
  .strictObject({
    id: z.uuid().meta({ description: 'Ours, made from the id that the broker gave.' }),
    orderId: z.uuid(),
    symbol: z.string(),
    side: z.enum(orderSides),
    quantity: amount('Shares traded.'),
    price: amount('Price a share.'),
    notional: amount('Quantity at that price.'),
    fee: amount('Our fee.'),
    executedAt: time('When the market traded, as the broker says.'),
    settledAt: time('When it was booked.'),
    version: z.int().min(1).meta({ description: 'Version of the account that booked it.' }),
  })
  .meta({ id: 'Execution', description: 'One trade of an order.' });

/** Body of `GET /v1/accounts/{id}/executions`: newest booking first. */
export const executionPageResponse = z
  .strictObject({ executions: z.array(executionResponse), nextCursor })
  .meta({ id: 'ExecutionPage', description: 'Trades of an account, the one booked last first.' });

/** One execution on the wire. */
export type ExecutionResponse = z.infer<typeof executionResponse>;
/** One page of executions on the wire. */
export type ExecutionPageResponse = z.infer<typeof executionPageResponse>;
