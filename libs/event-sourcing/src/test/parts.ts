import type { Catalogue } from '@tradecore/events';
import type { AggregateClass, AnyAggregate } from '../base-aggregate.ts';
import { prepareEvents, toSave, type PartToSave, type PrepareOptions, type Save } from '../append/save.ts';

/** What was decided on an aggregate, as a part to save: its last `count` events, all uncommitted ones when absent. */
export function partOf(
  catalogue: Catalogue,
  aggregate: AnyAggregate,
  { count, ...options }: PrepareOptions & { readonly count?: number } = {},
): PartToSave {
  const target = { type: (aggregate.constructor as AggregateClass<AnyAggregate>).type, id: aggregate.id };
  const decided = aggregate.uncommittedEvents.slice(-(count ?? aggregate.uncommittedEvents.length));
  return {
    ...target,
    expected: aggregate.version - decided.length,
    events: prepareEvents(catalogue, target, decided, options),
  };
}

/** A save of what was decided on these aggregates; `expected` instead of the versions that they were decided on. */
export const saveOf = (catalogue: Catalogue, aggregates: readonly AnyAggregate[], expected?: number): Save =>
  toSave(
    catalogue,
    aggregates.map((aggregate) => ({ ...partOf(catalogue, aggregate), ...(expected !== undefined && { expected }) })),
  );
