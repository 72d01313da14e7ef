-- Loads many aggregates of different types in one call, in the snapshot of the calling statement.
--
--   aggregates, types: what to load
--   known_versions, known_ids: what the caller already has of each: its version (0: nothing) and the id of that
--     version's event. Only later events are returned, if the store has this event at this version.
--   shapes: if the caller's state can't be continued, look for a snapshot of this shape; null: none wanted
--   lookups: ids of further events to return, if they exist
--   page: maximum events per aggregate; the caller reads on if the head is further
-- Returns, by the number of the aggregate (1, 2, ...):
--   head: version of the aggregate (0: it has no event), and the version after which its events start
--   snapshot, if one was wanted and exists: state in `data` (null: invalid), the id of the event that led to it
--   event: the later events, in order
-- Number 0: a head with the current time (`at`) and the store's epoch (`id`), and the events looked up.
create function load_many(
  aggregates uuid[], types text[], known_versions integer[], known_ids uuid[], shapes integer[], lookups uuid[], page integer
) returns table (
  number integer, kind text, id uuid, aggregate_id uuid, aggregate_type text, version integer, after integer, type text, schema_version integer,
  data jsonb, at text, correlation_id uuid, causation_id uuid, saga_id uuid, metadata jsonb
)
  language plpgsql stable
  set search_path = pg_catalog, public, pg_temp
  set plan_cache_mode = force_generic_plan
  set jit = off
  set enable_seqscan = off
  set enable_bitmapscan = off
  set enable_hashjoin = off
  set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  heads integer[];
  starts integer[];
  snapshot_versions integer[];
  snapshot_events uuid[];
  snapshot_states jsonb[];
begin
  select array_agg(coalesce(h.version, 0) order by w.n),
         array_agg(case when k.leads_on then w.known when s.holds then s.version else 0 end order by w.n),
         array_agg(s.version order by w.n), array_agg(s.event_id order by w.n), array_agg(case when s.holds then s.state end order by w.n)
    into heads, starts, snapshot_versions, snapshot_events, snapshot_states
    from unnest(aggregates, types, known_versions, known_ids, shapes) with ordinality w (id, type, known, known_id, shape, n)
    left join stream_heads h on h.aggregate_id = w.id
    cross join lateral (
      select w.known > 0 and exists (
        select from event_store e where e.event_id = w.known_id and e.aggregate_id = w.id and e.aggregate_version = w.known
      ) as leads_on offset 0
    ) k
    left join lateral (
      select s.version, s.state, e.event_id,
             coalesce(e.aggregate_type = w.type and s.hash = snapshot_hash(e.hash, s.shape, s.state), false) as holds
        from snapshots s left join event_store e on e.aggregate_id = s.aggregate_id and e.aggregate_version = s.version
       where not k.leads_on and s.aggregate_id = w.id and s.shape = w.shape offset 0
    ) s on true;

  return query
    select 0, 'head', i.epoch, null::uuid, null::text, 0, 0, null::text, null::integer, null::jsonb,
           to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), null::uuid, null::uuid, null::uuid, null::jsonb
      from store_identity i where i.one;
  return query
    select w.n::integer, 'head', null::uuid, w.id, w.type, w.head, w.start, null::text, null::integer, null::jsonb, null::text,
           null::uuid, null::uuid, null::uuid, null::jsonb
      from unnest(aggregates, types, heads, starts) with ordinality w (id, type, head, start, n);
  return query
    select w.n::integer, 'snapshot', w.event_id, w.id, w.type, w.version, null::integer, null::text, w.shape, w.state, null::text,
           null::uuid, null::uuid, null::uuid, null::jsonb
      from unnest(aggregates, types, shapes, snapshot_versions, snapshot_events, snapshot_states)
           with ordinality w (id, type, shape, version, event_id, state, n)
     where w.version is not null;
  return query
    select w.n::integer, 'event', e.event_id, e.aggregate_id, e.aggregate_type::text, e.aggregate_version, null::integer, e.event_type::text,
           e.schema_version, e.event_data, to_char(e."timestamp" at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           e.correlation_id, e.causation_id, e.saga_id, e.metadata
      from unnest(aggregates, heads, starts) with ordinality w (id, head, start, n)
      cross join lateral (
        select s.* from event_store s where s.aggregate_id = w.id and s.aggregate_version > w.start order by s.aggregate_version limit page
      ) e
     where w.head > w.start
     order by w.n, e.aggregate_version;
  return query
    select 0, 'event', e.event_id, e.aggregate_id, e.aggregate_type::text, e.aggregate_version, null::integer, e.event_type::text,
           e.schema_version, e.event_data, to_char(e."timestamp" at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           e.correlation_id, e.causation_id, e.saga_id, e.metadata
      from event_store e where e.event_id = any (lookups);
end $$;

-- The same for decisions in the caller's transaction: locks the aggregates, then reads. One call, because locks are
-- held during each round trip of a batch. The caller must be a writer of each of the types. Aggregates of asserted
-- types are read but not locked: decisions on them assert them in the save, many at once.
--   wait_ms: how long to wait for each lock before lock_not_available
-- Raises TC003 while the store is closed.
--
-- Locks in the order of append_events: ids without a head by lock key, then heads by id. READ COMMITTED: each statement
-- sees what the previous one waited for; a join of lock and rows in one statement would see the rows from before the
-- wait.
create function load_locked(
  aggregates uuid[], types text[], known_versions integer[], known_ids uuid[], shapes integer[], lookups uuid[], page integer, wait_ms integer
) returns table (
  number integer, kind text, id uuid, aggregate_id uuid, aggregate_type text, version integer, after integer, type text, schema_version integer,
  data jsonb, at text, correlation_id uuid, causation_id uuid, saga_id uuid, metadata jsonb
)
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
declare
  asserted_types text[];
  to_lock uuid[];
  locked uuid[];
  caller_lock_timeout text := current_setting('lock_timeout');
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'load_locked needs READ COMMITTED, not %', current_setting('transaction_isolation') using errcode = 'feature_not_supported';
  end if;
  perform must_be_open();
  asserted_types := array(
    select w.type from (select distinct w.type from unnest(types) w (type)) w join aggregate_types t on t.aggregate_type = w.type where t.asserted);
  if exists (
    select from (select distinct w.type from unnest(types) w (type) offset 0) w where w.type <> all (asserted_types) and not may_write(w.type, null)
  ) then
    raise exception '% does not write all of %', session_user, types using errcode = 'insufficient_privilege';
  end if;
  to_lock := array(select distinct w.id from unnest(aggregates, types) w (id, type) where w.type <> all (asserted_types));

  perform set_config('lock_timeout', wait_ms::text, true);
  locked := array(
    select n.id from (
      select distinct uuid_hash_extended(p.id, 0) as lock_key, p.id from unnest(to_lock) p (id)
      where not exists (select from stream_heads h where h.aggregate_id = p.id) order by lock_key
    ) n where pg_advisory_xact_lock(n.lock_key)::text is not null);
  locked := array(
    select h.aggregate_id from stream_heads h
    where h.aggregate_id = any (to_lock) and h.aggregate_type = any (types) order by h.aggregate_id for update);
  perform set_config('lock_timeout', caller_lock_timeout, true);

  return query select l.* from load_many(aggregates, types, known_versions, known_ids, shapes, lookups, page) l;
end $$;

revoke execute on function load_many, load_locked from public;
grant execute on function load_many, load_locked to :role(reader);
