-- Who takes base backups and receives WAL. REPLICATION reads the whole server, so that no service has it, and only a superuser gives it away.
do $$
begin
  if (select rolsuper from pg_roles where rolname = current_user) then
    alter role :role(backup) replication;
  else
    raise notice 'tradecore backup needs this, from a superuser: alter role :role(backup) replication';
  end if;
end $$;

-- A base that was taken is an operation like any other, though its login may write nothing else.
create schema if not exists operate;
grant usage on schema operate to :role(backup);

create function operate.record_backup(arguments jsonb, why text, outcome text) returns void
  language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  perform operate.record('backup', arguments, why, outcome);
exception when sqlstate 'TC003' then -- the store is closed: when it opens
  insert into pending_operations (by, command, arguments, why, outcome) values (session_user, 'backup', arguments, why, outcome);
end $$;
