-- Current orders, one row each, written by the fold in orders.projector.ts.
create table order_projector.orders (
  order_id uuid primary key,
  account_id uuid not null,
  client_order_id text, -- no index: the order id derives from it
  symbol text not null,
  side text not null,
  type text not null,
  quantity numeric not null,
  limit_price numeric,
  stop_price numeric,
  time_in_force text not null,
  status text not null,
  exec_type text,
  canceling boolean not null,
  paused text, -- doneForDay or suspended, even while a pending request shows another status
  filled_quantity numeric not null,
  executed_value numeric not null, -- total value of the executions: the average is divided only when shown
  revision int not null,
  revisions jsonb not null,
  requested jsonb,
  good_until timestamptz,
  denial jsonb,
  rejection_code text,
  reason text,
  cancel_reason jsonb, -- stands for a text, as in the event
  account_version int, -- the account and its positions show the order's money from this version on
  version int not null,
  created_at timestamptz not null,
  updated_at timestamptz not null
) with (fillfactor = 80);
create index orders_of_account on order_projector.orders (account_id, created_at desc, order_id desc);
create index orders_by_status on order_projector.orders (account_id, status, created_at desc, order_id desc);
create index orders_by_symbol on order_projector.orders (account_id, symbol, created_at desc, order_id desc);
-- Orders that may still trade, which are few: they are counted again and again.
create index orders_open on order_projector.orders (status, updated_at)
  where status in ('pendingNew', 'new', 'partiallyFilled', 'doneForDay', 'pendingCancel', 'pendingReplace', 'suspended', 'unknown');

-- Exported. _version: the last event of the order that the model has seen; _parked: why it takes no more of them.
create view order_projector.exported_orders as
  select o.*, p._version, p._parked
    from order_projector.orders o join order_projector.progress p on p.aggregate_id = o.order_id;

grant select on order_projector.exported_orders to :role(query-api);
