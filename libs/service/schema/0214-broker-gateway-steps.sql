-- Steps that the gateway has taken in: a row each, written by the intake with the offsets, never changed, gone with the answer that is stored.
-- The stored step is the durable intent; the row is the quick way to it, and says what is open.
create table broker_gateway.steps (
  command_id uuid primary key,
  broker_order_id uuid not null,
  kind text not null check (kind in ('submit', 'replace', 'cancel')),
  -- Terms of a submit or replace.
  terms jsonb,
  replaces uuid,
  -- Where its events come from: correlation, saga, account, trace.
  context jsonb not null,
  taken_at timestamptz not null default clock_timestamp(),
  check ((kind = 'cancel') = (terms is null)),
  check ((kind = 'replace') = (replaces is not null))
);
create index steps_broker_order on broker_gateway.steps (broker_order_id);
create index steps_replaces on broker_gateway.steps (replaces) where replaces is not null;
-- Most rows go within a second.
alter table broker_gateway.steps set (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500);

-- Whether a step needs a row: it has no answer, and its BrokerOrder has not ended. What is not sure (an execution was taken back) gets one:
-- whoever attends to it finds that there is nothing to do.
create function broker_gateway.needs_row(command uuid, broker_order uuid, is_cancel boolean, quantity numeric) returns boolean
  language sql stable set search_path = public, pg_temp as $$
  select case
    when is_cancel then coalesce(not bool_or(e.event_data ->> 'answers' = command::text), true)
    when bool_or(e.event_type in ('ExecutionBusted', 'ExecutionCorrected', 'BrokerOrderResumed')) then true
    else coalesce(max(e.aggregate_version) filter (where e.event_type in ('BrokerOrderRejected', 'BrokerOrderLapsed', 'BrokerOrderCanceled',
           'BrokerOrderReplaced', 'BrokerOrderExpired', 'BrokerReplaceRejected')), 0)
         <= coalesce(max(e.aggregate_version) filter (where e.event_type = 'BrokerOrderAccepted'), 0)
      and not (coalesce(bool_or(e.event_type = 'BrokerOrderAccepted'), false)
               and coalesce(sum((e.event_data ->> 'quantity')::numeric) filter (where e.event_type = 'ExecutionReported'), 0)
                 + coalesce(max((e.event_data ->> 'carriedQuantity')::numeric), 0) >= quantity)
  end
  from event_store e where e.aggregate_id = broker_order
$$;

-- For the saga: does the gateway have this step?
create view broker_gateway.exported_steps as select command_id from broker_gateway.steps;

grant select, insert, delete on broker_gateway.steps to :role(broker-gateway);
revoke execute on function broker_gateway.needs_row from public;
grant execute on function broker_gateway.needs_row to :role(broker-gateway);
grant usage on schema broker_gateway to :role(order-saga);
grant select on broker_gateway.exported_steps to :role(order-saga);
