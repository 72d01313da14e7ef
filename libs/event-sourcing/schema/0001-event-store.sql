-- The event store: every fact, append-only, versions 1..n of each aggregate without a hole, each event chained to the one before by its hash.

create table aggregate_types (
  aggregate_type varchar(100) primary key,
  topic text not null,
  asserted boolean not null default false
);
comment on table aggregate_types is 'Where the events of a type go; asserted: saves may assert the version of such an aggregate. Filled from the catalogue by each migration run.';

create table event_writers (
  aggregate_type varchar(100) references aggregate_types,
  event_type varchar(200),
  writer name,
  primary key (aggregate_type, event_type, writer)
);
comment on table event_writers is 'Which roles may append events of a type. Filled from the catalogue by each migration run.';

-- No index on aggregate_id: the unique key (aggregate_id, aggregate_version) is one already, and so are the primary keys.
-- A position is drawn before its event is visible, so no reader may go on by it alone: bulk readers walk the index on time in one snapshot. The BRIN
-- index (a few pages, nothing to maintain at an append) is for ranges that the relay has proved complete: what lies between two of its floors.
create table event_store (
  event_id uuid primary key,
  aggregate_id uuid not null,
  aggregate_type varchar(100) not null,
  aggregate_version integer not null check (aggregate_version >= 1),
  event_type varchar(200) not null,
  event_data jsonb not null,
  "timestamp" timestamptz not null,
  correlation_id uuid,
  causation_id uuid,
  saga_id uuid,
  metadata jsonb not null,
  schema_version integer not null check (schema_version >= 1),
  position bigint not null,
  hash bytea not null,
  unique (aggregate_id, aggregate_version)
);
create index event_store_type_time on event_store (aggregate_type, "timestamp");
create index event_store_time on event_store ("timestamp");
create index event_store_position on event_store using brin (position) with (pages_per_range = 16);
-- How many accounts a subject opened: there is a limit.
create index event_store_owner on event_store ((event_data ->> 'owner')) where event_type = 'AccountOpened';
create sequence event_position as bigint owned by event_store.position;

-- The last event of each aggregate: what a writer locks and compares. Updates stay in the page (no index but the key), with room for them.
create table stream_heads (
  aggregate_id uuid primary key,
  aggregate_type varchar(100) not null,
  version integer not null,
  hash bytea not null,
  "timestamp" timestamptz not null
) with (fillfactor = 70);

-- What the relay has still to publish: a narrow pointer, the payload is joined by the relay. seq = position.
create table event_outbox (
  seq bigint primary key,
  event_id uuid not null,
  topic text not null,
  key text not null,
  save text -- which events were stored together, and how many: <first position>.<events>; null where it is not known any more
);

-- What the trigger below asks: until when the relay sleeps and wants to be woken.
create table relay_state (
  shard smallint primary key,
  asleep_until timestamptz not null default '-infinity'
) with (fillfactor = 10);
insert into relay_state (shard) values (0);

create function notify_outbox_event() returns trigger
  language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  -- A NOTIFY takes a lock on the whole cluster at commit (measured: 18,000 commits/s fall to 700 at 1 ms a flush), so only a sleeper is woken.
  if exists (select from relay_state where asleep_until > clock_timestamp()) then
    perform pg_notify('outbox_events', '');
  end if;
  return null;
end $$;
create trigger outbox_insert_notify after insert on event_outbox for each statement execute function notify_outbox_event();

-- Which store this is, and whether it takes events: one row.
create table store_identity (
  one boolean primary key default true check (one),
  store_id uuid not null default gen_random_uuid(), -- part of the relay's names at the broker: another store never continues this one's position
  epoch uuid not null default gen_random_uuid(),    -- another one when events were given up: their versions and ids will be given again
  opening uuid not null default gen_random_uuid(),  -- another one whenever it was opened again: readers have read the topics' tail twice
  system_identifier text,                           -- of the server on which a relay last led,
  timeline integer,                                 -- and its timeline: a restore and a failover begin another one
  moved_at timestamptz,                             -- they were found to be others; until an operator has looked
  moved_from text,
  closed_at timestamptz,                            -- from then on nothing is decided and nothing is stored
  closed_reason text
);
insert into store_identity default values;

-- Raises TC003 while the store is closed. A restored store does not know what it had said after the moment it was restored to: who decides on it
-- spends the same money twice.
create function must_be_open() returns void language plpgsql stable as $$
declare
  why text;
begin
  select s.closed_reason into why from store_identity s where s.one and s.closed_at is not null;
  if found then raise exception 'the store is closed: %', why using errcode = 'TC003'; end if;
end $$;

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% of % refused: it is append-only', tg_op, tg_table_name using errcode = 'insufficient_privilege';
end $$;
create trigger event_store_append_only before update or delete or truncate on event_store for each statement execute function refuse_change();

-- Least privilege: every service reads facts; writing is EXECUTE on append_events, given to the writers that the catalogue names.
grant select on event_store, stream_heads, aggregate_types, event_writers, store_identity to :role(reader);
