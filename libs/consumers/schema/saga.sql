-- The sagas that are not ended: what each has heard and when its deadline passes. Written in the transaction that stores its events.
create table {{schema}}.open_sagas (
  saga_id uuid primary key,
  aggregate_ids uuid[] not null, -- of all that a decision of it concerns; the last is its own
  due_at timestamptz,       -- its earliest deadline; null: none, it waits on, or it is parked
  heard jsonb not null,     -- by aggregate: the last version that it heard of
  origin jsonb not null,    -- correlation, account and actor of the event that began it: for what deadlines cause
  stuck boolean not null default false, -- an operator has to look: what it waits for has not come within its budget
  revision int not null default 1       -- one more with each change: who writes it has read the last one
) with (fillfactor = 70);
create index open_sagas_due on {{schema}}.open_sagas (due_at) where due_at is not null;
create index open_sagas_stuck on {{schema}}.open_sagas (saga_id) where stuck;

grant select, insert, update, delete on {{schema}}.open_sagas to {{owner}};
-- A deadline looks whether what it waits for was sent.
grant select on event_outbox to {{owner}};
