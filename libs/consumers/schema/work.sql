-- Calls of the outside world that have to be made, outside of any transaction. {{...}} is filled by workMigration.
create schema if not exists {{schema}};

create table {{schema}}.work (
  key uuid primary key,
  -- When it is due; of a claimed row the end of the claim, of one that waits for a request infinity.
  due_at timestamptz not null default clock_timestamp(),
  claim uuid,                            -- null: free; another one for each taking
  revision int not null default 1,       -- one more with each request: a request while a worker has the row is not lost
  attempts int not null default 0,       -- claims since it was last settled
  state jsonb not null default '{}',      -- what workers have to remember
  put_at timestamptz not null default clock_timestamp()
) with (fillfactor = 50); -- a row is updated twice and then goes

create index work_due on {{schema}}.work (due_at);
-- Every row goes within seconds: without this the dead ones pile up in front of the index scan.
alter table {{schema}}.work set (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500);

grant usage on schema {{schema}} to {{owner}};
grant select, insert, update, delete on {{schema}}.work to {{owner}};
