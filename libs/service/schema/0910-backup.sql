-- Who takes base backups and receives WAL. REPLICATION reads the whole server, so that no service has it, and only a superuser gives it away.
do $$
begin
  if (select rolsuper from pg_roles where rolname = current_user) then
    alter role :role(backup) replication;
  else
    raise notice 'tradecore backup needs this, from a superuser: alter role :role(backup) replication';
  end if;
end $$;
