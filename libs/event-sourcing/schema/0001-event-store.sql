-- The event store: every fact, append-only, versions 1..n of each aggregate without gaps, each event chained to the
-- previous one by its hash.

create table aggregate_types (
  aggregate_type varchar(100) primary key,
  topic text not null,
  asserted boolean not null default false
);
comment on table aggregate_types is 'The topic of each type''s events; asserted: saves may assert the version of such an aggregate. Filled from the catalogue by each migration run.';

create table event_writers (
  aggregate_type varchar(100) references aggregate_types,
  event_type varchar(200),
  writer name,
  primary key (aggregate_type, event_type, writer)
);
comment on table event_writers is 'Which roles may append events of a type. Filled from the catalogue by each migration run.';

-- No index on aggregate_id: the unique key (aggregate_id, aggregate_version) already serves as one, and so do the
-- primary keys. A position is drawn before its event is visible, so no reader may rely on it as a cursor: bulk readers
-- walk the index on time in one snapshot. The BRIN index (a few pages, no maintenance at an append) is for ranges that
-- the relay has proved complete: those between two of its floors.
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
-- For the limit on accounts opened per subject.
create index event_store_owner on event_store ((event_data ->> 'owner')) where event_type = 'AccountOpened';
create sequence event_position as bigint owned by event_store.position;

-- The last event of each aggregate, which writers lock and compare. Updates stay in the page: only the key is indexed,
-- and there is room.
create table stream_heads (
  aggregate_id uuid primary key,
  aggregate_type varchar(100) not null,
  version integer not null,
  hash bytea not null,
  "timestamp" timestamptz not null
) with (fillfactor = 70);

-- What the relay still has to publish: a narrow pointer; the relay joins the payload. seq = position.
create table event_outbox (
  seq bigint primary key,
  event_id uuid not null,
  topic text not null,
  key text not null,
  save text -- which events were stored together, and how many: <first position>.<events>; null when no longer known
);

-- Read by the trigger below: until when the relay sleeps and wants to be woken.
create table relay_state (
  shard smallint primary key,
  asleep_until timestamptz not null default '-infinity'
) with (fillfactor = 10);
insert into relay_state (shard) values (0);

create function notify_outbox_event() returns trigger
  language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  -- A NOTIFY locks the whole cluster at commit (measured: 18,000 commits/s drop to 700 at 1 ms per flush): notify only
  -- a sleeping relay.
  if exists (select from relay_state where asleep_until > clock_timestamp()) then
    perform pg_notify('outbox_events', '');
  end if;
  return null;
end $$;
create trigger outbox_insert_notify after insert on event_outbox for each statement execute function notify_outbox_event();

-- The identity of this store, and whether it accepts events: one row.
create table store_identity (
  one boolean primary key default true check (one),
  store_id uuid not null default gen_random_uuid(), -- in the relay's names at the broker: one position per store
  copy_of uuid,                                     -- of a copy that was restored aside: the live store's id
  epoch uuid not null default gen_random_uuid(),    -- changes when events are given up: versions and ids are reused
  opening uuid not null default gen_random_uuid(),  -- changes at each reopening: the topics' tail is read twice
  system_identifier text,                           -- of the server where a relay last led,
  timeline integer,                                 -- and its timeline: a restore or failover starts a new one
  moved_at timestamptz,                             -- found to have changed; until an operator acknowledges it
  moved_from text,
  closed_at timestamptz,                            -- since then nothing is decided or stored
  closed_reason text
);
insert into store_identity default values;

-- Raises TC003 while the store is closed. A restored store has lost everything after the restored state: deciding on it
-- could spend the same money twice.
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

-- Least privilege: every service reads facts; writing is EXECUTE on append_events, given to the writers that the
-- catalogue names.
grant select on event_store, stream_heads, aggregate_types, event_writers, store_identity to :role(reader);
