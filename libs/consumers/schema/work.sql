-- Calls of the outside world that have to be made, outside of any transaction. {{...}} is filled by workMigration.
create schema if not exists {{schema}};

create table {{schema}}.work (
  key uuid primary key,
  -- When it is due; of a claimed row the end of the claim, of one that waits for a request infinity.
  due_at timestamptz not null default clock_timestamp(),
  claim uuid,                            -- null: free; another one for each taking
  revision int not null default 1,       -- one more with each request: a request while a worker has the row is not lost
  attempts int not null default 0,       -- claims since it was last settled
  -- Whose row it is: lanes take turns, and of a lane what is urgent has turns of its own, one ahead.
  lane text not null default '',
  urgent boolean not null default false,
  turn bigint not null default 0,
  state jsonb not null default '{}',      -- what workers have to remember
  put_at timestamptz not null default clock_timestamp()
) with (fillfactor = 50); -- a row is updated twice and then goes

create index work_due on {{schema}}.work (due_at);
-- Who is next, and what each lane's last turn is; what waits for a request has none.
create index work_turn on {{schema}}.work (turn, urgent desc, due_at) where due_at < 'infinity';
create index work_lane on {{schema}}.work (lane, urgent, turn) where due_at < 'infinity';
-- Every row goes within seconds: without this the dead ones pile up in front of the index scan.
alter table {{schema}}.work set (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500);

grant usage on schema {{schema}} to {{owner}};
grant select, insert, update, delete on {{schema}}.work to {{owner}};
