-- What the runtime keeps for one projector, in addition to its offsets.

-- One row: the version of the fold that made the rows, the log of the offsets, and whether the projection is stopped.
create table {{schema}}.projection (
  one boolean primary key default true check (one),
  version int,                                 -- of the fold; null until built: an older one leaves the rows alone, a newer one rebuilds
  log text,                                    -- cluster id and namespace; null until built
  epoch uuid not null default gen_random_uuid(), -- changes whenever rows are deleted: sequences start again
  start_over boolean not null default false,   -- the next builder deletes all rows first
  built_at timestamptz,
  stopped_reason text,
  stopped_at timestamptz
);
insert into {{schema}}.projection default values;

-- The last event of each aggregate that the model holds. Version 0: none yet, parked at its first.
create table {{schema}}.checkpoints (
  aggregate_id uuid primary key,
  version int not null check (version >= 0),
  event_id uuid,
  parked_version int,
  parked_reason text,
  parked_release text,    -- that parked it: a newer one retries by itself, an older one leaves it alone
  parked_at timestamptz,
  redrive boolean not null default false, -- operator request: the running projector clears the marker and fills the gap
  check ((version = 0) = (event_id is null)),
  check ((parked_version is null) = (parked_reason is null) and (parked_version is null) = (parked_at is null))
) with (fillfactor = 70);
create index checkpoints_parked on {{schema}}.checkpoints (aggregate_id) where parked_version is not null;

-- For operators: what waits for a redrive.
create view {{schema}}.parked as
  select aggregate_id, parked_version as version, parked_reason as reason, parked_release as release, parked_at as at
  from {{schema}}.checkpoints where parked_version is not null;

-- For operators: a stopped projection goes on from where it stands; it stops again where the cause is not gone. Returns why it had stopped; null: it
-- had not.
create function {{schema}}.resume() returns text
  language sql set search_path = {{schema}}, pg_temp as $$
  update projection p set stopped_reason = null, stopped_at = null
    from (select stopped_reason from projection for update) before where before.stopped_reason is not null returning before.stopped_reason
$$;

-- For operators: the next builder throws all rows away and folds the store from its first event, in one transaction: readers see the old rows until
-- it is done. Whatever version of the fold made them: so a release that was rolled back gets its rows back.
create function {{schema}}.rebuild() returns void
  language sql set search_path = {{schema}}, pg_temp as $$
  update projection set log = null, version = null, start_over = true, stopped_reason = null, stopped_at = null;
  update offsets set owner = null;
$$;
revoke execute on function {{schema}}.resume, {{schema}}.rebuild from public;
grant execute on function {{schema}}.resume, {{schema}}.rebuild to {{owner}};

-- For exported views: joined on the aggregate's id, it adds to each row its version and whether it is parked.
create view {{schema}}.progress as
  select aggregate_id, version as _version, parked_reason as _parked from {{schema}}.checkpoints;

grant select, update on {{schema}}.projection to {{owner}};
grant select, insert, update, delete, truncate on {{schema}}.checkpoints to {{owner}};
grant select on {{schema}}.parked, {{schema}}.progress to {{owner}};
-- Later migrations of the same login add the read model's tables.
alter default privileges in schema {{schema}} grant select, insert, update, delete, truncate on tables to {{owner}};
