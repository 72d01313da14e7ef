-- What the runtime keeps for one consumer that decides: commands or a saga, in the service's own schema. {{...}} is filled by consumerMigration.
create schema {{schema}};

-- One row: which log the offsets belong to, and whether the consumer is stopped.
create table {{schema}}.consumer (
  one boolean primary key default true check (one),
  log text,                 -- cluster id and namespace; null: begin at the log's start
  replay_from timestamptz,    -- an operator's word: hear what the store holds from then on before the log is read; sagas only
  stopped_reason text,
  stopped_at timestamptz
);
insert into {{schema}}.consumer default values;

-- Where each partition goes on. The row is also the lock of the partition: who does not find what it last wrote is no owner any more.
create table {{schema}}.offsets (
  topic text not null,
  partition int not null check (partition >= 0),
  next_offset bigint not null check (next_offset >= 0),
  owner uuid,
  moved_at timestamptz not null default clock_timestamp(),
  primary key (topic, partition)
) with (fillfactor = 50);

-- What waits for an operator, by who asks and who is asked (for a saga itself: both are the saga). The first of a pair failed and says why;
-- the others wait behind it, in order. The store has the events.
create table {{schema}}.parked_messages (
  n bigint generated always as identity primary key,
  saga_id uuid not null,
  target_id uuid not null,
  event_id uuid unique,     -- null: not an event, a deadline of the saga that had passed
  reason text,
  parked_at timestamptz not null default clock_timestamp(),
  redrive boolean not null default false -- an operator asks: the running consumer tries the pair again, in order
);
create index parked_messages_target on {{schema}}.parked_messages (target_id, saga_id, n);

-- For people: what failed, and how much waits behind it.
create view {{schema}}.parked as
  select h.saga_id, h.target_id, h.event_id, h.reason, h.parked_at as since,
         (select count(*) - 1 from {{schema}}.parked_messages w where (w.saga_id, w.target_id) = (h.saga_id, h.target_id)) as waiting
    from {{schema}}.parked_messages h where h.reason is not null;

-- An operator's word after a halt: begin at the log's start. A saga first hears what the store holds from `since` on.
create function {{schema}}.begin_again(since timestamptz default null) returns void
  language sql set search_path = {{schema}}, pg_temp as $$
  delete from offsets;
  update consumer set log = null, replay_from = since, stopped_reason = null, stopped_at = null;
$$;

grant usage on schema {{schema}} to {{owner}};
grant select, update on {{schema}}.consumer to {{owner}};
grant select, insert, update, delete on {{schema}}.offsets, {{schema}}.parked_messages to {{owner}};
grant select on {{schema}}.parked to {{owner}};
revoke execute on function {{schema}}.begin_again from public;
grant execute on function {{schema}}.begin_again to {{owner}};
