-- What the runtime keeps for one projector, in the projector's own schema. {{...}} is filled by projectorMigration.
create schema {{schema}};

-- One row: which log the offsets belong to, and whether the projection is stopped.
create table {{schema}}.projection (
  one boolean primary key default true check (one),
  log text,                                    -- cluster id and namespace; null until built
  epoch uuid not null default gen_random_uuid(), -- a new one whenever rows were thrown away: sequences start again
  start_over boolean not null default false,   -- the next builder throws all rows away first
  built_at timestamptz,
  stopped_reason text,
  stopped_at timestamptz
);
insert into {{schema}}.projection default values;

-- Where each partition goes on. The row is also the lock of the partition: an instance that does not find what it last wrote is no owner any more.
create table {{schema}}.offsets (
  topic text not null,
  partition int not null check (partition >= 0),
  next_offset bigint not null check (next_offset >= 0),
  owner uuid,
  moved_at timestamptz not null default clock_timestamp(),
  primary key (topic, partition)
) with (fillfactor = 50); -- every batch updates its row: room on the page keeps the update out of the index

-- The last event of each aggregate that the model holds. Version 0: none yet, parked at its first.
create table {{schema}}.checkpoints (
  aggregate_id uuid primary key,
  version int not null check (version >= 0),
  event_id uuid,
  parked_version int,
  parked_reason text,
  parked_at timestamptz,
  redrive boolean not null default false, -- an operator asks: the running projector clears the marker and fills the gap
  check ((version = 0) = (event_id is null)),
  check ((parked_version is null) = (parked_reason is null) and (parked_version is null) = (parked_at is null))
) with (fillfactor = 70);
create index checkpoints_parked on {{schema}}.checkpoints (aggregate_id) where parked_version is not null;

-- For people: what waits for a redrive.
create view {{schema}}.parked as
  select aggregate_id, parked_version as version, parked_reason as reason, parked_at as at
  from {{schema}}.checkpoints where parked_version is not null;

-- For exported views: join on the aggregate's id, and each row carries how far it has come and whether it is parked.
create view {{schema}}.progress as
  select aggregate_id, version as _version, parked_reason as _parked from {{schema}}.checkpoints;

grant usage on schema {{schema}} to {{owner}};
grant select, update on {{schema}}.projection to {{owner}};
grant select, insert, update, delete on {{schema}}.offsets to {{owner}};
grant select, insert, update, delete, truncate on {{schema}}.checkpoints to {{owner}};
grant select on {{schema}}.parked, {{schema}}.progress to {{owner}};
-- The tables of the read model come with later migrations of the same login.
alter default privileges in schema {{schema}} grant select, insert, update, delete, truncate on tables to {{owner}};

-- Ends a statement that changed or met something else than what was assumed: what it needs is loaded then.
create function {{schema}}.must_be_all(wanted bigint, matched bigint) returns void language plpgsql as $$
begin
  if wanted <> matched then raise exception '% of % rows are as they were assumed', matched, wanted using errcode = 'serialization_failure'; end if;
end $$;
revoke execute on function {{schema}}.must_be_all from public;
grant execute on function {{schema}}.must_be_all to {{owner}};
