import type { Catalogue, RecordedEvent } from '@tradecore/events';
import type { WorkContext } from '@tradecore/telemetry';

/** The context of a decision: the event's correlation, account, actor and trace go on; ids of what is stored derive from `commandId`. */
export function causedBy(
  event: RecordedEvent,
  { commandId, sagaId }: Required<Pick<WorkContext, 'commandId' | 'sagaId'>>,
): WorkContext {
  const { account, actor, traceparent } = event.metadata;
  return {
    correlationId: event.correlationId ?? event.id,
    causationId: event.id,
    commandId,
    sagaId,
    ...(account !== undefined && { account }),
    ...(actor !== undefined && { actor }),
    ...(traceparent !== undefined && { traceparent }),
  };
}

/** Whether the catalogue declares the event's type, in whatever version. */
export function isDeclared(catalogue: Catalogue, { aggregateType, type }: RecordedEvent): boolean {
  const declaration = Object.hasOwn(catalogue, aggregateType) ? catalogue[aggregateType] : undefined;
  return declaration?.events.some((each) => each.type === type) ?? false;
}
