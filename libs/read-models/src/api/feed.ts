import { z } from 'zod';

/** One change in an account: what happened to which order, under a sequence number without gaps. */
export const feedEntryResponse = z
  .strictObject({
    accountId: z.string(),
    epoch: z.string().meta({ description: 'Changes when the feed is built anew: then old positions mean nothing.' }),
    sequence: z.int().min(1).meta({ description: 'Counts the changes of the account within the epoch: 1, 2, 3 without gaps.' }),
    eventId: z.uuid().meta({ description: 'The stored event that this is; the same in every epoch.' }),
    orderId: z.uuid(),
    orderVersion: z.int().min(1),
    change: z.enum(['orderPlaced', 'orderCancelRequested']),
    time: z.iso.datetime({ precision: 6 }),
    data: z.record(z.string(), z.unknown()).meta({ description: 'The facts of the change, such as the terms of the order.' }),
  })
  .meta({ id: 'FeedEntry', description: 'A change in an account, as the stream pushes it.' });

/** One change on the wire. */
export type FeedEntryResponse = z.infer<typeof feedEntryResponse>;
