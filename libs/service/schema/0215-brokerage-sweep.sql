-- When the brokerage's next call may be made: its limit is one for all replicas of the gateway.
create table broker_gateway.call_slots (
  api text primary key check (api in ('trading', 'market-data')),
  free_at timestamptz not null default '-infinity'
) with (fillfactor = 20);
insert into broker_gateway.call_slots (api) values ('trading'), ('market-data');
grant select, update on broker_gateway.call_slots to :role(broker-gateway);

-- When the brokerage's lists were last compared with what is stored, and who does it now.
create table broker_gateway.sweep (
  one boolean primary key default true check (one),
  due_at timestamptz not null default clock_timestamp(),
  -- The process that compares, until when; free when that has passed.
  owner uuid,
  leased_until timestamptz not null default '-infinity',
  -- The brokerage's time until which all was compared; null: never yet.
  until timestamptz,
  -- When the lists of a whole day are compared again: for what was taken back or corrected meanwhile.
  day_due_at timestamptz not null default clock_timestamp()
);
insert into broker_gateway.sweep default values;

grant select, update on broker_gateway.sweep to :role(broker-gateway);
