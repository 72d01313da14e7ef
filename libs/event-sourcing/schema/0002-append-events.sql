-- The chain: hash = sha256(previous hash, fields); the first previous is sha256(type, id). Each field has its length in
-- front (int4; -1 is null), so that no two events have the same bytes. libs/event-sourcing/src/load/hash-chain.ts does
-- the same; a vector file keeps the two in step.
create function event_fields(
  event_id uuid, event_type text, aggregate_version integer, schema_version integer, "timestamp" timestamptz,
  correlation_id uuid, causation_id uuid, saga_id uuid, event_data text, metadata text
) returns bytea language sql stable parallel safe as $$
  select '\x00000010'::bytea || uuid_send(event_id)
    || int4send(octet_length(event_type)) || convert_to(event_type, 'UTF8')
    || '\x00000004'::bytea || int4send(aggregate_version)
    || '\x00000004'::bytea || int4send(schema_version)
    || '\x00000008'::bytea || int8send((extract(epoch from "timestamp") * 1000000)::bigint)
    || coalesce('\x00000010'::bytea || uuid_send(correlation_id), '\xffffffff'::bytea)
    || coalesce('\x00000010'::bytea || uuid_send(causation_id), '\xffffffff'::bytea)
    || coalesce('\x00000010'::bytea || uuid_send(saga_id), '\xffffffff'::bytea)
    || int4send(octet_length(event_data)) || convert_to(event_data, 'UTF8')
    || int4send(octet_length(metadata)) || convert_to(metadata, 'UTF8')
$$;

create function first_previous(aggregate_type text, aggregate_id uuid) returns bytea language sql stable parallel safe as $$
  select sha256(int4send(octet_length(aggregate_type)) || convert_to(aggregate_type, 'UTF8') || '\x00000010'::bytea || uuid_send(aggregate_id))
$$;

create function event_chain_step(state bytea, previous bytea, fields bytea) returns bytea language plpgsql immutable parallel safe as $$
begin
  return sha256(coalesce(state, previous) || fields);
end $$;
-- As a window function over the events of an aggregate, by version: the hash of each.
create aggregate event_chain(previous bytea, fields bytea) (sfunc = event_chain_step, stype = bytea);

-- Whether the session's login may append events of this type to aggregates of that type; with a null event type: any
-- events. Not in SQL: an SQL function is planned anew in each statement that calls it.
create function may_write(aggregate_type text, event_type text) returns boolean language plpgsql stable as $$
#variable_conflict use_column
begin
  return exists (
    select from event_writers w
    where w.aggregate_type = may_write.aggregate_type and (may_write.event_type is null or w.event_type = may_write.event_type)
      and pg_has_role(session_user, w.writer, 'member'));
end $$;

-- Appends many saves in one call and returns a verdict for each; a save is stored whole or not at all and never affects
-- the others.
--
-- A save has parts, one for each aggregate; a part has events, or asserts the version of its aggregate and has none.
--   part_saves, part_aggregates, part_types, part_versions: one element per part: number of its save (1, 2, ...),
--     expected version
--   event_parts, event_ids, event_types: one element per event: number of its part (1, 2, ...), its id and type; parts
--     and versions in order
--   events: JSON array, one object per event, in the same order: v schema version, d data, m metadata, c correlation, u
--     causation, s saga, k key on the topic
--   wait_ms: null: never waits for a head or a new id; else how long for each, then lock_not_available is raised. The
--     saves of a waiting call are a caller's transaction, and count as one save when taken back from the topics
--     (event_outbox.save); so do those of several such calls that share the setting tradecore.save.
-- Raises TC003 while the store is closed.
-- Verdicts, with their `detail`:
--   stored (stored_at)
--   present: event ids already in the store; [number of the event, the aggregate that has it], ...
--   invalid: the reason
--   busy: send again; numbers of the parts whose head another transaction holds, null if something else is held
--   conflict: [number of the part, version found], ... for every part not at the expected version
--
-- Locks, in this order:
--   1. A save that changes an aggregate of an asserted type waits for the saves that assert it and keeps new ones out
--      before it holds anything else. These locks have their own key space.
--   2. A new aggregate has no row to lock, so its id is locked instead; in order of lock key.
--   3. Heads, in order of id.
--   4. Saves that assert an aggregate share its lock of 1 and never block each other. They don't wait for it: if it is
--      held, a change is in progress. They take it last, so that a change waits only for the rest of their transaction.
-- A transaction's advisory locks are released after its commit becomes visible.
--
-- Each step is its own statement and so sees what the locks of the previous step waited for: READ COMMITTED only. The
-- generic plan is forced: without it each call spends 5 ms on planning (measured, 50 saves per call: 8,000-10,000
-- saves/s instead of 23,000). It is made once per session, perhaps over empty tables, and must suit full ones: only
-- index scans and nested loops are allowed (measured, plans made over empty tables: 22 ms per call of 50).
create function append_events(
  part_saves integer[], part_aggregates uuid[], part_types text[], part_versions integer[],
  event_parts integer[], event_ids uuid[], event_types text[], events jsonb, wait_ms integer default null
) returns table (save integer, verdict text, stored_at text, detail jsonb)
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
  assertions constant integer := 7264002; -- the key space of asserted aggregates
  part_counts integer[]; -- number of events in each part; 0: it asserts
  part_ends integer[]; -- number of the last event in or before each part
  written uuid[];
  new_ids uuid[];
  old_ids uuid[];
  shared_ids uuid[];
  refused_parts integer[] := '{}';
  refused_types text[] := '{}';
  present_parts integer[] := '{}';
  present_events integer[] := '{}';
  present_holders uuid[] := '{}';
  verdicts text[];
  times timestamptz[];
  details jsonb[];
  clock timestamptz;
  caller_lock_timeout text := current_setting('lock_timeout');
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'append_events needs READ COMMITTED, not %', current_setting('transaction_isolation') using errcode = 'feature_not_supported';
  end if;
  perform must_be_open();
  part_counts := array(
    select (count(*) - 1)::integer from (select generate_subscripts(part_saves, 1) as part union all select unnest(event_parts)) e group by e.part order by e.part);
  part_ends := array(select (sum(c.events) over (order by c.n))::integer from unnest(part_counts) with ordinality c (events, n) order by c.n);
  written := array(select distinct p.id from unnest(part_aggregates, part_counts) p (id, events) where p.events > 0);

  -- Lock what others assert.
  if exists (
    select from (select distinct p.type from unnest(part_types, part_counts) p (type, events) where p.events > 0) p
    join aggregate_types t on t.aggregate_type = p.type where t.asserted
  ) then
    perform set_config('lock_timeout', coalesce(wait_ms, 2000)::text, true);
    perform pg_advisory_xact_lock(assertions, k.lock_key) from (
      select distinct uuid_hash(p.id) as lock_key from unnest(part_aggregates, part_types, part_counts) p (id, type, events)
      join aggregate_types t on t.aggregate_type = p.type where t.asserted and p.events > 0 order by lock_key
    ) k;
    perform set_config('lock_timeout', caller_lock_timeout, true);
  end if;

  -- Lock what is written.
  if wait_ms is null then
    new_ids := array(
      select n.id from (
        select distinct p.id from unnest(written) p (id) where not exists (select from stream_heads h where h.aggregate_id = p.id)
      ) n where pg_try_advisory_xact_lock(uuid_hash_extended(n.id, 0)));
    old_ids := array(
      select h.aggregate_id from stream_heads h where h.aggregate_id = any (written) order by h.aggregate_id for update skip locked);
  else
    perform set_config('lock_timeout', wait_ms::text, true);
    new_ids := array(
      select n.id from (
        select distinct uuid_hash_extended(p.id, 0) as lock_key, p.id from unnest(written) p (id)
        where not exists (select from stream_heads h where h.aggregate_id = p.id) order by lock_key
      ) n where pg_advisory_xact_lock(n.lock_key)::text is not null);
    old_ids := array(
      select h.aggregate_id from stream_heads h where h.aggregate_id = any (written) order by h.aggregate_id for update);
    perform set_config('lock_timeout', caller_lock_timeout, true);
  end if;

  -- Share what is asserted.
  if 0 = any (part_counts) then
    shared_ids := array(
      select a.id from (select distinct p.id from unnest(part_aggregates, part_counts) p (id, events) where p.events = 0) a
      where pg_try_advisory_xact_lock_shared(assertions, uuid_hash(a.id)));
  end if;

  -- Events that the caller may not write: types first, since there are few.
  if exists (
    select from (select distinct part_types[e.part] as aggregate_type, e.type from unnest(event_parts, event_types) e (part, type) offset 0) e
    where not may_write(e.aggregate_type, e.type)
  ) then
    select array_agg(e.part), array_agg(e.type) into refused_parts, refused_types
      from unnest(event_parts, event_types) e (part, type) where not may_write(part_types[e.part], e.type);
  end if;

  -- Ids already in the store.
  if exists (select from event_store e where e.event_id = any (event_ids)) then
    select array_agg(i.part order by i.n), array_agg(i.n order by i.n), array_agg(e.aggregate_id order by i.n)
      into present_parts, present_events, present_holders
      from unnest(event_parts, event_ids) with ordinality i (part, id, n)
      join event_store e on e.event_id = i.id;
  end if;

  -- Verdicts. A save has one time for all its events, later than its aggregates' last events even if the clock goes
  -- back.
  clock := clock_timestamp();
  select array_agg(v.verdict order by v.save), array_agg(v.at order by v.save),
         array_agg(case v.verdict when 'invalid' then to_jsonb(v.reason) when 'busy' then v.heads when 'conflict' then v.conflicts end order by v.save)
    into verdicts, times, details
    from (
      select p.save,
        case
          when bool_or(p.n = any (present_parts)) then 'present'
          when bool_or(p.reason is not null) then 'invalid'
          when bool_or(p.earlier or not p.held) then 'busy'
          when bool_or(p.version <> p.expected) then 'conflict'
          else 'stored'
        end as verdict,
        greatest(clock, max(p.last) + interval '1 microsecond') as at,
        min(p.reason) as reason,
        jsonb_agg(p.n order by p.n) filter (where p.events > 0 and p.version > 0 and not p.held) as heads,
        jsonb_agg(jsonb_build_array(p.n, p.version) order by p.n) filter (where p.version <> p.expected) as conflicts
      from (
        select g.n, g.save, g.expected, g.events, coalesce(h.version, 0) as version, h."timestamp" as last,
          g.events > 0 and min(g.save) filter (where g.events > 0) over (partition by g.id) < g.save as earlier,
          case
            when g.events = 0 then g.id = any (shared_ids)
            when h.version is null then g.id = any (new_ids)
            else g.id = any (old_ids)
          end as held,
          case
            when t.topic is null then format('unknown aggregate type %s', g.type)
            when g.events = 0 and not t.asserted then format('%s is no type to be asserted', g.type)
            when g.n = any (refused_parts) then
              format('%s does not write %s of %s', session_user, refused_types[array_position(refused_parts, g.n::integer)], g.type)
            when h.aggregate_type <> g.type then format('%s is of type %s, not %s', g.id, h.aggregate_type, g.type)
          end as reason
        from unnest(part_saves, part_aggregates, part_types, part_versions, part_counts) with ordinality g (save, id, type, expected, events, n)
        left join stream_heads h on h.aggregate_id = g.id
        left join aggregate_types t on t.aggregate_type = g.type
      ) p
      group by p.save
    ) v;

  -- Store: positions are drawn only after the heads are locked, and in version order, so that seq rises within an
  -- aggregate.
  if 'stored' = any (verdicts) then
    with given as materialized (
      select e.part, e.n as ordinal, part_aggregates[e.part] as aggregate_id, part_types[e.part] as aggregate_type,
             part_versions[e.part] + part_counts[e.part] - (part_ends[e.part] - e.n)::integer as version, e.n = part_ends[e.part] as is_last,
             times[part_saves[e.part]] as at, e.id, e.t, e.v, e.d, e.m, e.d::text as data_text, e.m::text as metadata_text, e.c, e.u, e.s, e.k
        from rows from (
          unnest(event_parts), unnest(event_ids), unnest(event_types),
          jsonb_to_recordset(events) as (v integer, d jsonb, m jsonb, c uuid, u uuid, s uuid, k text)
        ) with ordinality e (part, id, t, v, d, m, c, u, s, k, n)
       where verdicts[part_saves[e.part]] = 'stored'
    ), chained as materialized (
      select c.*, nextval('event_position') as position from (
        select g.*, case when wait_ms is null then part_saves[g.part] else 1 end as together,
          event_chain(
            coalesce(h.hash, first_previous(g.aggregate_type, g.aggregate_id)),
            event_fields(g.id, g.t, g.version, g.v, g.at, g.c, g.u, g.s, g.data_text, g.metadata_text)
          ) over (partition by g.part order by g.ordinal) as hash
          from given g left join stream_heads h on h.aggregate_id = g.aggregate_id
         order by g.part, g.ordinal
      ) c
    ), stored as (
      insert into event_store (event_id, aggregate_id, aggregate_type, aggregate_version, event_type, event_data, "timestamp",
                               correlation_id, causation_id, saga_id, metadata, schema_version, position, hash)
      select c.id, c.aggregate_id, c.aggregate_type, c.version, c.t, c.d, c.at, c.c, c.u, c.s, c.m, c.v, c.position, c.hash from chained c
    ), labelled as (
      select c.together, coalesce(nullif(current_setting('tradecore.save', true), ''), min(c.position) || '.' || count(*)) as save
        from chained c group by c.together
    ), published as (
      insert into event_outbox (seq, event_id, topic, key, save)
      select c.position, c.id, t.topic, coalesce(c.k, c.aggregate_id::text), l.save
        from chained c join aggregate_types t on t.aggregate_type = c.aggregate_type join labelled l on l.together = c.together
    )
    insert into stream_heads (aggregate_id, aggregate_type, version, hash, "timestamp")
    select c.aggregate_id, c.aggregate_type, c.version, c.hash, c.at from chained c where c.is_last
        on conflict (aggregate_id) do update set version = excluded.version, hash = excluded.hash, "timestamp" = excluded."timestamp";
  end if;

  return query
    select v.save::integer, v.verdict,
           case v.verdict when 'stored' then to_char(v.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') end,
           case v.verdict
             when 'present' then (
               select jsonb_agg(jsonb_build_array(p.event, p.holder)) from unnest(present_parts, present_events, present_holders) p (part, event, holder)
               where part_saves[p.part] = v.save)
             else v.detail
           end
      from unnest(verdicts, times, details) with ordinality v (verdict, at, detail, save);
end $$;

revoke execute on function append_events, may_write, event_fields, first_previous, event_chain_step, event_chain from public;
grant execute on function event_fields, first_previous to :role(reader);
