-- Who operates reads everything and writes nothing: one role, of which each person's login is a member. Schemas that come later grant it themselves.
do $$
declare
  name text;
begin
  for name in select nspname from pg_namespace where nspname !~ '^(pg_|information_schema$)' loop
    execute format('grant usage on schema %I to :role(operator)', name);
    execute format('grant select on all tables in schema %I to :role(operator)', name);
    execute format('alter default privileges in schema %I grant select on tables to :role(operator)', name);
  end loop;
end $$;
