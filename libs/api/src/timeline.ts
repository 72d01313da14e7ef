import { z } from 'zod';
import { time } from './fields.ts';

/** One entry of a timeline in answers. */
export const timelineEntryResponse = z
  .strictObject({
    time: time('When it was stored.'),
    text: z.string().meta({ description: 'What happened, in plain words.', examples: ['Working at the brokerage.'] }),
    event: z.string().meta({ description: 'Type of the stored event.', examples: ['OrderAccepted'] }),
    source: z
      .enum(['order', 'account', 'saga', 'brokerage'])
      .meta({ description: 'The source: the order, its account, its saga, or the brokerage.' }),
    version: z.int().min(1).meta({ description: 'Version of the source after the event.' }),
  })
  .meta({ id: 'TimelineEntry', description: 'One event in the life of an order.' });

/** Body of `GET /v1/orders/{id}/timeline`. */
export const timelineResponse = z
  .strictObject({
    entries: z.array(timelineEntryResponse).meta({ description: 'The newest ones, oldest first.' }),
    nextCursor: z.string().optional().meta({ description: 'The cursor of the older entries; absent if there are none.' }),
    waitingFor: z.array(z.string()).meta({
      description: 'What the order waits for, in plain words; empty once it has ended.',
      examples: [["the brokerage's answer"]],
    }),
  })
  .meta({ id: 'Timeline', description: 'What happened to an order, when and why, in plain words.' });

/** One entry of a timeline on the wire. */
export type TimelineEntry = z.infer<typeof timelineEntryResponse>;
/** The timeline of an order on the wire. */
export type TimelineResponse = z.infer<typeof timelineResponse>;
