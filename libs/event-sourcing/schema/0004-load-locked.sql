-- Loads many aggregates for decisions in the caller's transaction: locks them all, then reads. One call, for each round trip of a batch is time in
-- which its locks are held.
--
--   aggregates, types: whom; types are those of which the caller is the writer
--   known_versions, known_ids: what the caller holds of each: its version and the id of that version's event. Only later events are returned; all
--     of them when the store has not this event as this version. A null id is not compared.
--   lookups: ids of events that the caller wants beside, if they are there
--   wait_ms: how long to wait for each lock before lock_not_available
--   page: events of one aggregate at most; the caller, who holds the lock, reads on where the head says more
-- Returns for each aggregate, by its number (1, 2, ...), a row without id: version of its head (0: none) and `at`, the time now; then its events
-- in order. Number 0: events that were looked up.
--
-- Locks in the order of append_events: ids without a head by lock key, then heads by id. READ COMMITTED: each statement sees what the one before
-- has waited for; a join of lock and rows in one statement would see the rows of before the wait.
create function load_locked(
  aggregates uuid[], types text[], known_versions integer[], known_ids uuid[], lookups uuid[], wait_ms integer, page integer
) returns table (
  number integer, id uuid, aggregate_id uuid, aggregate_type text, version integer, type text, schema_version integer, data jsonb, at text,
  correlation_id uuid, causation_id uuid, saga_id uuid, metadata jsonb
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
  locked uuid[];
  caller_lock_timeout text := current_setting('lock_timeout');
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'load_locked needs READ COMMITTED, not %', current_setting('transaction_isolation') using errcode = 'feature_not_supported';
  end if;
  if exists (
    select from (select distinct w.type from unnest(types) w (type)) w
    left join aggregate_types t on t.aggregate_type = w.type
    where t.writer is null or not pg_has_role(session_user, t.writer, 'member')
  ) then
    raise exception '% does not write all of %', session_user, types using errcode = 'insufficient_privilege';
  end if;

  perform set_config('lock_timeout', wait_ms::text, true);
  locked := array(
    select n.id from (
      select distinct uuid_hash_extended(p.id, 0) as lock_key, p.id from unnest(aggregates) p (id)
      where not exists (select from stream_heads h where h.aggregate_id = p.id) order by lock_key
    ) n where pg_advisory_xact_lock(n.lock_key)::text is not null);
  locked := array(
    select h.aggregate_id from stream_heads h
    where h.aggregate_id = any (aggregates) and h.aggregate_type = any (types) order by h.aggregate_id for update);
  perform set_config('lock_timeout', caller_lock_timeout, true);

  return query
    select w.n::integer, null::uuid, w.id, coalesce(h.aggregate_type, w.type)::text, coalesce(h.version, 0), null::text, null::integer, null::jsonb,
           to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), null::uuid, null::uuid, null::uuid, null::jsonb
      from unnest(aggregates, types) with ordinality w (id, type, n)
      left join stream_heads h on h.aggregate_id = w.id;

  return query
    select w.n::integer, e.event_id, e.aggregate_id, e.aggregate_type::text, e.aggregate_version, e.event_type::text, e.schema_version, e.event_data,
           to_char(e."timestamp" at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), e.correlation_id, e.causation_id, e.saga_id, e.metadata
      from (
        select g.n, g.id, h.version as head,
          case when g.known_id is null or exists (
            select from event_store k where k.event_id = g.known_id and k.aggregate_id = g.id and k.aggregate_version = g.known
          ) then g.known else 0 end as known
        from unnest(aggregates, known_versions, known_ids) with ordinality g (id, known, known_id, n)
        join stream_heads h on h.aggregate_id = g.id
      ) w
      cross join lateral (
        select s.* from event_store s where s.aggregate_id = w.id and s.aggregate_version > w.known order by s.aggregate_version limit page
      ) e
     where w.head > w.known
     order by w.n, e.aggregate_version;

  return query
    select 0, e.event_id, e.aggregate_id, e.aggregate_type::text, e.aggregate_version, e.event_type::text, e.schema_version, e.event_data,
           to_char(e."timestamp" at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), e.correlation_id, e.causation_id, e.saga_id, e.metadata
      from event_store e where e.event_id = any (lookups);
end $$;

revoke execute on function load_locked from public;
grant execute on function load_locked to :role(reader);
