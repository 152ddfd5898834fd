-- What changed between two images, as jsonb sees it, and what it was and is.
begin;
select plan(5);

create temporary table images as
with v (value) as (
    values ('null'::jsonb), ('true'), ('false'), ('0'), ('-0.0'), ('1'), ('1.00'), ('12345678901234567890.5'), ('""'), ('"a"'), ('"ä\u0001"'),
           ('[]'), ('[1, {"a": null}]'), ('[1.0, {"a": null}]'), ('{}'), ('{"a": [1], "b": "x"}'), ('{"b": "x", "a": [1]}'), ('{"b": "x"}')
), one as (
    select jsonb_build_object('id', 1, 'kept', 'x', 'longer_name', value, 'updated_at', value) as image from v
    union all select '{"id": 1}'
    union all select null
)
select b.image as before, a.image as after from one as b cross join one as a;

create function pg_temp.changed(before jsonb, after jsonb)
returns text[]
language sql
return array(
    select n.key from jsonb_each(after) as n
    where n.key <> 'updated_at' and n.value is distinct from before -> n.key
    order by n.key
);
create function pg_temp.changes(before jsonb, after jsonb, changed text[])
returns jsonb
language sql
return (select jsonb_object_agg(f, jsonb_build_object('previous', before -> f, 'current', after -> f)) from unnest(changed) as f);

select is_empty('select before, after from images where ucrm.changed_fields(before, after) is distinct from pg_temp.changed(before, after)',
    'changed_fields() finds what SQL finds');
select is_empty($$
    select before, after from images, lateral (select array['longer_name', 'absent', 'kept']) as f (fields)
    where ucrm.changes_of(before, after, fields) is distinct from pg_temp.changes(before, after, fields)
$$, 'changes_of() says what SQL says');
select is(ucrm.changes_of('{"a": 1}', '{"a": 2}', '{}'), null, 'no fields, no changes');
select is(ucrm.changes_of(null, null, null), null, 'nothing, nothing');
select is(ucrm.changed_fields('[]', '"a"'), '{}', 'what is no object has no fields');

select * from finish();
rollback;
