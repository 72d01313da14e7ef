-- What every consumer keeps, in its own schema. {{...}} is filled by its migration.
create schema {{schema}};
grant usage on schema {{schema}} to {{owner}};

-- The offset of each partition. The row is also the partition's lock: an instance that does not find what it last wrote
-- is no longer the owner.
create table {{schema}}.offsets (
  topic text not null,
  partition int not null check (partition >= 0),
  next_offset bigint not null check (next_offset >= 0),
  mark text,                -- identifies the log: the topic's id, and the fingerprint of the last record read
  owner uuid,
  moved_at timestamptz not null default clock_timestamp(),
  primary key (topic, partition)
) with (fillfactor = 50); -- every batch updates its row: room on the page keeps the update out of the index
grant select, insert, update, delete on {{schema}}.offsets to {{owner}};

-- Fails a statement that changed or found anything other than what was assumed: it is then read and decided again.
create function {{schema}}.must_be_all(wanted bigint, matched bigint) returns void language plpgsql as $$
begin
  if wanted <> matched then raise exception '% of % rows are as they were assumed', matched, wanted using errcode = 'serialization_failure'; end if;
end $$;
revoke execute on function {{schema}}.must_be_all from public;
grant execute on function {{schema}}.must_be_all to {{owner}};
