import {
  brokerOrderIdFor,
  causedEventId,
  derivedId,
  OrderApproved,
  placementIdFor,
  type Event,
  type OrderApproved as Approved,
  type OrderPlacementEvent,
  type RecordedEvent,
} from '@tradecore/events';
import { recordedSample, sampleTerms } from '@tradecore/events/testing';
import { later, OrderPlacement } from '../src/index.ts';

/** One thing that happens to a saga. */
export type Happening = { readonly hear: RecordedEvent; readonly now: string } | { readonly wake: string };

/** The order of every story. */
export const orderId = '0190a6e0-0000-7000-8000-00000000a001';
/** Its revisions at the broker. */
export const revisionId = (revision: number): string => brokerOrderIdFor(orderId, revision);

const begun = '2026-01-02T09:00:00.000Z';
const { clientOrderId: _, ...terms } = sampleTerms();

/** Data of the approval of a plain order: 10 ACME at 101.5 at most. */
export const approval = (changes: Partial<Approved['data']> = {}): Approved['data'] => ({
  ...terms,
  reservePrice: '101.5',
  ...changes,
});

type StepType = Extract<OrderPlacementEvent, { readonly data: { readonly commandId: string } }>['type'];

/** A saga and what happens to it, one after the other; `said` is what it decided last, in short. */
export class PlacementStory {
  readonly saga = new OrderPlacement(placementIdFor(orderId));
  readonly happenings: Happening[] = [];
  readonly decided: Event[][] = [];
  now = begun;
  readonly #versions = new Map<string, number>();

  constructor(readonly name = '') {}

  /** A story that begins with a approved order. */
  static approved(changes: Partial<Approved['data']> = {}, name = ''): PlacementStory {
    return new PlacementStory(name).client(new OrderApproved(approval(changes)));
  }

  /** The order's own event: what its client did. */
  client(event: Event): this {
    return this.#hear(event, { aggregateType: 'Order', aggregateId: orderId });
  }

  /** The broker's word about a revision. */
  broker(revision: number, event: Event): this {
    return this.#hear(event, { aggregateType: 'BrokerOrder', aggregateId: revisionId(revision), sagaId: this.saga.id });
  }

  /** The answer to the step of this type that was asked last. */
  answer(type: StepType, event: Event, choose: (step: Event) => boolean = () => true): this {
    const step = this.decided.flat().findLast((each) => each.type === type && choose(each));
    if (!step) throw new Error(`${type} was not asked`);
    const { target, commandId } = step.data as { target: string; commandId: string };
    const id = causedEventId(commandId, target, 0);
    return this.#hear(event, { aggregateType: askedType(type), aggregateId: target, sagaId: this.saga.id, id });
  }

  /** The same event once more. */
  again(): this {
    const last = this.happenings.findLast((each) => 'hear' in each);
    return this.happens({ ...(last as Extract<Happening, { hear: unknown }>), now: this.now });
  }

  /** Time passes, and the saga is woken. */
  after(milliseconds: number): this {
    this.now = later(this.now, milliseconds);
    return this.happens({ wake: this.now });
  }

  /** Time passes until the earliest deadline. */
  untilDue(): this {
    this.now = this.saga.dueAt ?? this.now;
    return this.happens({ wake: this.now });
  }

  happens(happening: Happening): this {
    const before = this.saga.uncommittedEvents.length;
    if ('wake' in happening) this.saga.wake(happening.wake);
    else this.saga.hear(happening.hear, happening.now);
    this.happenings.push(happening);
    this.decided.push(this.saga.uncommittedEvents.slice(before));
    return this;
  }

  /** What was decided last: steps by their types, tellings by what is told. */
  get said(): string[] {
    return (this.decided.at(-1) ?? []).map(inShort);
  }

  #hear(event: Event, origin: Partial<RecordedEvent>): this {
    const source = origin.aggregateId as string;
    const aggregateVersion = (this.#versions.get(source) ?? 1) + 1;
    this.#versions.set(source, aggregateVersion);
    const recorded = recordedSample(event, {
      id: derivedId('story', source, String(aggregateVersion)),
      aggregateVersion,
      correlationId: orderId,
      time: this.now,
      ...origin,
    });
    return this.happens({ hear: recorded, now: this.now });
  }
}

const askedType = (type: StepType): string => {
  if (type === 'OrderChangeAsked') return 'Order';
  return /^(Reservation|Settlement|Release)/.test(type) ? 'Account' : 'BrokerOrder';
};

/** An event of a saga in a few words. */
export function inShort({ type, data }: Event): string {
  const { change, about, attempt = 1 } = data as { change?: { type: string }; about?: string; attempt?: number };
  const what = change && type === 'OrderChangeAsked' ? `tell ${change.type}` : type;
  if (type === 'AnswerNoted') return `noted ${about}`;
  return attempt > 1 ? `${what} #${attempt}` : what;
}
