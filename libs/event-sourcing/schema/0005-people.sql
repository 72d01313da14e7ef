-- Who the people behind the log are. Events name a person, which is random; only here stands the subject of the tokens behind it. A row may go one
-- day, an event never does.
create table people (
  person uuid primary key default gen_random_uuid(),
  subject text not null unique check (length(subject) between 1 and 255)
);

-- The person of a subject, made at first sight; it never changes. The second select sees what the insert waited for.
create function person_of(of_subject text) returns uuid
  language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  found_person uuid;
begin
  select person into found_person from people where subject = of_subject;
  if found_person is null then
    insert into people (subject) values (of_subject) on conflict (subject) do nothing returning person into found_person;
  end if;
  if found_person is null then
    select person into found_person from people where subject = of_subject;
  end if;
  return found_person;
end $$;

revoke execute on function person_of from public;
grant execute on function person_of to :role(command-api);
grant select on people to :role(command-api), :role(query-api);
