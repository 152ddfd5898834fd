-- Players: who they are, what they hold, what they are told and given.
create schema engagement;
comment on schema engagement is 'Player engagement: players, wallets, bonuses, campaigns, journeys. Ordinary tables, protected by UCRM.';
-- Referential checks run as the tables' owner.
grant usage on schema engagement to ucrm_tables;

insert into ucrm.refusals (code, status, title, hint) values
('immutable', 403, 'What was recorded does not change', 'Add another record that corrects it.'),
('wallet_frozen', 409, 'The wallet takes no entries', 'Set its status to active first.'),
('bonus_closed', 409, 'The bonus is not being wagered', 'Only an active grant that has not expired takes wagering events.');

create function engagement.keep_record()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A cascade, like the deletion of a tenant, and the platform take records away; nobody else does.
    if row_security_active(tg_relid) and not (tg_op = 'UPDATE' and new.tenant_id is distinct from old.tenant_id) then
        perform ucrm.refuse('immutable');
    end if;
    return case tg_op when 'DELETE' then old else new end;
end
$$;
comment on function engagement.keep_record() is
'BEFORE row trigger of append-only tables: what was recorded is neither changed nor deleted. Row security refuses by itself that a row changes its tenant.';
revoke execute on function engagement.keep_record() from public;
grant execute on function engagement.keep_record() to ucrm_app, ucrm_platform;
