-- The state of an aggregate after one of its events, so that a load replays only what came later. A snapshot is a
-- cache: emptying the table loses nothing, and an invalid snapshot is ignored. One row for each shape of the state, so
-- that two builds of a rolling deployment don't overwrite each other's.
create table snapshots (
  aggregate_id uuid,
  shape integer check (shape >= 1),
  version integer not null check (version >= 1),
  state jsonb not null,
  hash bytea not null, -- chained to the hash of the event of this version
  primary key (aggregate_id, shape)
);

-- Binds a state to the history that led to it: a different state, shape or history gives a different hash.
create function snapshot_hash(event_hash bytea, shape integer, state jsonb) returns bytea language sql stable parallel safe as $$
  select sha256(event_hash || int4send(shape) || convert_to(state::text, 'UTF8'))
$$;

-- Keeps snapshots of committed states; one array element or object of `states` each. Only for events in the store, and
-- only from a writer of the aggregate's type; a snapshot serves all services. A valid one is replaced only by a later
-- version. The previous shape stays for the previous build; earlier ones are deleted.
create function save_snapshots(aggregates uuid[], shapes integer[], versions integer[], states jsonb) returns void
  language plpgsql security definer
  set search_path = pg_catalog, public, pg_temp
  set plan_cache_mode = force_generic_plan
  set jit = off
  set enable_seqscan = off
  set enable_bitmapscan = off
  set enable_hashjoin = off
  set enable_mergejoin = off
as $$
#variable_conflict use_column
begin
  if exists (
    select from unnest(aggregates, versions) g (id, version)
    left join event_store e on e.aggregate_id = g.id and e.aggregate_version = g.version
    where e.event_id is null or not may_write(e.aggregate_type, null)
  ) then
    raise exception '% has no event here to make a snapshot of', session_user using errcode = 'insufficient_privilege';
  end if;

  insert into snapshots as s (aggregate_id, shape, version, state, hash)
  select g.id, g.shape, g.version, g.state, snapshot_hash(e.hash, g.shape, g.state)
    from rows from (unnest(aggregates), unnest(shapes), unnest(versions), jsonb_array_elements(states)) g (id, shape, version, state)
    join event_store e on e.aggregate_id = g.id and e.aggregate_version = g.version
   order by g.id
      on conflict (aggregate_id, shape) do update set version = excluded.version, state = excluded.state, hash = excluded.hash
      where s.version < excluded.version or not exists (
        select from event_store e where e.aggregate_id = s.aggregate_id and e.aggregate_version = s.version
                                    and snapshot_hash(e.hash, s.shape, s.state) = s.hash);
  delete from snapshots s using unnest(aggregates, shapes) g (id, shape) where s.aggregate_id = g.id and s.shape < g.shape - 1;
end $$;

revoke execute on function snapshot_hash, save_snapshots from public;
grant execute on function snapshot_hash, save_snapshots to :role(reader);
grant select on snapshots to :role(reader);
