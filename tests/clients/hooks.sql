-- A workspace whose webhooks may lead to this machine, and the secret and route by which others' messages come in.
-- Prints NAME=value.
select ucrm.set('webhook_internal', 'true') \g /dev/null
create temporary table made as select ucrm.provision_tenant('hooks', 'Hooks', 'hooks@clients.example', 'scale', true) as of;
update ucrm.users set email_verified_at = now();
select (of #>> '{tenant,id}')::uuid as tenant from made \gset
select ucrm.keep_secret(:'tenant', 'inbound_shop', :'tenant', 'a secret of the shop''s webhooks');
create schema clients_test;
create table clients_test.heard (body text);
create function clients_test.hear(r ucrm.request) returns ucrm.response language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if ucrm.verify_webhook('shop', r.headers, r.body, (select t.id from ucrm.tenants as t where t.slug = 'hooks')) then
        insert into clients_test.heard values (convert_from(r.body, 'UTF8'));
        return ucrm.json_response(201, '{"taken": true}');
    end if;
    return ucrm.json_response(200, '{"taken": false}');
end
$$;
grant usage on schema clients_test to ucrm_handler;
insert into ucrm.routes (method, template, function, audience) values ('POST', '/api/v1/shop', 'clients_test.hear', 'public');
select 'HOOKS_KEY=' || (of #>> '{api_key,secret}'), 'HOOKS_TENANT=' || (of #>> '{tenant,id}') from made \g (format=unaligned tuples_only=on fieldsep='\n')
select 'INBOUND_SECRET=' || ucrm.webhook_secret_text('a secret of the shop''s webhooks');
