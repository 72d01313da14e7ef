-- What each account holds of each symbol, written by the fold in positions.projector.ts.
create table position_projector.positions_held (
  holding text primary key, -- account and symbol: `<account id>/<symbol>`
  account_id uuid not null,
  symbol text not null,
  quantity numeric not null,
  cost_basis numeric not null,
  realised numeric not null,
  version int not null,
  updated_at timestamptz not null
) with (fillfactor = 70);
create unique index positions_of_account on position_projector.positions_held (account_id, symbol);

create view position_projector.exported_positions as select * from position_projector.positions_held;

grant select on position_projector.exported_positions to :role(query-api);
