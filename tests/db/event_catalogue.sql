-- The event catalogue: every protected table's events and UCRM's own, by the registry; nothing is announced that is not in it.
\ir scene.psql
select set_eq($$select type from ucrm.event_catalogue() where resource in (select name from ucrm.resources where kind = 'entity')$$,
    $$select r.name || '.' || v from ucrm.resources as r, unnest(array['created', 'updated', 'deleted', 'archived', 'restored']) as v where r.kind = 'entity' and (r.archived_column is not null or v not in ('archived', 'restored'))$$,
    'three events of every table, five of one that can be archived');
select is_empty($$select distinct e.type from ucrm.events as e where e.type not in (select c.type from ucrm.event_catalogue() as c)$$, 'what has occurred so far is in it');
-- What UCRM's functions announce, as far as they name it.
select is_empty($$
    select distinct m[2] || '.' || m[1]
    from pg_proc as p, regexp_matches(p.prosrc, 'record_event\([^,]+, ''(created|updated|deleted)'', ''([a-z_]+)''', 'g') as m
    where p.pronamespace = 'ucrm'::regnamespace
      and not exists (select from ucrm.event_catalogue() as c where c.type = m[2] || '.' || m[1])
$$, 'what the functions announce is in it');
select is_empty($$select resource from ucrm.system_events where resource not in (select name from ucrm.resources where kind = 'system') and resource <> 'custom_columns'$$, 'of resources that there are');
select is_empty($$select type from ucrm.event_catalogue() where example ->> 'type' <> type or example ->> 'specversion' <> '1.0' or not example ?& array['id', 'source', 'subject', 'time', 'tenantid', 'data', 'changes']$$, 'every example is a CloudEvent of its type');
select is_empty($$
    select c.type, k from ucrm.event_catalogue() as c, jsonb_object_keys(c.example -> 'data') as k
    where c.schema is not null and not (c.schema -> 'properties') ? k
$$, 'whose data has the fields of the schema');
select is((select count(*) from ucrm.event_catalogue() where occurs is null or permission is null), 0::bigint, 'and says when it occurs and who may read it');
begin;
create schema noted;
create table noted.things (tenant_id uuid not null, id uuid not null default ucrm.uuid7(), name text, primary key (tenant_id, id));
select ucrm.protect('noted.things', 'noted_things') \g /dev/null
select set_eq($$select type from ucrm.event_catalogue() where resource = 'noted_things'$$, array['noted_things.created', 'noted_things.updated', 'noted_things.deleted'], 'a table of tomorrow is in it');
set local role ucrm_reader;
select isnt_empty('select * from ucrm.event_catalogue()', 'a reporting login reads it');
rollback;
select throws_ok('update ucrm.system_events set occurs = ''x''', '42501', null, 'UCRM''s own rows do not change');
select '1..' || currval('__tresults___numb_seq');
