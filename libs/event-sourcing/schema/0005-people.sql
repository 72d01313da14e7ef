-- Who the people behind the log are, and what they wrote. Events name a person, which is random, and stand for a text by its name and hash; only
-- here lie the subject of the tokens behind the person, and the text. A row may go one day, an event never does.
create table people (
  person uuid primary key default gen_random_uuid(),
  subject text not null unique check (length(subject) between 1 and 255),
  name text check (length(name) between 1 and 255) -- as the tokens say it: whoever asks to be forgotten gives a name
);
create table texts (
  ref uuid primary key,
  person uuid, -- who wrote it; by it all texts of a person go
  salt uuid not null,
  text text not null
);
create index texts_person on texts (person);

-- The person of a subject, created when the subject is first seen; it never changes. A new name replaces the old one. The second select sees what the
-- insert waited for. Not while the store is closed: a restore may have lost the person, whom the events to be taken back name.
create function person_of(of_subject text, told_name text default null) returns uuid
  language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  found_person uuid;
begin
  update people set name = told_name where subject = of_subject and told_name is not null and name is distinct from told_name;
  select person into found_person from people where subject = of_subject;
  if found_person is null then
    perform must_be_open();
    insert into people (subject, name) values (of_subject, told_name) on conflict (subject) do nothing returning person into found_person;
  end if;
  if found_person is null then
    select person into found_person from people where subject = of_subject;
  end if;
  return found_person;
end $$;

-- Keeps the texts of a save that was stored in the same statement: objects with save, ref, person, salt, text.
create function keep_texts(written jsonb, of_save integer) returns void
  language sql security definer set search_path = pg_catalog, public, pg_temp as $$
  insert into texts (ref, person, salt, text)
  select w.ref, w.person, w.salt, w.text from jsonb_to_recordset(written) as w (save integer, ref uuid, person uuid, salt uuid, text text)
   where w.save = of_save on conflict (ref) do nothing
$$;

revoke execute on function person_of, keep_texts from public;
grant execute on function person_of, keep_texts to :role(command-api);
grant select on people, texts to :role(command-api), :role(query-api);
