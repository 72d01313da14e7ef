-- The operator's decision after a halt or a restore. In one transaction: the store reads the topics record by record,
-- takes back the events it has lost, the outbox gets the events they lack, and the store opens. All or nothing.
create schema if not exists operate;
grant usage on schema operate to :role(operator);

-- Records on the topics that are no longer facts: given up by an operator, or incomplete. Readers skip them without a
-- dead letter, by id and data: ids follow from commands, and a repeated command has the same id. The place tells such a
-- record from one that is published later with the same data.
create table forgotten_events (
  event_id uuid not null,
  digest bytea not null,             -- sha256 of the record's value
  topic text not null,
  partition integer not null,
  "offset" bigint not null,
  aggregate_id uuid not null,
  aggregate_type text not null,
  aggregate_version integer not null,
  event_type text not null,
  event_data jsonb not null,
  "timestamp" timestamptz not null,
  account text,
  why text not null,
  forgotten_at timestamptz not null default now(),
  primary key (event_id, digest, topic, partition, "offset")
);
create index forgotten_events_time on forgotten_events (forgotten_at);
grant select on forgotten_events to :role(reader);

-- Which of these events are given up, for readers that do not find them in the store. Raises TC003 while they may still
-- be taken back: the store is closed, or is on a server or timeline that no relay has compared with the topics. This
-- covers a restore that nothing closed.
create function forgotten_among(ids uuid[]) returns table (id uuid, digest text)
  language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  perform must_be_open();
  if exists (select from store_identity s, server_here() h where (s.system_identifier, s.timeline) <> (h.system_identifier, h.timeline)) then
    raise exception 'no relay has compared the store with the topics since it was restored' using errcode = 'TC003';
  end if;
  return query select f.event_id, encode(f.digest, 'hex') from forgotten_events f where f.event_id = any (ids);
end $$;
revoke execute on function forgotten_among from public;
grant execute on function forgotten_among to :role(reader);

-- What was decided, by whom, and the result.
create table resumptions (
  at timestamptz primary key default now(),
  by name not null,
  why text not null,
  since timestamptz not null,
  forget_tail boolean not null,
  halted_reason jsonb not null,
  position bigint,                   -- the broker's; null: it had none, the log is another one
  late uuid[] not null,              -- events published behind a later version of their aggregate
  outcome jsonb not null
);
grant select on resumptions, event_outbox to :role(operator);

-- What the topics hold, for one transaction. Only the id for events that the store holds unchanged; `state`: stored,
-- other (same id, different content), tail (the id is not in the store).
create unlogged table topic_records (
  n bigint generated always as identity primary key,
  state text not null,
  event_id uuid not null,
  digest bytea,
  topic text,
  partition integer,
  "offset" bigint,
  aggregate_id uuid,
  aggregate_type text,
  version integer,
  event_type text,
  schema_version integer,
  data text,
  "timestamp" timestamptz,
  correlation_id uuid,
  causation_id uuid,
  saga_id uuid,
  metadata jsonb,
  save text,
  save_events integer,
  refused text
);
create index topic_records_id on topic_records (event_id);
create index topic_records_version on topic_records (aggregate_id, version);
create index topic_records_save on topic_records (save);

-- Committed before that: also stops the relay of a closed store, which might publish while the topics are read. Raises
-- TC004 when there is nothing to decide.
create function operate.hold_relay() returns void
  language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  update outbox_relay set halted_at = clock_timestamp(), owner = null, fence = fence + 1,
         halted_reason = jsonb_build_object('why', s.closed_reason, 'batch', coalesce((select max(batch) from outbox_batch), 0)::text, 'position', null)
    from store_identity s where halted_at is null and s.closed_at is not null;
  if not exists (select from outbox_relay where halted_at is not null) then
    raise exception 'the relay is not halted and the store is not closed: there is nothing to decide' using errcode = 'TC004';
  end if;
end $$;

-- One operator at a time: a second one finds nothing to decide. A closed store has no writers left when this returns.
create function operate.begin_resume() returns table (store_id uuid, copy_of uuid, halted_reason jsonb)
  language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
#variable_conflict use_column
begin
  perform from outbox_relay where shard = 0 for update;
  return query select s.store_id, s.copy_of, r.halted_reason from outbox_relay r, store_identity s where r.halted_at is not null;
  if exists (select from store_identity where closed_at is not null) then
    lock table event_store in share row exclusive mode;
  end if;
  truncate topic_records;
end $$;

-- Some records, as objects: topic, partition, offset, id, aggregate, type, version, event, schema, data (the text as it
-- is there), time, correlation, causation, saga, metadata, save, events (of that save).
create function operate.tell_topics(records jsonb) returns void
  language sql security definer set search_path = pg_catalog, public, pg_temp as $$
  with told as (
    select r.*, sha256(convert_to(r.data, 'UTF8')) as digest,
           case when e.event_id is null then 'tail'
                when (e.aggregate_id, e.aggregate_type::text, e.aggregate_version, e.event_type::text, e.event_data::text)
                   = (r.aggregate, r.type, r.version, r.event, r.data) then 'stored'
                else 'other' end as state
      from jsonb_to_recordset(records) as r (topic text, partition integer, "offset" bigint, id uuid, aggregate uuid, type text, version integer, event text, schema integer, data text,
        "time" timestamptz, correlation uuid, causation uuid, saga uuid, metadata jsonb, save text, events integer)
      left join event_store e on e.event_id = r.id
  )
  insert into topic_records (state, event_id, digest, topic, partition, "offset", aggregate_id, aggregate_type, version, event_type, schema_version, data, "timestamp",
                             correlation_id, causation_id, saga_id, metadata, save, save_events)
  select t.state, t.id, t.digest, t.topic, t.partition, t."offset", t.aggregate, t.type, t.version, t.event, t.schema, case when t.state <> 'stored' then t.data end, t."time",
         t.correlation, t.causation, t.saga, t.metadata, coalesce(t.save, t.id::text), coalesce(t.events, 1)
    from told t where not exists (
      select from forgotten_events f where (f.event_id, f.digest, f.topic, f.partition, f."offset") = (t.id, t.digest, t.topic, t.partition, t."offset"))
$$;

-- Marks what can't be taken back from the tail, and why. A save is taken whole: all its events are there, and each
-- follows the store's head or another taken event. A refused event also refuses what follows it and the rest of their
-- saves, until nothing changes.
create function judge_tail(forget_tail boolean) returns void language plpgsql set search_path = pg_catalog, public, pg_temp as $$
#variable_conflict use_column
declare
  changed bigint;
  more bigint;
begin
  delete from topic_records t where t.state <> 'stored' and exists (
    select from topic_records o where o.event_id = t.event_id and o.digest = t.digest and o.n < t.n);
  update topic_records set refused = 'the store holds this id with other content' where state = 'other';
  update topic_records set refused = 'given up by the operator' where state = 'tail' and forget_tail;
  update topic_records t set refused = 'no event of this fleet' where t.state = 'tail' and t.refused is null and (
    t.data::jsonb::text <> t.data
    or not exists (select from event_writers w where w.aggregate_type = t.aggregate_type and w.event_type = t.event_type));
  update topic_records t set refused = 'the store holds another event as this version' where t.state = 'tail' and t.refused is null and exists (
    select from stream_heads h where h.aggregate_id = t.aggregate_id and (h.version >= t.version or h.aggregate_type <> t.aggregate_type));
  update topic_records t set refused = 'the topics hold two events as this version' where t.state = 'tail' and t.refused is null and exists (
    select from topic_records o where o.state = 'tail' and o.aggregate_id = t.aggregate_id and o.version = t.version and o.n <> t.n);
  update topic_records t set refused = 'a part of its save is missing' from (
    select s.save from topic_records s where s.state = 'tail' group by s.save having count(*) <> min(s.save_events) or count(*) <> max(s.save_events)
  ) torn where t.state = 'tail' and t.refused is null and t.save = torn.save;
  loop
    update topic_records t set refused = 'a part of its save can not be taken' where t.state = 'tail' and t.refused is null and exists (
      select from topic_records o where o.state = 'tail' and o.save = t.save and o.refused is not null);
    get diagnostics changed = row_count;
    update topic_records t set refused = 'what it follows is missing' from (
      select c.n from (
        select r.n, r.version - coalesce(h.version, 0) - row_number() over (partition by r.aggregate_id order by r.version) as gap
          from topic_records r left join stream_heads h on h.aggregate_id = r.aggregate_id where r.state = 'tail' and r.refused is null
      ) c where c.gap <> 0
    ) cut where t.n = cut.n;
    get diagnostics more = row_count;
    exit when changed + more = 0;
  end loop;
end $$;

-- Stores again what the topics hold beyond the store's heads: the same ids, versions, times, data and metadata, hence
-- the same hashes. Positions are new; nothing is published again.
create function take_tail() returns bigint language plpgsql set search_path = pg_catalog, public, pg_temp as $$
#variable_conflict use_column
declare
  taken bigint;
begin
  with chained as materialized (
    select t.*, event_chain(
             coalesce(h.hash, first_previous(t.aggregate_type, t.aggregate_id)),
             event_fields(t.event_id, t.event_type, t.version, t.schema_version, t."timestamp", t.correlation_id, t.causation_id, t.saga_id,
                          t.data, t.metadata::text)
           ) over (partition by t.aggregate_id order by t.version) as hash
      from topic_records t left join stream_heads h on h.aggregate_id = t.aggregate_id where t.state = 'tail' and t.refused is null
  ), stored as (
    insert into event_store (event_id, aggregate_id, aggregate_type, aggregate_version, event_type, event_data, "timestamp",
                             correlation_id, causation_id, saga_id, metadata, schema_version, position, hash)
    select c.event_id, c.aggregate_id, c.aggregate_type, c.version, c.event_type, c.data::jsonb, c."timestamp",
           c.correlation_id, c.causation_id, c.saga_id, c.metadata, c.schema_version, nextval('event_position'), c.hash
      from (select * from chained order by "timestamp", version) c
    returning 1
  ), heads as (
    insert into stream_heads (aggregate_id, aggregate_type, version, hash, "timestamp")
    select distinct on (c.aggregate_id) c.aggregate_id, c.aggregate_type, c.version, c.hash, c."timestamp"
      from chained c order by c.aggregate_id, c.version desc
        on conflict (aggregate_id) do update set version = excluded.version, hash = excluded.hash, "timestamp" = excluded."timestamp"
  )
  select count(*) into taken from stored;
  return taken;
end $$;

-- Events stored since then, or held differently by the topics, that are neither on a topic nor waiting: the store's
-- version is the fact.
create function missing_events(since timestamptz) returns setof event_store
  language sql stable set search_path = pg_catalog, public, pg_temp as $$
  select e.* from event_store e
   where (e."timestamp" >= since or e.event_id in (select t.event_id from topic_records t where t.state = 'other'))
     and not exists (select from topic_records t where t.event_id = e.event_id and t.state = 'stored')
     and not exists (select from event_outbox o where o.event_id = e.event_id)
$$;

-- Those of these types whose topic key is derived from the data: for the keys of resume_relay.
create function operate.keyed_missing(since timestamptz, types text[])
  returns table (event_id uuid, aggregate_id uuid, aggregate_type text, event_type text, schema_version integer, event_data jsonb)
  language sql security definer set search_path = pg_catalog, public, pg_temp as $$
  select e.event_id, e.aggregate_id, e.aggregate_type::text, e.event_type::text, e.schema_version, e.event_data
    from missing_events(since) e where e.aggregate_type = any (types)
$$;

-- What operators did while the store was closed, as a restore does: stored when it opens.
create table pending_operations (
  at timestamptz primary key default clock_timestamp(),
  by text not null,
  command text not null,
  arguments jsonb not null,
  why text not null,
  outcome text not null
);

-- Records an operation as an event, if the fleet's operator functions are installed beside the store.
create function record_operation(command text, arguments jsonb, why text, outcome text) returns void
  language plpgsql set search_path = pg_catalog, public, pg_temp as $$
begin
  if to_regprocedure('operate.record(text, jsonb, text, text)') is not null then
    execute 'select operate.record($1, $2, $3, $4)' using command, arguments, why, outcome;
  end if;
end $$;

create function record_pending_operations() returns void language plpgsql set search_path = pg_catalog, public, pg_temp as $$
begin
  perform record_operation(p.command, p.arguments || jsonb_build_object('at', p.at, 'by', p.by), p.why, p.outcome)
     from (select * from pending_operations order by at) p;
  delete from pending_operations;
end $$;

-- Decides and opens: `keys` by event id, where the key is not the aggregate id; `position` is the broker's (null:
-- none). Returns the result in numbers.
create function operate.resume_relay(since timestamptz, "position" bigint, forget_tail boolean, keys jsonb, why text) returns jsonb
  language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
#variable_conflict use_column
declare
  outcome jsonb;
  waiting bigint;
  missing bigint;
  late uuid[];
  taken bigint;
  given_up bigint;
begin
  analyze topic_records;
  delete from event_outbox o where exists (select from topic_records t where t.event_id = o.event_id and t.state = 'stored');
  get diagnostics waiting = row_count;
  with lacking as materialized (
    select m.* from missing_events(since) m
  ), put as (
    insert into event_outbox (seq, event_id, topic, key)
    select m.position, m.event_id, a.topic, coalesce(keys ->> m.event_id::text, m.aggregate_id::text)
      from lacking m join aggregate_types a on a.aggregate_type = m.aggregate_type
  )
  select count(*), coalesce(array_agg(m.event_id) filter (where exists (
           select from event_store l join topic_records t on t.event_id = l.event_id and t.state = 'stored'
            where l.aggregate_id = m.aggregate_id and l.aggregate_version > m.aggregate_version)), '{}')
    into missing, late from lacking m;

  perform judge_tail(forget_tail);
  taken := take_tail();
  insert into forgotten_events (event_id, digest, topic, partition, "offset", aggregate_id, aggregate_type, aggregate_version, event_type, event_data, "timestamp", account, why)
  select t.event_id, t.digest, t.topic, t.partition, t."offset", t.aggregate_id, t.aggregate_type, t.version, t.event_type, t.data::jsonb, t."timestamp",
         coalesce(t.metadata ->> 'account', case when t.aggregate_type = 'Account' then t.aggregate_id::text end), t.refused
    from topic_records t where t.refused is not null;
  get diagnostics given_up = row_count;

  outcome := jsonb_build_object('alreadyPublished', waiting, 'missing', missing, 'outOfOrder', cardinality(late), 'taken', taken, 'givenUp', given_up);
  insert into resumptions (by, why, since, forget_tail, halted_reason, position, late, outcome)
  select session_user, resume_relay.why, resume_relay.since, resume_relay.forget_tail, r.halted_reason, resume_relay."position", late, outcome
    from outbox_relay r;
  perform reopen_store("position", given_up > 0);
  perform record_pending_operations();
  perform record_operation('relay resume', jsonb_build_object('since', since, 'forgetTail', forget_tail), why, outcome::text);
  truncate topic_records;
  return outcome;
end $$;

-- From here on the last batch is the one the broker knows, settled; the store's current place is recorded, and it
-- accepts events. A new epoch begins when a door that saw the store open takes its identity from it no more: it holds that for 500 ms
-- (store-identity.ts).
create function reopen_store(batch bigint, gave_up boolean) returns void language plpgsql set search_path = pg_catalog, public, pg_temp as $$
begin
  if gave_up then
    perform pg_sleep(greatest(0, 1 - extract(epoch from clock_timestamp() - (select s.closed_at from store_identity s))));
  end if;
  delete from outbox_batch;
  if reopen_store.batch > 0 then
    insert into outbox_batch (batch, seqs, event_ids, settled) values (reopen_store.batch, '{}', '{}', true);
  end if;
  -- Reset the floor too: rows added to the outbox have past positions.
  update outbox_relay set halted_at = null, halted_reason = null, owner = null, fence = fence + 1, floor = 0, horizon = 0, horizon_holders = '{}';
  update store_identity s set closed_at = null, closed_reason = null, moved_at = null, moved_from = null,
         opening = case when s.closed_at is null then s.opening else gen_random_uuid() end,
         system_identifier = h.system_identifier, timeline = h.timeline, epoch = case when gave_up then gen_random_uuid() else s.epoch end
    from server_here() h;
end $$;

-- Closes the store before anything can decide on it: part of every restore.
create function operate.close_store(why text) returns void
  language sql security definer set search_path = pg_catalog, public, pg_temp as $$ select public.close_store(why) $$;

-- An operator acknowledges a start on a different server or timeline.
create function operate.acknowledge_move(why text) returns text
  language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  elsewhere text;
begin
  select s.moved_from into elsewhere from store_identity s for update;
  update store_identity set moved_at = null, moved_from = null;
  perform record_operation('relay acknowledge-move', '{}', why, 'it was on ' || coalesce(elsewhere, 'this one'));
  return elsewhere;
end $$;

revoke all on function operate.hold_relay, operate.begin_resume, operate.tell_topics, operate.keyed_missing, operate.resume_relay, operate.close_store,
  operate.acknowledge_move, record_operation, record_pending_operations, missing_events, judge_tail, take_tail, reopen_store from public;
grant execute on function operate.hold_relay, operate.begin_resume, operate.tell_topics, operate.keyed_missing, operate.resume_relay, operate.close_store,
  operate.acknowledge_move to :role(operator);
