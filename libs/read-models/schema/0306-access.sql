-- Who may read which account, asked for with each request: without the join that tells how far an account's row is.
create view account_projector.exported_access as
  select account_id, owner, subjects from account_projector.accounts where owner is not null;

grant select on account_projector.exported_access to :role(query-api);
