-- What the runtime keeps for one process or intake, in addition to its offsets.

-- One row: which log the offsets belong to, and whether the consumer is stopped.
create table {{schema}}.consumer (
  one boolean primary key default true check (one),
  log text,                 -- cluster id and namespace; null: begin at the log's start
  replay_from timestamptz,    -- operator request: replay stored events from then on before reading the log
  beginner uuid,              -- the instance that makes the offsets usable,
  beginner_until timestamptz, -- and when its claim expires unless renewed
  stopped_reason text,
  stopped_at timestamptz
);
insert into {{schema}}.consumer default values;

-- What waits for an operator, by saga and target (for an input of a process both are the saga). The first of a pair
-- failed and says why; the others wait behind it, in order. The events are in the store.
create table {{schema}}.parked_messages (
  n bigint generated always as identity primary key,
  saga_id uuid not null,
  target_id uuid not null,
  event_id uuid unique,     -- null: not an event but a passed deadline of the saga
  reason text,
  release text not null,    -- that parked it or took it over: a newer one retries the pair by itself, an older one leaves it alone
  parked_at timestamptz not null default clock_timestamp(),
  redrive boolean not null default false -- operator request: the running consumer retries the pair, in order
);
create index parked_messages_target on {{schema}}.parked_messages (target_id, saga_id, n);

-- For operators: what failed, and how much waits behind it.
create view {{schema}}.parked as
  select m.saga_id, m.target_id, m.event_id, m.reason, m.release, m.parked_at as since,
         (select count(*) - 1 from {{schema}}.parked_messages w where (w.saga_id, w.target_id) = (m.saga_id, m.target_id)) as waiting
    from {{schema}}.parked_messages m where m.reason is not null;

-- For operators: a stopped consumer goes on from where it stands; it stops again where the cause is not gone. Returns why it had stopped; null: it
-- had not.
create function {{schema}}.resume() returns text
  language sql set search_path = {{schema}}, pg_temp as $$
  update consumer c set stopped_reason = null, stopped_at = null
    from (select stopped_reason from consumer for update) before where before.stopped_reason is not null returning before.stopped_reason
$$;
revoke execute on function {{schema}}.resume from public;
grant execute on function {{schema}}.resume to {{owner}};

-- For operators, after a halt: begin at the log's start, or with the stored events from `since` on and then at the
-- log's end.
create function {{schema}}.begin_again(since timestamptz default null) returns void
  language sql set search_path = {{schema}}, pg_temp as $$
  delete from offsets;
  update consumer set log = null, replay_from = since, beginner = null, stopped_reason = null, stopped_at = null;
$$;

grant select, update on {{schema}}.consumer to {{owner}};
grant select, insert, update, delete on {{schema}}.parked_messages to {{owner}};
grant select on {{schema}}.parked to {{owner}};
revoke execute on function {{schema}}.begin_again from public;
grant execute on function {{schema}}.begin_again to {{owner}};
