-- LISTEN: a channel of each workspace's own, whose name nobody else learns; ids and nothing else; each once, in order.
\ir scene.psql
create function pg_temp.told(statement text) returns text language plpgsql as $$
declare
    said text;
begin
    execute statement into said;
    return coalesce(said, 'nothing');
exception when others then
    return sqlstate || ' ' || sqlerrm;
end
$$;
delete from ucrm.event_channels;
select is(pg_temp.told('select ucrm.event_channel()'), 'PT401 no_context', 'nobody''s channel');
begin;
set session authorization :"report";
select is(pg_temp.told('set transaction read only; select ucrm.event_channel()'), '25006 cannot execute INSERT in a read-only transaction', 'a reading transaction makes none');
rollback;
reset session authorization;
begin;
set session authorization :"backend";
select ucrm.enter(:'acme', :'owner') \g /dev/null
select ucrm.event_channel() as channel \gset
select is(ucrm.event_channel(), :'channel'::text, 'the same again');
commit;
reset session authorization;
begin;
set session authorization :"report";
set transaction read only;
select is(ucrm.event_channel(), :'channel'::text, 'a reporting login of the workspace learns it');
select throws_ok('select * from ucrm.event_channels', '42501', null, 'and no other');
select throws_ok('select ucrm.announce_events()', '42501', null, 'nor announces');
rollback;
reset session authorization;
begin;
set session authorization :"backend";
select ucrm.enter(:'globex', :'stranger') \g /dev/null
select isnt(ucrm.event_channel(), :'channel'::text, 'another workspace has another');
commit;
reset session authorization;
select ok(:'channel' ~ '^ucrm_events_[0-9a-f]{32}$', 'a name that nobody guesses');
-- From here on: what was before is not announced.
call pg_temp.settle();
select is(ucrm.announce_events(), 0, 'there is nothing new');
insert into crm.contacts (tenant_id, name) select :'acme', 'announced' from generate_series(1, 450);
insert into crm.contacts (tenant_id, name) values (:'globex', 'announced');
call pg_temp.settle();
select is(ucrm.announce_events(300), 301, 'a batch of each workspace');
select is(ucrm.announce_events(300), 150, 'and the rest');
select is(ucrm.announce_events(300), 0, 'each once');
select is((select event_id from ucrm.event_channels where tenant_id = :'acme'), (select e.id from ucrm.events as e where e.tenant_id = :'acme' order by e.id desc limit 1), 'up to the newest');
begin isolation level repeatable read;
select is(pg_temp.told('select ucrm.announce_events()'), '0A000 events are read under READ COMMITTED', 'under READ COMMITTED');
rollback;
begin;
set local role ucrm_gateway;
select lives_ok('select ucrm.announce_events()', 'the gateway has it done');
rollback;
begin;
set session authorization :"backend";
select ucrm.enter(:'acme', :'owner') \g /dev/null
select isnt(ucrm.renew_event_channel(), :'channel'::text, 'another channel in its place');
rollback;
reset session authorization;
begin;
select m.user_id as agent from ucrm.tenant_memberships as m join ucrm.users as u on u.id = m.user_id where m.tenant_id = :'acme' and u.email like 'alan@%' \gset
set session authorization :"backend";
select ucrm.enter(:'acme', :'agent') \g /dev/null
select is(pg_temp.told('select ucrm.renew_event_channel()'), 'PT403 permission_denied', 'for those who may change settings');
rollback;
reset session authorization;
delete from ucrm.event_channels;
delete from crm.contacts where name = 'announced';
select '1..' || currval('__tresults___numb_seq');
