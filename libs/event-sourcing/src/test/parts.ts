import type { Catalogue } from '@tradecore/events';
import type { AggregateClass, AnyAggregate } from '../base-aggregate.ts';
import { prepareEvents, toSave, type PartToSave, type PrepareOptions, type Save } from '../append/save.ts';

/** An aggregate's last `count` events (all uncommitted ones when absent) as a part to save. */
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

/** A save of these aggregates' decisions; `expected` replaces the versions they were decided on. */
export const saveOf = (catalogue: Catalogue, aggregates: readonly AnyAggregate[], expected?: number): Save =>
  toSave(
    catalogue,
    aggregates.map((aggregate) => ({ ...partOf(catalogue, aggregate), ...(expected !== undefined && { expected }) })),
  );
