import { z } from 'zod';

/** What stands in feeds: the stored event, and under which name clients hear of it. Names are API. */
export const feedChanges = {
  OrderPlaced: 'orderPlaced',
  OrderApproved: 'orderApproved',
  OrderDenied: 'orderDenied',
  OrderSubmitted: 'orderSubmitted',
  OrderAccepted: 'orderAccepted',
  OrderRejected: 'orderRejected',
  OrderOutcomeUnknown: 'orderOutcomeUnknown',
  OrderExecuted: 'orderExecuted',
  OrderExecutionBusted: 'orderExecutionBusted',
  OrderExecutionCorrected: 'orderExecutionCorrected',
  OrderCancelRequested: 'orderCancelRequested',
  OrderCancelRejected: 'orderCancelRejected',
  OrderCanceled: 'orderCanceled',
  OrderReplaceRequested: 'orderReplaceRequested',
  OrderReplaced: 'orderReplaced',
  OrderReplaceRejected: 'orderReplaceRejected',
  OrderExpired: 'orderExpired',
  OrderDoneForDay: 'orderDoneForDay',
  OrderSuspended: 'orderSuspended',
  AccountOpened: 'accountOpened',
  AccountAccessGranted: 'accessGranted',
  AccountAccessRevoked: 'accessRevoked',
  FundsDeposited: 'deposit',
  FundsWithdrawn: 'withdrawal',
  ReservationMade: 'reserved',
  ReservationChanged: 'reservationChanged',
  ReservationReleased: 'released',
  FillSettled: 'settled',
  ExecutionReported: 'execution',
  ExecutionBusted: 'executionBusted',
  ExecutionCorrected: 'executionCorrected',
} as const;

const changeNames = Object.values(feedChanges) as [(typeof feedChanges)[keyof typeof feedChanges]];

/** One change in an account, under a sequence number without gaps. */
export const feedEntryResponse = z
  .strictObject({
    accountId: z.string(),
    epoch: z.string().meta({ description: 'Changes when the feed is built anew: then old positions mean nothing.' }),
    sequence: z.int().min(1).meta({ description: 'Counts the changes of the account within the epoch: 1, 2, 3 without gaps.' }),
    eventId: z.uuid().meta({ description: 'The stored event that this is; the same in every epoch.' }),
    orderId: z.uuid().optional().meta({ description: 'The order concerned, where there is one.' }),
    orderVersion: z
      .int()
      .min(1)
      .optional()
      .meta({ description: "Version of the order that the change made; only for the order's own changes (`order...`)." }),
    change: z.enum(changeNames).meta({
      description:
        '`execution` is told as soon as the broker says so; `orderExecuted` and `settled`, a moment later, are the same trade in the order and in the account.',
    }),
    time: z.iso.datetime({ precision: 6 }),
    data: z.record(z.string(), z.unknown()).meta({ description: 'The facts of the change, such as the terms of the order.' }),
  })
  .meta({ id: 'FeedEntry', description: 'A change in an account, as the stream pushes it.' });

/** One change on the wire. */
export type FeedEntryResponse = z.infer<typeof feedEntryResponse>;
