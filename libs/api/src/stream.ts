import { feedChanges } from '@tradecore/events';
import { z } from 'zod';

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

const accountId = z.guid('must be a UUID').toLowerCase();
const position = {
  epoch: z.string().min(1).max(64),
  sequence: z.int().min(0),
};

/** What a client may say on `/v1/stream`. */
export const clientMessage = z
  .discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('subscribe'),
      accountId,
      after: z
        .strictObject(position)
        .optional()
        .meta({ description: 'The last entry that the client has; from the present end on when absent.' }),
    }),
    z.strictObject({ type: z.literal('unsubscribe'), accountId }),
  ])
  .meta({ id: 'StreamClientMessage', description: 'What a client says on the stream.' });

/** One message of a client. */
export type ClientMessage = z.output<typeof clientMessage>;

/** Why a client must read its orders anew: the feed was built anew, or does not hold what follows the client's position. */
export const resyncReasons = ['other-epoch', 'ahead', 'gone'] as const;

/** What the service says on `/v1/stream`. */
export const serverMessage = z
  .discriminatedUnion('type', [
    z
      .strictObject({ type: z.literal('subscribed'), accountId: z.string(), ...position })
      .meta({ description: 'Entries after this position follow.' }),
    z
      .strictObject({ type: z.literal('unsubscribed'), accountId: z.string(), reason: z.literal('access-ended').optional() })
      .meta({ description: 'Nothing of the account follows; with a reason where the client did not ask for it.' }),
    z
      .strictObject({ type: z.literal('entry'), ...feedEntryResponse.shape })
      .meta({ description: 'One change; sequences of an account rise by one.' }),
    z.strictObject({ type: z.literal('resync'), accountId: z.string(), ...position, reason: z.enum(resyncReasons) }).meta({
      description: 'What follows the position is not to be had: read the orders anew; entries after this new position follow.',
    }),
    z.strictObject({ type: z.literal('heartbeat'), time: z.string() }),
    z.strictObject({ type: z.literal('problem'), code: z.string(), detail: z.string(), errors: z.array(z.unknown()).optional() }),
  ])
  .meta({ id: 'StreamServerMessage', description: 'What the service says on the stream.' });

/** One message of the service. */
export type ServerMessage = z.output<typeof serverMessage>;
