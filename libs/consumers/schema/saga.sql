-- The sagas that are not ended: what each has heard and when it wants to be woken. Written in the transaction that stores its events and under
-- the lock of its head, so that it never differs from the saga's state.
create table {{schema}}.open_sagas (
  saga_id uuid primary key,
  due_at timestamptz,       -- its earliest deadline; null: none, or it is parked
  heard jsonb not null,     -- by aggregate: the last version that it heard of
  origin jsonb not null,    -- correlation, account and actor of the event that began it: for what deadlines cause
  stuck boolean not null default false -- somebody has to look: what it waits for has not come within its budget
) with (fillfactor = 70);
create index open_sagas_due on {{schema}}.open_sagas (due_at) where due_at is not null;
create index open_sagas_stuck on {{schema}}.open_sagas (saga_id) where stuck;

grant select, insert, update, delete on {{schema}}.open_sagas to {{owner}};
