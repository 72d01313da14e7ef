import { feedChanges } from '@tradecore/events';
import { z } from 'zod';

const changeNames = Object.values(feedChanges) as [(typeof feedChanges)[keyof typeof feedChanges]];

/** One change in an account, under a sequence number without gaps. */
const feedEntryResponse = z.strictObject({
  accountId: z.string(),
  epoch: z.string().meta({ description: 'Changes when the feed is rebuilt; positions of the old epoch are then invalid.' }),
  sequence: z.int().min(1).meta({ description: 'Number of the change in the account within the epoch, from 1, without gaps.' }),
  eventId: z.uuid().meta({ description: 'Id of the stored event; the same in every epoch.' }),
  orderId: z.uuid().optional().meta({ description: 'The order concerned, if any.' }),
  orderVersion: z
    .int()
    .min(1)
    .optional()
    .meta({ description: "Version of the order after the change; only for the order's own changes (`order...`)." }),
  change: z.enum(changeNames).meta({
    description:
      '`execution` is sent as soon as the brokerage reports it; `orderExecuted` and `settled`, shortly after, are the same trade in the order and in the account.',
  }),
  time: z.iso.datetime({ precision: 6 }),
  data: z.record(z.string(), z.unknown()).meta({ description: 'Facts of the change, such as the terms of the order.' }),
});

/** One change on the wire. */
export type FeedEntryResponse = z.infer<typeof feedEntryResponse>;

const accountId = z.guid('must be a UUID').toLowerCase();
const position = {
  epoch: z.string().min(1).max(64),
  sequence: z.int().min(0),
};

/** The subprotocol of the stream. A browser offers it with `ticket.<ticket>`, which the service never selects. */
export const streamProtocol = 'tradecore.v1';

/** The answer of `POST /v1/stream-tickets`. */
export const streamTicketResponse = z
  .strictObject({
    ticket: z.string().meta({ description: 'Offer it as the subprotocol `ticket.<ticket>`. Valid for one stream.' }),
    expiresAt: z.iso.datetime().meta({ description: 'Open the stream before this time: within 30 s.' }),
  })
  .meta({ id: 'StreamTicket', description: 'Opens a stream from a browser, which cannot send headers with a WebSocket.' });

/** A ticket for a stream. */
export type StreamTicketResponse = z.infer<typeof streamTicketResponse>;

/** A message of a client on `/v1/stream`. */
export const clientMessage = z
  .discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('subscribe'),
      accountId,
      after: z
        .strictObject(position)
        .optional()
        .meta({ description: 'The last entry that the client has; if absent, from the current end.' }),
    }),
    z.strictObject({ type: z.literal('unsubscribe'), accountId }),
    z
      .strictObject({ type: z.literal('authenticate'), token: z.string().min(1).max(16_000) })
      .meta({ description: 'A new token of the same subject; the stream then ends when this token expires.' }),
  ])
  .meta({ id: 'StreamClientMessage', description: 'A message of the client.' });

/** One message of a client. */
export type ClientMessage = z.output<typeof clientMessage>;

/** Why a client must reread its orders: the feed was rebuilt, or no longer has what follows the client's position. */
export const resyncReasons = ['other-epoch', 'ahead', 'gone'] as const;

/** A message of the service on `/v1/stream`. */
export const serverMessage = z
  .discriminatedUnion('type', [
    z
      .strictObject({ type: z.literal('subscribed'), accountId: z.string(), ...position })
      .meta({ description: 'Entries after this position follow.' }),
    z
      .strictObject({ type: z.literal('unsubscribed'), accountId: z.string(), reason: z.literal('access-ended').optional() })
      .meta({ description: 'No more entries of the account follow; has a reason if the client did not unsubscribe.' }),
    z
      .strictObject({ type: z.literal('entry'), ...feedEntryResponse.shape })
      .meta({ description: 'One change; sequences of an account rise by one.' }),
    z.strictObject({ type: z.literal('resync'), accountId: z.string(), ...position, reason: z.enum(resyncReasons) }).meta({
      description: 'Entries after the old position are gone: reread the orders; entries after this new position follow.',
    }),
    z
      .strictObject({ type: z.literal('authenticated'), expiresAt: z.iso.datetime() })
      .meta({ description: 'The new token is accepted; the stream ends when it expires.' }),
    z.strictObject({ type: z.literal('heartbeat'), time: z.string() }),
    z.strictObject({ type: z.literal('problem'), code: z.string(), detail: z.string(), errors: z.array(z.unknown()).optional() }),
  ])
  .meta({ id: 'StreamServerMessage', description: 'A message of the service.' });

/** One message of the service. */
export type ServerMessage = z.output<typeof serverMessage>;
