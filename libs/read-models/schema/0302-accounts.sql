-- Current accounts, one row each, written by the fold in accounts.projector.ts. Money is in the account's single
-- currency.
create table account_projector.accounts (
  account_id uuid primary key,
  owner uuid not null, -- a person
  name jsonb, -- stands for a text, as in the event
  currency text not null,
  granted uuid[] not null, -- persons
  available numeric not null,
  reserved numeric not null,
  reservations jsonb not null, -- by order; in the row, so that their sum and `reserved` are of one moment
  version int not null,
  opened_at timestamptz not null,
  updated_at timestamptz not null
) with (fillfactor = 70);
create index accounts_of_owner on account_projector.accounts (owner);
create index accounts_of_granted on account_projector.accounts using gin (granted);

-- The ledger: a line for each event that moves anything, with the balances after it. Written once.
create table account_projector.activities (
  account_id uuid not null,
  version int not null,
  event_id uuid not null unique,
  kind text not null,
  time timestamptz not null,
  available_change numeric not null,
  reserved_change numeric not null,
  available numeric not null,
  reserved numeric not null,
  order_id uuid,
  symbol text,
  side text,
  quantity numeric,
  price numeric,
  fee numeric,
  notional numeric,
  execution_id uuid,
  executed_at timestamptz,
  reference jsonb, -- stands for a text, as in the event
  primary key (account_id, version)
);
create index activities_of_executions on account_projector.activities (account_id, version) where kind in ('fill', 'reversal');
revoke update on account_projector.activities from :role(account-projector);

-- Exported: an owner by the subject of their tokens, or by the person once forgotten.
create view account_projector.exported_accounts as
  select a.account_id, coalesce(o.subject, a.owner::text) as owner, a.name, a.currency, a.available, a.reserved, a.reservations, a.version,
         p._version, p._parked
    from account_projector.accounts a join account_projector.progress p on p.aggregate_id = a.account_id
    left join people o on o.person = a.owner;
create view account_projector.exported_activities as select * from account_projector.activities;
-- Who may read which account, queried with each request: without the join for the progress of an account's row.
create view account_projector.exported_access as select account_id, owner, granted, version from account_projector.accounts;
-- Recent revocations, and those beyond a row's version: few events among many.
create index event_store_access_revoked_time on event_store ("timestamp") where event_type = 'AccountAccessRevoked';
create index event_store_access_revoked on event_store (aggregate_id, aggregate_version) where event_type = 'AccountAccessRevoked';

grant select on account_projector.exported_accounts, account_projector.exported_activities, account_projector.exported_access
  to :role(query-api);
