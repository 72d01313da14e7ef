-- What an operator may change: functions that act with the owner's rights and store what was done in the same transaction. No table is an
-- operator's to change. A later migration that adds a function revokes it from public and grants it to the operator, as the end of this one does.
create schema if not exists operate;
grant usage on schema operate to :role(operator);

-- UUIDv7: new rows land at the end of an index.
create function operate.fresh_id() returns uuid language sql volatile set search_path = pg_catalog, pg_temp as $$
  select encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    placing substring(int8send(floor(extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1), 'hex')::uuid
$$;

-- Stores the first and only event of an aggregate, in the caller's transaction. For functions of this schema alone.
-- SQLSTATE TC100 in all of them: a refusal, its message for the operator.
create function operate.store(id uuid, aggregate_type text, event_type text, data jsonb, key uuid) returns void
  language plpgsql set search_path = pg_catalog, public, pg_temp as $$
declare
  saved record;
begin
  select * into saved from append_events(array[1], array[id], array[aggregate_type], array[0], array[1], array[operate.fresh_id()], array[event_type],
    jsonb_build_array(jsonb_build_object('v', 1, 'd', data, 'm', jsonb_build_object('actor', session_user), 'k', key)), 2000);
  if saved.verdict is distinct from 'stored' then
    raise exception 'the % could not be stored: % %', aggregate_type, saved.verdict, saved.detail using errcode = 'TC100';
  end if;
end $$;

-- Stores what the caller does, in its transaction: whoever can't say why changes nothing. Returns the id of the operation.
create function operate.record(command text, arguments jsonb, why text, outcome text) returns uuid
  language plpgsql set search_path = pg_catalog, public, pg_temp as $$
declare
  operation constant uuid := operate.fresh_id();
  said constant jsonb := jsonb_build_object('command', command, 'arguments', jsonb_strip_nulls(arguments), 'why', btrim(why),
    'by', session_user, 'outcome', outcome);
begin
  if why is null or length(btrim(why)) not between 1 and 500 then
    raise exception 'a reason is needed, of at most 500 characters' using errcode = 'TC100';
  end if;
  perform operate.store(operation, 'Operation', 'OperationPerformed', said, operation);
  return operation;
end $$;

-- The schema of a consumer (`broker-gateway`) or projection (`order-projector`), by the table that the runtime keeps in it.
create function operate.schema_of(name text, kinds text[]) returns text
  language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  found_schema text;
begin
  select n.nspname into found_schema from pg_namespace n
   where n.nspname = translate(name, '-', '_') and exists (
     select from pg_class c where c.relnamespace = n.oid and c.relkind = 'r' and c.relname = any (kinds))
     and exists (select from pg_class o where o.relnamespace = n.oid and o.relname = 'offsets');
  if found_schema is null then
    raise exception 'there is no % %', array_to_string(kinds, ' or '), name using errcode = 'TC100';
  end if;
  return found_schema;
end $$;

-- Lets a halted consumer or projection go on from where it stands. It halts again where the cause is not gone.
create function operate.resume(name text, why text) returns text
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  of_schema constant text := operate.schema_of(name, array['consumer', 'projection']);
  of_table constant text := case when to_regclass(format('%I.consumer', of_schema)) is null then 'projection' else 'consumer' end;
  reason text;
begin
  execute format('select %I.resume()', of_schema) into reason;
  if reason is null then
    raise exception '% is not halted', name using errcode = 'TC100';
  end if;
  perform operate.record(of_table || 's resume', jsonb_build_object('name', name), why, 'was halted: ' || reason);
  return 'goes on; it was halted: ' || reason;
end $$;

-- Lets a consumer hear what the store holds from `since` on and then the log's end; without a time the log from its start.
create function operate.begin_again(name text, since timestamptz, why text) returns text
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  of_schema constant text := operate.schema_of(name, array['consumer']);
  origin constant text := coalesce('the store from ' || to_char(since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'the start of the log');
begin
  execute format('select %I.begin_again($1)', of_schema) using since;
  perform operate.record('consumers begin-again', jsonb_build_object('name', name, 'since', since), why, 'begins with ' || origin);
  return 'begins with ' || origin;
end $$;

-- Asks for a rebuild.
create function operate.rebuild(name text, why text) returns text
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  of_schema constant text := operate.schema_of(name, array['projection']);
begin
  execute format('select %I.rebuild()', of_schema);
  perform operate.record('projections rebuild', jsonb_build_object('name', name), why, 'asked for');
  return 'asked for';
end $$;

-- Marks what is parked, of one aggregate, saga or target, or (null) all of it: the running instance tries it again within 2 s, in order.
-- `release`: from now on it is that release's to try; after a roll-back an older one leaves alone what a newer one parked.
create function operate.redrive(name text, id uuid, release text, why text) returns bigint
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  of_schema constant text := operate.schema_of(name, array['consumer', 'projection']);
  marked bigint;
begin
  if to_regclass(format('%I.projection', of_schema)) is not null then
    execute format('update %I.checkpoints set redrive = true, parked_release = coalesce($2, parked_release)
      where parked_version is not null and ($1 is null or aggregate_id = $1)', of_schema) using id, release;
    get diagnostics marked = row_count;
  else
    execute format('with marked as (
        update %I.parked_messages set redrive = true, release = coalesce($2, release) where $1 is null or $1 in (saga_id, target_id)
        returning saga_id, target_id
      ) select count(distinct (saga_id, target_id)) from marked', of_schema) using id, release into marked;
  end if;
  if marked = 0 then
    raise exception 'nothing of % is parked in %', coalesce(id::text, 'any'), name using errcode = 'TC100';
  end if;
  perform operate.record('parked redrive', jsonb_build_object('name', name, 'id', id, 'release', release), why, marked || ' marked');
  return marked;
end $$;

-- A projection folds what the store holds of an aggregate beyond its checkpoint, within 2 s: as if an older release had parked it. False: it has
-- that version already, or has parked the aggregate.
create function operate.catch_up(of_schema text, aggregate uuid, version integer, reason text) returns boolean
  language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  changed bigint;
begin
  execute format('insert into %1$I.checkpoints as c (aggregate_id, version, parked_version, parked_reason, parked_release, parked_at)
      values ($1, 0, $2, $3, ''0.0.0'', clock_timestamp())
    on conflict (aggregate_id) do update set parked_version = c.version + 1, parked_reason = $3, parked_release = ''0.0.0'', parked_at = clock_timestamp()
      where c.version < $2 and c.parked_version is null', of_schema) using aggregate, version, reason;
  get diagnostics changed = row_count;
  return changed > 0;
end $$;

-- A dead letter whose event the store holds: the group that could not read it hears the event from the store, within seconds, as one that an older
-- release has parked. What the group knows already it knows again.
create function operate.redeliver(name text, event_id uuid, letter text, why text) returns text
  language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  of_schema constant text := operate.schema_of(name, array['consumer', 'projection']);
  reason constant text := 'redelivered: ' || left(letter, 1000);
  given event_store;
  changed bigint;
  said text;
begin
  select * into given from event_store e where e.event_id = redeliver.event_id;
  if not found then
    raise exception 'the store does not hold event %: it is foreign', event_id using errcode = 'TC100';
  end if;
  if to_regclass(format('%I.projection', of_schema)) is not null then
    changed := operate.catch_up(of_schema, given.aggregate_id, given.aggregate_version, reason)::integer;
  else
    execute format('insert into %I.parked_messages (saga_id, target_id, event_id, reason, release, redrive) values ($1, $2, $3, $4, ''0.0.0'', true)
      on conflict (event_id) do update set redrive = true', of_schema)
      using given.aggregate_id, coalesce((given.event_data ->> 'target')::uuid, given.aggregate_id), given.event_id, reason;
    get diagnostics changed = row_count;
  end if;
  said := case changed when 0 then 'it has the event already, or has parked its aggregate' else 'it hears the event from the store' end;
  perform operate.record('dead-letters redrive', jsonb_build_object('name', name, 'event', event_id, 'letter', left(letter, 1000)), why, said);
  return said;
end $$;

-- A dead letter is given up: stored before its record goes from the topic.
create function operate.drop_letter(letter text, reason text, why text) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform operate.record('dead-letters drop', jsonb_build_object('letter', left(letter, 1000), 'reason', left(reason, 1000)), why, 'dropped');
end $$;

-- The notifier keeps its positions at the broker alone: stored before they are set there.
create function operate.begin_notices(since timestamptz, partitions text, why text) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform operate.record('notices begin-again', jsonb_build_object('since', since, 'partitions', left(partitions, 1000)), why, 'asked for');
end $$;

-- Who is connected, by service: how many sessions, how many of them in a transaction, and since when the oldest is open. Here because only the
-- sessions of one's own roles show their transactions.
create function operate.sessions() returns table (service text, sessions bigint, busy bigint, oldest_transaction_seconds integer)
  language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select a.application_name, count(*), count(a.xact_start), extract(epoch from clock_timestamp() - min(a.xact_start))::integer
    from pg_stat_activity a where a.datname = current_database() and a.backend_type = 'client backend' and a.pid <> pg_backend_pid()
   group by a.application_name
$$;

revoke execute on all functions in schema operate from public;
grant execute on function operate.resume, operate.begin_again, operate.rebuild, operate.redrive, operate.redeliver, operate.drop_letter, operate.begin_notices,
  operate.sessions
  to :role(operator);
grant execute on function operate.record_backup to :role(backup);
