import type { RecordedEvent } from '@tradecore/events';
import type { IncomingMessage, OutgoingMessage } from './message.ts';

/** Why a record is no event of ours. */
export type UndecodableReason = 'no-value' | 'too-large' | 'no-json' | 'no-text' | 'header-missing' | 'header-malformed';

/** A record that can't be an event: what `decode` returns instead of throwing. */
export class Undecodable {
  constructor(
    readonly reason: UndecodableReason,
    readonly detail: string,
  ) {}
}

/** What `encode` needs: an event without its parsed data, and the stored text of the data. */
export interface EncodableEvent extends Omit<RecordedEvent, 'data'> {
  /** `event_data::text` as stored; becomes the record's value byte for byte. */
  readonly dataText: string;
}

/** An event as a CloudEvents 1.0 Kafka record in binary mode; the key is the aggregate's id unless another is given. */
export function encode(_event: EncodableEvent, _key?: string): OutgoingMessage {
  throw new Error('unfinished');
}

/** The event in a record, or why there is none. Never throws. */
export function decode(_message: Pick<IncomingMessage, 'value' | 'headers'>): RecordedEvent | Undecodable {
  throw new Error('unfinished');
}
