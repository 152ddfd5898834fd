-- Secret columns: the row shows a mask to everybody; the value is sealed, follows its row, and comes back out for nobody
-- but UCRM's own workers.
\ir scene.psql
create function pg_temp.wrong(statement text)
returns text
language plpgsql
as $$
declare
    state text;
    said text;
    named text;
begin
    execute statement;
    return 'none';
exception when others then
    get stacked diagnostics state = returned_sqlstate, said = message_text, named = column_name;
    return concat_ws(' ', state, nullif(named, ''), said);
end
$$;
create function pg_temp.open(id uuid) returns text language sql as $$ select ucrm.row_secret('lines', $1, 'token', (select acme from scene)) $$;
create schema vault;
create table vault.lines (tenant_id uuid not null, id uuid not null default ucrm.uuid7(), name text, token text, second text, external_id text, primary key (tenant_id, id), unique (tenant_id, external_id));
insert into vault.lines (tenant_id, id, name, token) values (:'acme', 'd0000000-0000-7000-8000-00000000000a', 'old', 'clear text of old'), (:'globex', 'd0000000-0000-7000-8000-00000000000b', 'old', 'clear text of globex');
select lives_ok($$select ucrm.protect('vault.lines', secret => array['token', 'second'])$$, 'a table with secret columns is protected');
select is((select token from vault.lines where id = 'd0000000-0000-7000-8000-00000000000a'), '••••' || right('clear text of old', 4), 'what lay there in clear is masked');
select is(pg_temp.open('d0000000-0000-7000-8000-00000000000a'), 'clear text of old', 'and sealed');

begin;
set local role ucrm_app;
select ucrm.enter(:'acme', :'owner');
insert into vault.lines (id, name, token, external_id) values ('d0000000-0000-7000-8000-000000000001', 'one', 'sk_live_0123456789', 'x1') returning token as shown \gset
select is(:'shown'::text, '••••6789', 'a new row comes back with the mask');
insert into vault.lines (id, name, token) values ('d0000000-0000-7000-8000-000000000002', 'short', 'hush');
select is((select token from vault.lines where id = 'd0000000-0000-7000-8000-000000000002'), '••••', 'of a short one nothing is shown');
reset role;
select is(pg_temp.open('d0000000-0000-7000-8000-000000000001'), 'sk_live_0123456789', 'the value is there for a worker');
select is((select count(*) from ucrm.audit_logs where resource = 'lines' and (to_jsonb(audit_logs)::text like '%sk_live%' or to_jsonb(audit_logs)::text like '%hush%')), 0::bigint, 'the audit log does not have it');
select is((select after ->> 'token' from ucrm.audit_logs where resource = 'lines' and record_id = 'd0000000-0000-7000-8000-000000000001'), '••••6789', 'but its mask');
select is((select data ->> 'token' from ucrm.events where resource = 'lines' and record_id = 'd0000000-0000-7000-8000-000000000001'), '••••6789', 'as has the event');
select is((select count(*) from ucrm.secrets where sealed::text like '%' || encode('sk_live', 'hex') || '%'), 0::bigint, 'and what a dump holds is sealed');
set local role ucrm_app;
update vault.lines set name = 'uno', token = token where external_id = 'x1';
update vault.lines set token = '••••6789' where external_id = 'x1';
reset role;
select is(pg_temp.open('d0000000-0000-7000-8000-000000000001'), 'sk_live_0123456789', 'the mask written back changes nothing');
set local role ucrm_app;
select is(pg_temp.wrong($$update vault.lines set token = '••••9999' where external_id = 'x1'$$), '22023 token token is a mask, not a secret', 'another mask is refused');
select is(pg_temp.wrong($$insert into vault.lines (name, token) values ('x', '••••6789')$$), '22023 token token is a mask, not a secret', 'and any mask in a new row');
select is(pg_temp.wrong($$update vault.lines set token = '' where external_id = 'x1'$$), '22023 token token must not be empty', 'an empty one too');
update vault.lines set token = 'another_secret_value' where external_id = 'x1';
reset role;
select is(pg_temp.open('d0000000-0000-7000-8000-000000000001'), 'another_secret_value', 'a new value takes the old one''s place');
set local role ucrm_app;
update vault.lines set token = 'yet_another_sec_alue' where external_id = 'x1';
reset role;
select is(pg_temp.open('d0000000-0000-7000-8000-000000000001'), 'yet_another_sec_alue', 'also one that looks the same');
select is((select count(*) from ucrm.audit_logs where resource = 'lines' and action = 'secret_changed' and after = '{"column": "token"}'), 1::bigint, 'of which the audit log tells that it changed');

-- Upserts and bulk.
set local role ucrm_app;
insert into vault.lines (name, token, external_id) values ('dos', 'upserted_secret_1', 'x1') on conflict (tenant_id, external_id) do update set name = excluded.name, token = excluded.token;
reset role;
select is(pg_temp.open('d0000000-0000-7000-8000-000000000001'), 'upserted_secret_1', 'an upsert brings its value to the row that was there');
select is((select token from vault.lines where external_id = 'x1'), '••••et_1', 'and its mask');
set local role ucrm_app;
insert into vault.lines (name, token, external_id) values ('tres', 'ignored_secret_77', 'x1') on conflict do nothing;
insert into vault.lines (id, name, token, external_id) values ('d0000000-0000-7000-8000-000000000003', 'new', 'inserted_secret_3', 'x3'), ('d0000000-0000-7000-8000-000000000004', 'old', 'upserted_secret_4', 'x1')
on conflict (tenant_id, external_id) do update set token = excluded.token;
reset role;
select is(pg_temp.open('d0000000-0000-7000-8000-000000000003'), 'inserted_secret_3', 'of several rows each gets its own');
select is(pg_temp.open('d0000000-0000-7000-8000-000000000001'), 'upserted_secret_4', 'whether it was there or not');
select is((select count(*) from ucrm.secrets as s where s.kind = ucrm.secret_kind('lines', 'token') and s.tenant_id = :'acme' and not exists (select from vault.lines as l where l.id = s.holder)), 0::bigint, 'and no secret is left of a row that was not made');
set local role ucrm_app;
select is(pg_temp.wrong($$insert into vault.lines (name, external_id) values ('x', 'x1') on conflict (tenant_id, external_id) do update set token = '••••et_3'$$), '22023 token token is a mask, not a secret', 'nobody takes another row''s secret by its mask');
merge into vault.lines as l using (select 'x3' as e) as s on l.external_id = s.e when matched then update set token = 'merged_secret_333';
insert into vault.lines (name, token) select 'bulk', 'bulk_secret_' || n from generate_series(1000, 1999) as n;
reset role;
select is(pg_temp.open('d0000000-0000-7000-8000-000000000003'), 'merged_secret_333', 'MERGE as well');
select is((select count(*) from vault.lines as l where l.name = 'bulk' and right(pg_temp.open(l.id), 4) = right(l.token, 4)), 1000::bigint, 'a thousand at once');

-- null clears, a row that goes takes its secret along, a row that moves too.
set local role ucrm_app;
update vault.lines set token = null where external_id = 'x3';
reset role;
select is(pg_temp.open('d0000000-0000-7000-8000-000000000003'), null, 'null clears');
update vault.lines set id = 'd0000000-0000-7000-8000-000000000009' where external_id = 'x1';
select is(pg_temp.open('d0000000-0000-7000-8000-000000000009'), 'upserted_secret_4', 'a row that gets another id keeps its secret');
set local role ucrm_app;
delete from vault.lines where external_id = 'x1' or name = 'bulk';
reset role;
select is((select count(*) from ucrm.secrets as s where s.kind = ucrm.secret_kind('lines', 'token') and s.tenant_id = :'acme'), 2::bigint, 'a row that goes takes its secret along');
select ucrm.protect('vault.lines', 'wires');
select is(ucrm.row_secret('wires', 'd0000000-0000-7000-8000-00000000000a', 'token', :'acme'), 'clear text of old', 'secrets follow the resource''s name');
delete from ucrm.tenants where id = :'globex';
select is((select count(*) from ucrm.secrets where tenant_id = :'globex' and kind like 'row%'), 0::bigint, 'and go with their tenant');
rollback;

-- Who may not.
begin;
set local role ucrm_app;
select ucrm.enter(:'acme', :'owner');
select throws_ok(s, '42501', null, s) from unnest(array[
    $$select ucrm.row_secret('lines', 'd0000000-0000-7000-8000-00000000000a', 'token')$$, $$select * from ucrm.secrets$$,
    $$select ucrm.stashed_secret('x')$$, $$select ucrm.stash_secret('x', 'y')$$, $$select ucrm.secret_mask('x')$$]) as s;
select is(pg_temp.attempt(format($$insert into vault.lines (tenant_id, name, token) values (%L, 'x', 'secret for globex')$$, :'globex')), '42501', 'no secret is put into another tenant''s row');
select is(pg_temp.attempt($$update vault.lines set token = 'stolen' where id = 'd0000000-0000-7000-8000-00000000000b'$$), 'rows 0', 'nor over its own');
select set_eq('select distinct tenant_id from vault.lines', array[:'acme'::uuid], 'nor is it seen');
reset role;
rollback;
begin;
set session authorization :"report";
select is((select token from vault.lines where id = 'd0000000-0000-7000-8000-00000000000a'), '••••' || right('clear text of old', 4), 'a reporting login reads the mask');
reset session authorization;
rollback;

-- The compiler's shape; what cannot be secret.
select ok(ucrm.shape_of('lines') ~ E'\ntoken\ttext\trws', 'the API shows and takes it, as a secret');
create table vault.numbers (tenant_id uuid not null, id uuid not null, pin integer, "Odd" text, primary key (tenant_id, id));
create table vault.counted (tenant_id uuid not null, id bigint not null, token text, primary key (tenant_id, id));
select throws_ok($$select ucrm.protect('vault.numbers', secret => array['pin'])$$, '22023', null, 'a number is no secret column');
select throws_ok($$select ucrm.protect('vault.numbers', secret => array['Odd'])$$, '22023', null, 'nor one of such a name');
select throws_ok($$select ucrm.protect('vault.counted', secret => array['token'])$$, '22023', null, 'nor is there one without a uuid key');
select ucrm.unprotect('vault.lines');
select is((select count(*) from pg_trigger where tgrelid = 'vault.lines'::regclass and not tgisinternal), 0::bigint, 'unprotected, no trigger is left');
set client_min_messages = warning;
drop schema vault cascade;
delete from ucrm.secrets where kind ~ '^row_5_(lines|wires)_';
delete from ucrm.events where resource = 'lines';
select '1..' || currval('__tresults___numb_seq');
