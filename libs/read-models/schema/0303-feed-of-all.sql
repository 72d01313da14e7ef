-- Accounts and executions are in the feed too: an entry need not be about an order, and only the order's own events have its version.
-- Nothing is built anew: what the new topics bring comes from the store by itself, under the next numbers.
alter table feed_projector.feed_entries alter column order_id drop not null;
alter table feed_projector.feed_entries alter column order_version drop not null;
