-- What the reconciler keeps: how far it has read, what it has not compared yet, and what it has found.
create schema reconciler;

-- One row: which instance leads, until when; and how far it has read the store.
create table reconciler.lead (
  one boolean primary key default true check (one),
  owner uuid,
  leased_until timestamptz not null default '-infinity',
  position bigint, -- the store is read up to here; null: never yet
  since timestamptz -- events before are not compared: the topics did not hold them any more
) with (fillfactor = 20);
insert into reconciler.lead default values;

-- How far it has read the topics; in no group, for one instance reads them all.
create table reconciler.offsets (
  topic text not null,
  partition int not null check (partition >= 0),
  next_offset bigint not null check (next_offset >= 0),
  topic_id text, -- where the broker has ids: another one is another log
  primary key (topic, partition)
) with (fillfactor = 50);

-- Ten seconds of a topic, as long as store and topic are not found equal.
create table reconciler.buckets (
  topic text not null,
  at timestamptz not null,
  stored_count int not null,
  stored_sum numeric not null,
  seen_count int not null,
  seen_sum numeric not null,
  ranges jsonb not null,     -- by partition: the first and the last offset of its records
  disordered jsonb not null, -- events that came after a later version of their aggregate
  primary key (topic, at)
) with (fillfactor = 50);

-- Each check: until when all is compared, and where its sweep through all aggregates stands.
create table reconciler.checks (
  check_name text primary key,
  covered_until timestamptz,
  swept_to uuid,             -- the sweep goes on behind this aggregate; null: at the beginning
  round_began timestamptz,
  round_seconds double precision -- how long the last whole round took
) with (fillfactor = 50);

create table reconciler.findings (
  finding_id uuid primary key default gen_random_uuid(),
  check_name text not null,
  kind text not null,
  subject text not null,
  detail text not null,
  first_seen timestamptz not null default clock_timestamp(),
  last_seen timestamptz not null default clock_timestamp(),
  closed_at timestamptz,
  acknowledged_at timestamptz,
  acknowledged_by text,
  acknowledged_why text,
  reported text not null default 'nothing' check (reported in ('nothing', 'opened', 'closed')) -- to system.reconciliation-reports
);
-- One open finding for each thing that is wrong.
create unique index findings_open on reconciler.findings (check_name, kind, subject) where closed_at is null;
create index findings_unreported on reconciler.findings (first_seen) where reported = 'nothing' or (reported = 'opened' and closed_at is not null);

grant usage on schema reconciler to :role(operator);
grant select on all tables in schema reconciler to :role(operator);
-- This is known, it needs no alert. The finding stays until what is wrong is gone.
create function operate.acknowledge(finding uuid, why text) returns text
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  what text;
begin
  update reconciler.findings f set acknowledged_at = clock_timestamp(), acknowledged_by = session_user, acknowledged_why = btrim(why)
   where f.finding_id = finding and f.acknowledged_at is null
  returning f.check_name || ' ' || f.kind || ' ' || f.subject into what;
  if what is null then
    raise exception 'there is no finding %, or it is acknowledged', finding using errcode = 'TC100';
  end if;
  perform operate.record('findings acknowledge', jsonb_build_object('finding', finding), why, what);
  return what;
end $$;
revoke execute on function operate.acknowledge from public;
grant execute on function operate.acknowledge to :role(operator);

grant usage on schema reconciler to :role(reconciler);
grant select, update on reconciler.lead to :role(reconciler);
grant select, insert, update, delete on reconciler.offsets, reconciler.buckets, reconciler.checks, reconciler.findings to :role(reconciler);

-- It reads what it compares: how far the relay is, and all that the services keep.
grant select on event_position to :role(reconciler);
do $$
declare
  name text;
begin
  for name in select nspname from pg_namespace where nspname !~ '^(pg_|information_schema$)' loop
    execute format('grant usage on schema %I to :role(reconciler)', name);
    execute format('grant select on all tables in schema %I to :role(reconciler)', name);
  end loop;
end $$;
