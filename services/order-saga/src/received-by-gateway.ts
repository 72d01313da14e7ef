import type { Received } from '@tradecore/consumers';

/** Which steps the gateway has received: pending in its exported view, or answered by its events. */
export const receivedByGateway: Received = async (tx, steps) => {
  const rows = (await tx.query(
    `select s.command_id as "commandId" from unnest($1::uuid[], $2::uuid[]) s (command_id, target)
      where exists (select from broker_gateway.exported_steps x where x.command_id = s.command_id)
         or exists (
           select from event_store e where e.aggregate_id = s.target
              and s.command_id::text in (e.event_data->>'answers', e.event_data#>>'{opening,commandId}'))`,
    [steps.map(({ commandId }) => commandId), steps.map(({ target }) => target)],
  )) as { commandId: string }[];
  return new Set(rows.map(({ commandId }) => commandId));
};
