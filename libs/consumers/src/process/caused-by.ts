import { derivedId, orderOf, type RecordedEvent } from '@tradecore/events';
import type { WorkContext } from '@tradecore/telemetry';
import type { SagaOrigin } from './saga-rows.ts';

/**
 * The context of what follows from an event: correlation, account, actor and trace carry over; the ids of what is
 * stored derive from the event's id.
 */
export function causedBy(event: RecordedEvent, sagaId: string): WorkContext {
  const { account, actor, traceparent } = event.metadata;
  const order = orderOf(event);
  return {
    correlationId: event.correlationId ?? event.id,
    causationId: event.id,
    commandId: event.id,
    sagaId,
    ...(account !== undefined && { account }),
    ...(order !== undefined && { order }),
    ...(actor !== undefined && { actor }),
    ...(traceparent !== undefined && { traceparent }),
  };
}

/**
 * The context of what follows from a deadline: named after the state that it found, so that it is handled once in that
 * state.
 */
export function causedByDeadline(sagaId: string, version: number, { correlationId, account, actor }: SagaOrigin): WorkContext {
  return {
    correlationId,
    commandId: derivedId('deadline', sagaId, String(version)),
    sagaId,
    ...(account !== undefined && { account }),
    ...(actor !== undefined && { actor }),
  };
}

/** What every event of a saga carries over from the one that began it. */
export const originOf = ({ id, correlationId, metadata: { account, actor } }: RecordedEvent): SagaOrigin => ({
  correlationId: correlationId ?? id,
  account,
  actor,
});
