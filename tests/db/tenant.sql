-- A workspace's states, its trial, its provisioning, and its end: every row of it goes, and not a bit of anybody else's.
\ir scene.psql
create function pg_temp.told(statement text) returns text language plpgsql as $$
declare
    answer text;
begin
    execute statement into answer;
    return coalesce(answer, 'done');
exception when others then
    return sqlstate || ' ' || sqlerrm;
end
$$;

-- Transitions: every pair of states.
begin;
insert into ucrm.tenants (slug, name, status) select format('from-%s-to-%s', replace(a, '_', '-'), replace(b, '_', '-')), 'x', a
from unnest(array['pending_approval', 'approved', 'rejected', 'suspended']) as a, unnest(array['pending_approval', 'approved', 'rejected', 'suspended', 'nothing']) as b;
select is(
    pg_temp.told(format('select status from ucrm.change_tenant_status((select id from ucrm.tenants where slug = %L), %L)', format('from-%s-to-%s', replace(a, '_', '-'), replace(b, '_', '-')), b)),
    case when (a, b) in (('pending_approval', 'approved'), ('pending_approval', 'rejected'), ('approved', 'suspended'), ('suspended', 'approved'), ('rejected', 'approved')) then b else 'PT409 invalid_transition' end,
    format('%s → %s', a, b))
from unnest(array['pending_approval', 'approved', 'rejected', 'suspended']) as a, unnest(array['pending_approval', 'approved', 'rejected', 'suspended', 'nothing']) as b;
select ok(trial_ends_at between clock_timestamp() + interval '13 days 23 hours' and clock_timestamp() + interval '14 days', 'the trial starts at approval') from ucrm.tenants where slug = 'from-pending-approval-to-approved';
select is(trial_ends_at, null, 'and not again after a suspension') from ucrm.tenants where slug = 'from-suspended-to-approved';
select is((select count(*) from ucrm.platform_audit_logs as l join ucrm.tenants as t on t.id = l.tenant_id where t.slug like 'from-%'), 5::bigint, 'every decision is in the platform''s audit');
select is(pg_temp.told(format('select ucrm.change_tenant_status(%L, ''approved'')', ucrm.uuid7())), 'PT404 not_found', 'a workspace of nobody');
select ucrm.set('trial_days', '3');
insert into ucrm.tenants (slug, name) values ('three-days', 'x');
select ok(trial_ends_at < clock_timestamp() + interval '3 days', 'as long as the setting says') from ucrm.change_tenant_status((select id from ucrm.tenants where slug = 'three-days'), 'approved');
select ucrm.set('trial_days', 'null');
insert into ucrm.tenants (slug, name) values ('no-trial', 'x');
select is(trial_ends_at, null, 'or there is none') from ucrm.change_tenant_status((select id from ucrm.tenants where slug = 'no-trial'), 'approved');
select throws_ok($$select ucrm.set('nothing', '1')$$, '42704', null, 'a setting that is none');
rollback;

-- Nobody decides about a workspace of his own.
begin;
insert into ucrm.platform_admins values (:'owner');
grant execute on function ucrm.change_tenant_status(uuid, text, text) to ucrm_app;
set session authorization :"backend";
select ucrm.enter(:'acme', :'owner');
select is(pg_temp.told(format('select ucrm.change_tenant_status(%L, ''suspended'')', :'acme')), 'PT403 permission_denied', 'nobody decides about a workspace of his own');
reset session authorization;
rollback;

-- Billing.
select is((ucrm.billing_state(row(ucrm.uuid7(), 's', 'n', 'free', v.status, null, v.trial, v.paid, null, '{}', null, now(), now())::ucrm.tenants)).state, v.want, format('%s, trial %s, paid %s: %s', v.status, v.trial, v.paid, v.want))
from (values
    ('pending_approval', null, null, 'pending_approval'), ('rejected', null, null, 'suspended'), ('suspended', 'infinity', 'infinity', 'suspended'),
    ('approved', null, null, 'active'), ('approved', now() + interval '1 day', null, 'trial'), ('approved', now() - interval '1 day', null, 'trial_expired'),
    ('approved', now() - interval '1 day', now() + interval '1 day', 'active'), ('approved', now() - interval '2 days', now() - interval '1 day', 'trial_expired')
) as v (status, trial, paid, want);

-- Provisioning.
begin;
create temporary table made on commit drop as select ucrm.provision_tenant('wonka', 'Wonka', 'Willy@Wonka.example', 'team') as j;
select is((select status from ucrm.tenants where slug = 'wonka'), 'pending_approval', 'provisioned, it waits for approval');
select is((select m.role from ucrm.tenant_memberships as m join ucrm.users as u on u.id = m.user_id join ucrm.tenants as t on t.id = m.tenant_id where t.slug = 'wonka' and lower(u.email) = 'willy@wonka.example'), 'owner', 'with an owner');
select is((ucrm.authenticate('key', sha256(convert_to(j #>> '{api_key,secret}', 'UTF8')))).tenant_id, (j #>> '{tenant,id}')::uuid, 'and a key that works') from made;
select is(pg_temp.told($$select ucrm.provision_tenant('wonka', 'Other', 'other@wonka.example')$$), 'PT409 slug_taken', 'a slug that is taken');
select is(ucrm.provision_tenant('wonka-two', 'Two', 'willy@wonka.EXAMPLE') #>> '{admin,created}', 'false', 'somebody who is known is not made twice');
select is(pg_temp.told(format('select ucrm.provision_tenant(%L, ''x'', ''x@y.example'')', s)) ~ '^23514', true, 'no slug: ' || s) from unnest(array['', 'A', '-a', 'a-', 'a b', 'a_b', repeat('a', 64), '01a00000-0000-7000-8000-000000000000']) as s;
select ucrm.set('approval', '"auto"');
select is(ucrm.provision_tenant('auto', 'Auto', 'a@auto.example') #>> '{tenant,status}', 'approved', 'where approval is automatic, it is approved');
rollback;

-- The end.
create function pg_temp.digests() returns table (name text, of_globex bigint, of_others text) language plpgsql as $$
declare
    t tables;
begin
    for t in select * from tables where relkind = 'r' loop
        name := t.name;
        of_globex := 0;
        if t.tenant_column is not null then
            execute format('select count(*) filter (where r.%I = %L), md5(string_agg(r::text, '','' order by r::text) filter (where r.%I is distinct from %L)) from %s as r',
                t.tenant_column, (select globex from scene), t.tenant_column, (select globex from scene), t.name) into of_globex, of_others;
        else
            execute format('select md5(string_agg(r::text, '','' order by r::text)) from %s as r', t.name) into of_others;
        end if;
        return next;
    end loop;
end
$$;
begin;
select pg_temp.plant();
create temporary table before on commit drop as select * from pg_temp.digests();
delete from ucrm.tenants where id = :'globex';
create temporary table after on commit drop as select * from pg_temp.digests();
select is(a.of_globex, case when a.name = 'ucrm.platform_audit_logs' then b.of_globex + 1 else 0 end, format('%s: nothing is left of it but a tombstone', a.name)) from after as a join before as b using (name) where b.of_globex > 0;
select is(a.of_others, b.of_others, format('%s: not a bit of anybody else''s is touched', a.name)) from after as a join before as b using (name);
rollback;
-- By its owner, in his own context.
begin;
set session authorization :"backend";
select ucrm.enter(:'globex', :'stranger');
select ucrm.delete_tenant();
reset session authorization;
select is((select count(*) from ucrm.tenants where id = :'globex'), 0::bigint, 'an owner deletes his workspace');
select is((select user_id::text from ucrm.platform_audit_logs where action = 'tenant.deleted' and tenant_id = :'globex'), :'stranger', 'and the tombstone says who');
rollback;

select '1..' || currval('__tresults___numb_seq');
