-- The last number of each account's feed. The row is the lock under which the next number is drawn.
create table feed_projector.feeds (
  account_id uuid primary key,
  sequence bigint not null
) with (fillfactor = 70);

-- The changes of each account, written once. Only entries about an order have its id, only the order's own events have
-- its version.
create table feed_projector.feed_entries (
  account_id uuid not null,
  sequence bigint not null,
  event_id uuid not null unique,
  order_id uuid,
  order_version int,
  change text not null,
  time timestamptz not null,
  data jsonb not null,
  primary key (account_id, sequence)
);
revoke update on feed_projector.feed_entries from :role(feed-projector);

-- Exported. A place in a feed is (epoch, sequence): after a rebuild the numbers restart under another epoch.
-- Likewise after a restore: changes may arrive in another order, and numbers of given-up changes are reused.
create view feed_projector.exported_epoch as
  select md5(p.epoch::text || s.epoch::text || s.opening::text)::uuid as epoch from feed_projector.projection p, store_identity s;
create view feed_projector.exported_feeds as select account_id, sequence from feed_projector.feeds;
create view feed_projector.exported_feed_entries as select * from feed_projector.feed_entries;

grant select on feed_projector.exported_epoch, feed_projector.exported_feeds, feed_projector.exported_feed_entries to :role(query-api);
