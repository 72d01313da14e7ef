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
  after_position bigint not null, -- events up to here were compared before
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

-- What would help with a finding: for an operator to apply. Never more than proposed: nothing applies one by itself.
create table reconciler.corrections (
  correction_id uuid primary key,
  finding_id uuid not null references reconciler.findings on delete cascade,
  kind text not null check (kind in ('redeliver', 'query', 'catch-up')),
  owner text not null,               -- the service that is asked
  target uuid not null,              -- the aggregate that it looks at again
  events uuid[] not null default '{}', -- those that a saga hears again
  version int not null,              -- of the subject, when it was proposed
  proposed_at timestamptz not null default clock_timestamp()
);
create index corrections_finding on reconciler.corrections (finding_id);

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
-- The owner is asked to look again, and decides by what it finds then. Applied once: a repeat is refused.
create function operate.apply_correction(correction uuid, why text) returns text
  language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  proposed reconciler.corrections;
  found_wrong reconciler.findings;
  said text;
begin
  select * into proposed from reconciler.corrections c where c.correction_id = correction for update;
  select * into found_wrong from reconciler.findings f where f.finding_id = proposed.finding_id;
  if found_wrong.finding_id is null then
    raise exception 'no correction % is proposed', correction using errcode = 'TC100';
  elsif exists (select from stream_heads h where h.aggregate_id = correction) then
    raise exception 'correction % is applied already', correction using errcode = 'TC100';
  elsif found_wrong.closed_at is not null then
    raise exception 'what % would correct is over since %', correction, found_wrong.closed_at using errcode = 'TC100';
  end if;
  perform operate.store(correction, 'Correction', 'CorrectionApplied', jsonb_build_object('kind', proposed.kind, 'owner', proposed.owner,
    'target', proposed.target, 'events', to_jsonb(proposed.events), 'check', found_wrong.check_name, 'finding', found_wrong.kind,
    'subject', found_wrong.subject, 'version', proposed.version), proposed.target);
  said := proposed.owner || case proposed.kind
    when 'redeliver' then ' hears ' || cardinality(proposed.events) || ' stored events again'
    when 'query' then ' asks the brokerage about it'
    else case when operate.catch_up(operate.schema_of(proposed.owner, array['projection']), proposed.target, proposed.version, 'correction ' || correction)
      then ' folds what it lacks' else ' lacks nothing, or has parked it' end end;
  perform operate.record('corrections apply', jsonb_build_object('correction', correction, 'kind', proposed.kind, 'target', proposed.target), why, said);
  return said;
end $$;

revoke execute on function operate.acknowledge, operate.apply_correction from public;
grant execute on function operate.acknowledge, operate.apply_correction to :role(operator);

grant usage on schema reconciler to :role(reconciler);
grant select, update on reconciler.lead to :role(reconciler);
grant select, insert, update, delete on reconciler.offsets, reconciler.buckets, reconciler.checks, reconciler.findings, reconciler.corrections
  to :role(reconciler);

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
