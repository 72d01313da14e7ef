import { digestOf, type ComparedEvent, type RecordPlace } from './buckets.ts';

/** One event on which store and topic disagree. */
export interface TopicFault {
  readonly kind: 'lost' | 'twice' | 'changed' | 'foreign' | 'out-of-order';
  /** The event's id. */
  readonly id: string;
  readonly detail: string;
}

/** An event with its digest in place of its value. */
export type Digested = Pick<ComparedEvent, 'id' | 'aggregateId' | 'aggregateVersion' | 'type'> & { readonly digest: bigint };

/** A record of a topic that holds an event. */
export type DigestedRecord = Digested & RecordPlace;

/** Replaces the value by its digest. */
export const digested = (event: ComparedEvent): Digested => ({
  id: event.id,
  aggregateId: event.aggregateId,
  aggregateVersion: event.aggregateVersion,
  type: event.type,
  digest: digestOf(event),
});

/** What both sides hold for the same events, read by id. */
export interface ReadById {
  /** What the topic must hold. */
  readonly stored: readonly Digested[];
  readonly seen: readonly DigestedRecord[];
  /** Other stored events among the ids seen: not yet expected on the topic, but not foreign there. */
  readonly alsoStored?: readonly Digested[];
  /** Those of them that the topic has been seen to hold before. */
  readonly seenBefore?: ReadonlySet<string>;
  /** Ids that came after a later version of their aggregate. */
  readonly disordered: ReadonlySet<string>;
}

/** The gravest fault of each event. */
export function topicFaultsOf({ stored, seen, alsoStored = [], seenBefore = new Set(), disordered }: ReadById): TopicFault[] {
  const known = new Map([...alsoStored, ...stored].map((event) => [event.id, event]));
  const records = Map.groupBy(seen, ({ id }) => id);
  const lost = stored
    .filter(({ id }) => !records.has(id))
    .map((event) => fault('lost', event, 'is on no partition of its topic'));
  const wrong = [...records].flatMap(
    ([id, copies]) => faultOf(known.get(id), copies, { isLate: disordered.has(id), isAgain: seenBefore.has(id) }) ?? [],
  );
  return [...lost, ...wrong];
}

function faultOf(
  stored: Digested | undefined,
  copies: readonly DigestedRecord[],
  { isLate, isAgain }: { readonly isLate: boolean; readonly isAgain: boolean },
): TopicFault | undefined {
  const [first] = copies;
  if (!first) return undefined;
  const places = copies.slice(0, 4).map(({ partition, offset }) => `${partition}@${offset}`);
  const at = `at ${places.join(', ')}`;
  if (!stored) return fault('foreign', first, `${at}; the store does not hold it`);
  if (copies.some(({ digest }) => digest !== stored.digest))
    return fault('changed', stored, `${at} differs from what the store holds`);
  if (copies.length > 1) return fault('twice', stored, `${copies.length} records, ${at}`);
  if (isAgain) return fault('twice', stored, `${at}, and in records before`);
  return isLate ? fault('out-of-order', stored, `${at} comes after a later version of its aggregate`) : undefined;
}

const fault = (kind: TopicFault['kind'], event: Digested, what: string): TopicFault => ({
  kind,
  id: event.id,
  detail: `${event.type} ${event.aggregateId} version ${event.aggregateVersion} ${what}`,
});
