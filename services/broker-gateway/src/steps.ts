import { Inject, Injectable } from '@nestjs/common';
import type { Transaction } from '@tradecore/event-sourcing';
import {
  CancelBrokerOrder,
  placementIdFor,
  ReplaceBrokerOrder,
  type RecordedEvent,
  type ReplacingTerms,
  type RevisionTerms,
  type StepEvent,
} from '@tradecore/events';
import type { WorkContext } from '@tradecore/telemetry';
import { DataSource } from 'typeorm';

/** A step as its row holds it. */
export interface Step {
  readonly commandId: string;
  readonly brokerOrderId: string;
  readonly kind: 'submit' | 'replace' | 'cancel';
  /** Null for a cancel. */
  readonly terms: RevisionTerms | ReplacingTerms | null;
  /** Context of the events that answer it. */
  readonly context: WorkContext;
}

/** Reads a stored step. */
export function stepOf(event: RecordedEvent<StepEvent>): Step {
  const { target, commandId, attempt: _, dueAt: __, ...terms } = event.data;
  const of = { commandId, brokerOrderId: target, context: contextOf(event) };
  if (event.type === CancelBrokerOrder.type) return { ...of, kind: 'cancel', terms: null };
  const kind = event.type === ReplaceBrokerOrder.type ? 'replace' : 'submit';
  return { ...of, kind, terms: terms as RevisionTerms | ReplacingTerms };
}

/** The rows of steps that were taken in and are not answered yet. */
@Injectable()
export class Steps {
  constructor(@Inject(DataSource) private readonly alone: DataSource) {}

  /** Inserts the steps that need a row; returns the BrokerOrders of the new rows. */
  async put(tx: Transaction, steps: readonly Step[]): Promise<string[]> {
    const rows = (await tx.query(
      `insert into broker_gateway.steps (command_id, broker_order_id, kind, terms, replaces, context)
       select s."commandId", s."brokerOrderId", s.kind, nullif(s.terms, 'null'), (s.terms ->> 'replaces')::uuid, s.context
         from jsonb_to_recordset($1::jsonb) s ("commandId" uuid, "brokerOrderId" uuid, kind text, terms jsonb, context jsonb)
        where broker_gateway.needs_row(s."commandId", s."brokerOrderId", s.kind = 'cancel', (s.terms ->> 'quantity')::numeric)
        order by s."commandId"
       on conflict (command_id) do nothing returning broker_order_id as id`,
      [JSON.stringify(steps)],
    )) as { id: string }[];
    return [...new Set(rows.map(({ id }) => id))];
  }

  /** The open steps of these BrokerOrders, in order of intake. */
  async of(brokerOrderIds: readonly string[]): Promise<Step[]> {
    return (await this.alone.query(
      `select command_id as "commandId", broker_order_id as "brokerOrderId", kind, terms, context
         from broker_gateway.steps where broker_order_id = any ($1::uuid[]) order by taken_at, command_id`,
      [brokerOrderIds],
    )) as Step[];
  }

  /** Removes answered steps, in the transaction that stores the answers. */
  async remove(tx: Transaction, commandIds: readonly string[]): Promise<void> {
    if (commandIds.length === 0) return;
    await tx.query('delete from broker_gateway.steps where command_id = any ($1::uuid[])', [commandIds]);
  }

  /** The BrokerOrders that are to replace this one. */
  async replacementsOf(brokerOrderId: string): Promise<string[]> {
    const rows = (await this.alone.query('select broker_order_id as id from broker_gateway.steps where replaces = $1', [
      brokerOrderId,
    ])) as { id: string }[];
    return rows.map(({ id }) => id);
  }
}

function contextOf({ id, correlationId, metadata, data }: RecordedEvent<StepEvent>): WorkContext {
  const { traceparent } = metadata;
  return {
    correlationId: correlationId ?? id,
    causationId: id,
    sagaId: placementIdFor(data.orderId),
    account: data.accountId,
    actor: 'broker-gateway',
    ...(traceparent !== undefined && { traceparent }),
  };
}
