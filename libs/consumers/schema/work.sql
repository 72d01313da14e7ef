-- Calls to be made to the outside world, outside any transaction. {{...}} is filled by workMigration.
create schema if not exists {{schema}};

create table {{schema}}.work (
  key uuid primary key,
  -- When it is due; for a claimed row, the end of the claim; for one that waits for a request, infinity.
  due_at timestamptz not null default clock_timestamp(),
  claim uuid,                            -- null: free; a new one for each claim
  revision int not null default 1,       -- incremented by each request: a request while a worker has the row is not lost
  attempts int not null default 0,       -- claims since it was last settled
  -- Lanes take turns; the urgent rows of a lane have turns of their own, one ahead.
  lane text not null default '',
  urgent boolean not null default false,
  turn bigint not null default 0,
  state jsonb not null default '{}',      -- what workers keep between calls
  put_at timestamptz not null default clock_timestamp()
) with (fillfactor = 50); -- a row is updated twice and then deleted

create index work_due on {{schema}}.work (due_at);
-- Finds the next row, and each lane's last turn; rows that wait for a request have none.
create index work_turn on {{schema}}.work (turn, urgent desc, due_at) where due_at < 'infinity';
create index work_lane on {{schema}}.work (lane, urgent, turn) where due_at < 'infinity';
-- Every row is deleted within seconds: without this, dead rows pile up in front of the index scan.
alter table {{schema}}.work set (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500);

grant usage on schema {{schema}} to {{owner}};
grant select, insert, update, delete on {{schema}}.work to {{owner}};
