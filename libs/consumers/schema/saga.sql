-- Open sagas: what each has heard and when its deadline passes. Written in the transaction that stores its events.
create table {{schema}}.open_sagas (
  saga_id uuid primary key,
  aggregate_ids uuid[] not null, -- all that its decisions concern; the last is its own
  due_at timestamptz,       -- its earliest deadline; null: none, it waits on, or it is parked
  heard jsonb not null,     -- by aggregate: the last version that it heard
  origin jsonb not null,    -- correlation, account and actor of the event that began it, for what deadlines cause
  stuck boolean not null default false, -- an operator has to look: no answer within its budget
  revision int not null default 1       -- incremented by each change: a writer must have read the latest one
) with (fillfactor = 70);
create index open_sagas_due on {{schema}}.open_sagas (due_at) where due_at is not null;
create index open_sagas_stuck on {{schema}}.open_sagas (saga_id) where stuck;

grant select, insert, update, delete on {{schema}}.open_sagas to {{owner}};
-- A deadline checks whether its step was sent.
grant select on event_outbox to {{owner}};
