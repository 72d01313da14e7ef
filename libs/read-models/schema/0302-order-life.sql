-- The whole life of an order. Null where the version before wrote the row; the rows are built anew below.
alter table order_projector.orders
  add column exec_type text,
  add column canceling boolean,
  add column filled_quantity numeric,
  add column executed_value numeric, -- exact sum of quantity times price, so that the average is divided only when it is shown
  add column revision int,
  add column revisions jsonb,
  add column requested jsonb,
  add column good_until timestamptz,
  add column denial jsonb,
  add column rejection_code text,
  add column reason text;
update order_projector.orders set status = 'pendingNew' where status = 'pending';
create index orders_by_status on order_projector.orders (account_id, status, created_at desc, order_id desc);
create index orders_by_symbol on order_projector.orders (account_id, symbol, created_at desc, order_id desc);

-- A view keeps its columns as they were when it was made. Rows of the version before are shown as this one would have written them.
drop view order_projector.exported_orders;
create view order_projector.exported_orders as
  select o.order_id, o.account_id, o.client_order_id, o.symbol, o.side, o.type, o.quantity, o.limit_price, o.stop_price, o.time_in_force,
         o.status, o.cancel_reason, o.version, o.created_at, o.updated_at, o.exec_type,
         coalesce(o.filled_quantity, 0) as filled_quantity, coalesce(o.executed_value, 0) as executed_value,
         coalesce(o.revision, 1) as revision, coalesce(o.revisions, '[]') as revisions, o.requested, o.good_until, o.denial, o.rejection_code, o.reason,
         p._version, p._parked
    from order_projector.orders o join order_projector.progress p on p.aggregate_id = o.order_id;

grant select on order_projector.exported_orders to :role(query-api);

-- What rebuildProjection does: readers see the rows that are there until the new ones are built.
update order_projector.projection set log = null, start_over = true;
update order_projector.offsets set owner = null;
