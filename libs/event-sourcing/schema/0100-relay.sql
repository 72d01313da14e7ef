-- The outbox relay's state. Its guarantee rests on two numbers: the batch recorded here, and the offset that the
-- broker committed together with that batch's records.

-- One row: which relay holds the lease, and since when. The lease prevents flapping; the producer's epoch is the
-- protection.
create table outbox_relay (
  shard smallint primary key check (shard = 0),
  owner text,                                        -- null: released
  fence bigint not null default 0,                   -- raised each time the lease is taken
  heartbeat_at timestamptz not null default clock_timestamp(),
  session_pid integer,                               -- the owner's session: the owner is gone when it is gone
  session_start timestamptz,
  halted_at timestamptz,
  halted_reason jsonb,
  floor bigint not null default 0,                   -- no row at or below it exists or ever will; looks start above it
  horizon bigint not null default 0,                 -- the next floor, once these transactions have ended
  horizon_holders text[] not null default '{}'
);
insert into outbox_relay (shard) values (0);

-- The batch being sent or last sent: one row after the first start. A new row for each batch, never an update in place:
-- under a long transaction elsewhere, the dead versions of one row form a chain that each access walks.
create table outbox_batch (
  batch bigint primary key check (batch > 0),
  seqs bigint[] not null,
  event_ids uuid[] not null,
  settled boolean not null default false             -- acknowledged, rows deleted
);

-- Open transactions that have drawn a position. Databases made from one template share oids, hence the filter on the
-- database.
create function position_holders() returns setof text language sql set search_path = pg_catalog, public, pg_temp as $$
  select l.virtualtransaction from pg_locks l
   where l.database = (select d.oid from pg_database d where d.datname = current_database())
     and l.relation = 'event_position'::regclass and l.mode = 'RowExclusiveLock'
$$;

-- Moves the heartbeat, and with it the floor. Under a long transaction elsewhere (a dump) deleted rows stay in the
-- index, and each search for the first row walks over all of them: 100,000 cost 10-25 ms. A scan from the last position
-- sent would miss rows that commit late with a lower one. But a position is drawn under a lock on the sequence that its
-- transaction holds to its end: once every transaction that held the lock at some moment after position H was drawn has
-- released it, each position up to H is visible, deleted, or will never exist. (nextval locks in ROW EXCLUSIVE mode,
-- released after the commit becomes visible.) Needs a sequence without cache and no other writer of past positions. A
-- prepared transaction holds its locks as -1/xid: while there is one, the floor stays.
create function relay_heartbeat() returns void language plpgsql
  set search_path = pg_catalog, public, pg_temp
as $$
declare
  known outbox_relay;
  holders text[];
  last_drawn bigint;
  first_left bigint;
begin
  select * into known from outbox_relay where shard = 0;
  holders := array(select h.holder from position_holders() h (holder));
  if known.horizon_holders && holders or exists (select from unnest(holders) h (holder) where h.holder like '-1/%') then
    update outbox_relay set heartbeat_at = clock_timestamp() where shard = 0;
    return;
  end if;
  select min(seq) into first_left from event_outbox where seq > known.floor and seq <= known.horizon;
  select last_value - (not is_called)::int into last_drawn from event_position;
  holders := array(select h.holder from position_holders() h (holder));
  update outbox_relay set heartbeat_at = clock_timestamp(), floor = coalesce(first_left - 1, known.horizon),
    horizon = last_drawn, horizon_holders = holders where shard = 0;
end $$;

-- Statement (1) of the relay's loop: under the lease, deletes the rows of the batch that the broker has acknowledged,
-- takes the next visible rows in order of seq, and records them as the next batch. Returns them with their payload;
-- none: nothing to send, the acknowledged batch stays the last. p_peek: if only rows of that batch are left, write
-- nothing: it is settled with the next one, since a separate write would cost as much as the batch.
-- READ COMMITTED, each step with its own snapshot: a batch is what one snapshot sees, so that no later version of an
-- aggregate comes before an earlier one. Raises TC001 when the lease is not the caller's.
create function relay_next_batch(
  p_owner text, p_fence bigint, p_acknowledged bigint, p_peek boolean, p_rows integer, p_bytes integer
) returns table (
  topic text, key text, event_id uuid, aggregate_id uuid, aggregate_type text, aggregate_version integer, event_type text,
  schema_version integer, event_data text, event_time text, correlation_id uuid, causation_id uuid, saga_id uuid, metadata jsonb, save text
) language plpgsql
  set search_path = pg_catalog, public, pg_temp
  -- The table is empty one moment and long the next: plans must not depend on its size when they were made.
  set plan_cache_mode = force_generic_plan
  set jit = off -- enable_* inflates costs, so each plan would be compiled: 12-20 ms per call
  set enable_seqscan = off
  set enable_bitmapscan = off
  set enable_hashjoin = off
  set enable_mergejoin = off
  set enable_sort = off
as $$
#variable_conflict use_column
declare
  taken record;
  lease outbox_relay;
  last outbox_batch;
  seqs bigint[] := '{}';
  ids uuid[] := '{}';
  bytes integer := 0;
begin
  if p_peek and not exists (
    select from event_outbox o where o.seq > (select r.floor from outbox_relay r where r.shard = 0)
       and not exists (select from outbox_batch b where not b.settled and o.seq = any (b.seqs))
  ) then return; end if;

  select * into lease from outbox_relay where shard = 0 and owner = p_owner and fence = p_fence and halted_at is null for update;
  if not found then raise exception 'the lease is not % with fence %', p_owner, p_fence using errcode = 'TC001'; end if;
  if lease.heartbeat_at < clock_timestamp() - interval '900 ms' then perform relay_heartbeat(); end if;

  select * into last from outbox_batch order by batch desc limit 1;
  if coalesce(last.batch, 0) <> p_acknowledged then
    raise exception 'batch % is the last, not %', last.batch, p_acknowledged using errcode = 'TC002';
  end if;
  if not last.settled then delete from event_outbox where seq = any (last.seqs); end if;

  for taken in
    select o.seq, o.topic, o.key, o.save, e.event_id, e.aggregate_id, e.aggregate_type, e.aggregate_version, e.event_type, e.schema_version,
      e.event_data::text as data, to_char(e.timestamp at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as time,
      e.correlation_id, e.causation_id, e.saga_id, e.metadata
    from event_outbox o join event_store e on e.event_id = o.event_id
    where o.seq > lease.floor
    order by o.seq limit p_rows
  loop
    -- 700: upper estimate of a record's headers.
    bytes := bytes + octet_length(taken.data) + coalesce(pg_column_size(taken.metadata), 0) + 700;
    exit when bytes > p_bytes and seqs <> '{}';
    seqs := seqs || taken.seq;
    ids := ids || taken.event_id;
    topic := taken.topic; key := taken.key; event_id := taken.event_id; aggregate_id := taken.aggregate_id;
    aggregate_type := taken.aggregate_type; aggregate_version := taken.aggregate_version; event_type := taken.event_type;
    schema_version := taken.schema_version; event_data := taken.data; event_time := taken.time;
    correlation_id := taken.correlation_id; causation_id := taken.causation_id; saga_id := taken.saga_id; metadata := taken.metadata;
    save := taken.save;
    return next;
  end loop;

  if seqs <> '{}' then
    insert into outbox_batch (batch, seqs, event_ids) values (p_acknowledged + 1, seqs, ids);
    delete from outbox_batch where batch = p_acknowledged;
  elsif not last.settled then
    update outbox_batch set settled = true where batch = p_acknowledged;
  end if;
end $$;

-- Nothing is decided or stored until relay_reopen. The first reason is kept.
create function close_store(why text) returns void language sql set search_path = pg_catalog, public, pg_temp as $$
  update store_identity set closed_at = coalesce(closed_at, clock_timestamp()), closed_reason = coalesce(closed_reason, why)
$$;

-- Stops every relay of this store until an operator decides; p_closes: also closes the store. False when the lease is
-- not the caller's.
create function relay_halt(p_owner text, p_fence bigint, p_reason jsonb, p_closes boolean) returns boolean
  language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  update outbox_relay set halted_at = clock_timestamp(), halted_reason = p_reason, owner = null
   where shard = 0 and owner = p_owner and fence = p_fence and halted_at is null;
  if not found then return false; end if;
  if p_closes then perform close_store(p_reason ->> 'why'); end if;
  return true;
end $$;

-- The server's identifier and current timeline. After a promotion, pg_control_checkpoint shows the old timeline until
-- the next checkpoint.
create function server_here() returns table (system_identifier text, timeline integer)
  language sql stable set search_path = pg_catalog, public, pg_temp as $$
  select c.system_identifier::text, ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer from pg_control_system() c
$$;

-- Records where the store is. Matching offsets prove only that nothing published is missing: when a lagging standby
-- takes over, events acknowledged but not yet published are lost without a trace. So a start elsewhere than last time
-- is reported, with its origin, until an operator acknowledges it.
create function relay_note_server() returns text
  language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  update store_identity s set system_identifier = h.system_identifier, timeline = h.timeline,
         moved_at = case when s.timeline is null then null else clock_timestamp() end,
         moved_from = case when s.timeline is null then null else format('timeline %s of server %s', s.timeline, s.system_identifier) end
    from server_here() h where (s.system_identifier, s.timeline) is distinct from (h.system_identifier, h.timeline);
  return (select s.moved_from from store_identity s where s.moved_at is not null);
end $$;

revoke all on function relay_next_batch, relay_heartbeat, position_holders, close_store, relay_halt, server_here, relay_note_server from public;
grant select on event_position to :role(outbox-relay);
grant execute on function relay_next_batch, relay_heartbeat, position_holders, relay_halt, relay_note_server to :role(outbox-relay);
grant select, update on outbox_relay, relay_state to :role(outbox-relay);
grant select, insert, update, delete on outbox_batch, event_outbox to :role(outbox-relay);
