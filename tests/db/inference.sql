-- Nobody of Acme's learns what Globex holds: not by a unique key, a foreign key, an error's text, a function that
-- talks, the planner's statistics, or a function of the house that is handed a foreign id.
\ir scene.psql

create temporary table rows_of_globex (relation regclass, image jsonb);
grant select on rows_of_globex to public;
create function pg_temp.collect()
returns void
language plpgsql
as $$
declare
    t tables;
begin
    for t in select * from tables where protected loop
        execute format('insert into rows_of_globex select %L, to_jsonb(r) from %s as r where tenant_id = %L', t.name, t.name, (select globex from scene));
    end loop;
end
$$;

-- What came of a statement, with its message and detail, the given words blotted out.
create function pg_temp.told(statement text, blot text)
returns text
language plpgsql
as $$
declare
    detail text;
    hint text;
begin
    begin
        execute statement;
        raise exception using errcode = 'RB000';
    exception
        when sqlstate 'RB000' then
            return 'done';
        when others then
            get stacked diagnostics detail = pg_exception_detail, hint = pg_exception_hint;
            return replace(concat_ws(' | ', sqlstate, sqlerrm, detail, hint), blot, '…');
    end;
end
$$;

-- A row that a tenant could have, drawn until the table takes it; it does not stay.
create function pg_temp.draft(relation regclass, tenant uuid)
returns jsonb
language plpgsql
as $$
declare
    model jsonb;
    drawn jsonb;
begin
    for i in 1..40 loop
        execute format('select to_jsonb(r) from %s as r order by r.tenant_id = $1 desc, random() limit 1', relation) into model using tenant;
        drawn := ucrm.prove_draft(relation, tenant, model, null);
        if pg_temp.told(ucrm.prove_insert(relation, drawn), '') = 'done' then
            return drawn;
        end if;
    end loop;
    raise exception 'no row could be drawn for %', relation;
end
$$;

-- Whether a tenant has a row with one of this row's unique keys.
create function pg_temp.has_key(relation regclass, tenant uuid, drawn jsonb) returns boolean language plpgsql as $$
declare
    key jsonb;
    found_one boolean;
begin
    for key in
        select jsonb_object_agg(a.attname, drawn -> a.attname::text)
        from pg_index as i
        join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = any (i.indkey) and a.attname <> 'tenant_id'
        where i.indrelid = relation and i.indisunique
        group by i.indexrelid
        having bool_and(coalesce(drawn -> a.attname::text, 'null') <> 'null')
    loop
        execute format('select exists (select from %s as r where r.tenant_id = $1 and to_jsonb(r) @> $2)', relation) into found_one using tenant, key;
        if found_one then
            return true;
        end if;
    end loop;
    return false;
end
$$;

-- What is asked of each table: a reference to a foreign row and to none, and a key that only another tenant uses.
create temporary table questions (n integer generated always as identity, about text, statement text, blot text, other text, other_blot text);
grant select on questions to public;
create function pg_temp.ask_keys()
returns void
language plpgsql
as $$
declare
    t tables;
    k record;
    mine jsonb;
    theirs jsonb;
    foreign_id text;
    nobody constant text := '01a00000-0000-7000-8000-000000000000';
    acme constant uuid := (select s.acme from scene as s);
    globex constant uuid := (select s.globex from scene as s);
begin
    for t in select * from tables where protected order by name loop
        mine := pg_temp.draft(t.relation, acme);
        for k in
            select f.target, f.columns[2] as name, f.targets[2] as target_name, f.needed
            from ucrm.prove_references(t.relation) as f
            join pg_attribute as a on a.attrelid = t.relation and a.attname = f.columns[2] and a.atttypid = 'uuid'::regtype
            where cardinality(f.columns) = 2 and f.columns[1] = 'tenant_id'
        loop
            foreign_id := ucrm.prove_any_row(k.target, globex) ->> k.target_name;
            -- A row may be about one thing of several: it names this one alone.
            insert into questions (about, statement, blot, other, other_blot)
            select format('%s: a foreign %s and one that does not exist are refused in the same words', t.name, k.name),
                   ucrm.prove_insert(t.relation, x.draft || jsonb_build_object(k.name, foreign_id)), foreign_id,
                   ucrm.prove_insert(t.relation, x.draft || jsonb_build_object(k.name, nobody)), nobody
            from (select mine - array(select c::text from ucrm.prove_references(t.relation) as f, unnest(f.columns) as c where not f.needed and not k.needed and c <> 'tenant_id'
                                      and not exists (select from pg_attribute as a where a.attrelid = t.relation and a.attname = c and a.attnotnull)) as draft) as x;
        end loop;
        -- A row of the other's, with keys that nobody else has.
        for attempt in 1..40 loop
            theirs := pg_temp.draft(t.relation, globex);
            exit when not pg_temp.has_key(t.relation, acme, theirs);
        end loop;
        if exists (select from pg_attribute as a where a.attrelid = t.relation and a.attname = 'external_id') then
            theirs := theirs || '{"external_id": "only-globex-has-this"}';
        end if;
        execute ucrm.prove_insert(t.relation, theirs) || ' returning to_jsonb(t)' into theirs;
        select coalesce(jsonb_object_agg(c.attname, theirs -> c.attname::text), '{}') into theirs
        from (
            select distinct a.attname
            from pg_index as i
            join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
            where i.indrelid = t.relation and i.indisunique and a.attname <> 'tenant_id' and (not a.atthasdef or a.atttypid = 'uuid'::regtype)
              and a.attname not in (select c from ucrm.prove_references(t.relation) as f, unnest(f.columns) as c where cardinality(f.columns) = 2)
              and a.attname not in (select c from ucrm.prove_references(t.relation) as f, unnest(f.columns) as c where c <> 'id')
        ) as c;
        insert into questions (about, statement)
        values (format('%s: a key that only another tenant uses is free', t.name), ucrm.prove_insert(t.relation, mine || theirs));
    end loop;
end
$$;

create function pg_temp.probe_keys()
returns setof text
language plpgsql
as $$
declare
    q questions;
    g rows_of_globex;
    k record;
    answer text;
    nobody constant text := '01a00000-0000-7000-8000-000000000000';
begin
    for q in select * from questions order by n loop
        answer := pg_temp.told(q.statement, coalesce(q.blot, ''));
        return next is(answer, case when q.other is null then 'done' else pg_temp.told(q.other, q.other_blot) end, q.about);
        if q.other is not null and answer = 'done' then
            return next fail(q.about || ': it was not refused');
        end if;
    end loop;
    for g in select distinct on (relation) * from rows_of_globex order by relation, image ->> 'id' loop
        for k in
            select i.indexrelid::regclass as name
            from pg_index as i
            where i.indrelid = g.relation and i.indisunique
              and not exists (select from pg_attribute as a where a.attrelid = i.indrelid and a.attnum = i.indkey[0] and a.attname = 'tenant_id')
        loop
            return next fail(format('%s: the unique index %s does not begin with tenant_id', g.relation, k.name));
        end loop;
        return next is(
            pg_temp.told(format('insert into %s select (jsonb_populate_record(null::%s, %L)).*', g.relation, g.relation, g.image), ''),
            pg_temp.told(format('insert into %s select (jsonb_populate_record(null::%s, %L)).*', g.relation, g.relation, g.image || jsonb_build_object('id', nobody)), ''),
            format('%s: a foreign row that exists and one that does not are refused in the same words', g.relation));
    end loop;
end
$$;

begin;
select pg_temp.plant();
select pg_temp.collect();
select pg_temp.ask_keys();
analyze;
set session authorization :"backend";
select ucrm.enter(:'acme', :'owner');
select pg_temp.probe_keys();

-- A function that talks, and one that fails, are not shown a foreign row.
create temporary table heard (word text);
create function pg_temp.talk(said text) returns boolean cost 0.0000001 language plpgsql as $$
begin
    insert into heard values (said);
    return true;
end
$$;
select count(*) from tables as t, lateral (select pg_temp.fetched(format('select from %s as r where pg_temp.talk(to_jsonb(r)::text)', t.name))) as x
where t.protected \g /dev/null
select ok((select count(*) from heard) > 0, 'a talking function is shown one''s own rows');
select is((select count(*) from heard as h, words as w where strpos(h.word, w.word) > 0), 0::bigint, 'and no other');
select is(pg_temp.attempt(format('select from %s as r where r.tenant_id <> %L and 1 / (length(r.tenant_id::text) - 36) = 1', name, :'acme')), 'rows 0',
          format('%s: a division by zero does not say that a foreign row is there', name))
from tables where protected;
select is(pg_temp.attempt(format('select from %s as r where r.tenant_id <> %L and (to_jsonb(r) ->> ''name'')::integer = 1', name, :'acme')), 'rows 0',
          format('%s: a cast does not read a foreign row aloud', name))
from tables where protected;

select is((select count(*) from pg_stats as s, tables as t where format('%I.%I', s.schemaname, s.tablename)::regclass = t.relation and t.tenant_column is not null), 0::bigint,
          'the planner''s statistics of tenants'' tables are not shown');
select is(pg_temp.attempt('select from pg_statistic'), '42501', 'nor read behind their view');

-- Functions of the house that are handed a foreign id answer as for one that does not exist.
create function pg_temp.verdict(statement text) returns text language plpgsql as $$
declare
    answer text;
begin
    execute statement into answer;
    return 'value ' || coalesce(answer, 'null');
exception when others then
    return sqlstate || ' ' || sqlerrm;
end
$$;
reset session authorization;
create temporary table probes on commit drop as
select *
from (values
    ('revoke_api_key', 'select ucrm.revoke_api_key(%L)', 'key'),
    ('rotate_api_key', 'select ucrm.rotate_api_key(%L)', 'key'),
    ('set_member_role', 'select ucrm.set_member_role(%L, ''reader'')', 'stranger'),
    ('set_member_disabled', 'select ucrm.set_member_disabled(%L, true)', 'stranger'),
    ('remove_member', 'select ucrm.remove_member(%L)', 'stranger'),
    ('set_role_permissions', 'select ucrm.set_role_permissions(%L, ''contacts:read'')', 'role'),
    ('delete_role', 'select ucrm.delete_role(%L)', 'role'),
    ('has_permission', 'select ucrm.has_permission(%L, ''read'')', 'role'),
    ('permission_scope', 'select ucrm.permission_scope(%L, ''read'')', 'role'),
    ('set_role_label', 'select ucrm.set_role_label(%L, ''x'')', 'role'),
    ('resend_invitation', 'select ucrm.resend_invitation(%L)', 'invitation'),
    ('cancel_invitation', 'select ucrm.cancel_invitation(%L)', 'invitation'),
    ('accept_invitation', 'select ucrm.accept_invitation(%L)', 'token'),
    ('custom_column_for_change', 'select ucrm.custom_column_for_change(%L, ''update'')', 'column'),
    ('store_custom_column', 'select ucrm.store_custom_column(%L, null)', 'column'),
    ('change_custom_column', 'select ucrm.change_custom_column(%L, ''{"label": "x"}'')', 'column'),
    ('drop_custom_column', 'select ucrm.drop_custom_column(%L)', 'column'),
    ('undo_request', 'select ucrm.undo_request(%L)', 'request'),
    ('undo_plan', 'select count(*) from ucrm.undo_plan(%L)', 'request'),
    ('history', 'select count(*) from ucrm.history(''crm.contacts'', %L)', 'record'),
    ('revert', 'select ucrm.revert(''crm.contacts'', %1$L, %1$L::uuid)', 'record'),
    ('images_at', 'select count(*) from ucrm.images_at(''contacts'', %L, clock_timestamp())', 'tenant'),
    ('moment_fault', 'select ucrm.moment_fault(''contacts'', %L, clock_timestamp())', 'tenant'),
    ('changed_since', 'select ucrm.changed_since(%L, array(select id from ucrm.audit_logs), null, ucrm.uuid7())', 'tenant'),
    ('audit_verify', 'select ucrm.audit_verify(%L)', 'tenant'),
    ('audit_state', 'select ucrm.audit_state(%L)', 'tenant'),
    ('audit_checkpoint', 'select ucrm.audit_checkpoint(%L)', 'tenant'),
    ('audit_export', 'select ucrm.audit_export(%L)', 'tenant'),
    ('open_audit', 'select ucrm.open_audit(%L)', 'tenant'),
    ('verified_chain', 'select count(*) from ucrm.verified_chain(%L, null)', 'tenant'),
    ('sealed_piece', 'select ucrm.sealed_piece(%L, ''{"stage": "header"}'')', 'tenant'),
    ('audit_export_piece', 'select ucrm.audit_export_piece(%L, ''{"stage": "header"}'')', 'tenant'),
    ('record_piece', 'select p.after - ''nouns'', p.lines from ucrm.record_piece(%L, ''{"stage": "records", "nouns": ["contacts"]}'') as p', 'tenant'),
    ('comparable_since', 'select ucrm.comparable_since(%L, ''contacts'')', 'tenant'),
    ('compared_resources', 'select count(*) from ucrm.compared_resources(%L)', 'tenant'),
    ('may_compare', 'select ucrm.may_compare(%L)', 'tenant'),
    ('told_records', 'select count(*) from ucrm.told_records(%L, ''contacts'', '''', null)', 'tenant'),
    ('told_upto', 'select ucrm.told_upto(%L, ''contacts'', '''')', 'tenant'),
    ('heard_of', 'select count(*) from ucrm.heard_of(%L, ''contacts'', array(select record_id from ucrm.audit_logs))', 'tenant'),
    ('rekeyed_records', 'select count(*) from ucrm.rekeyed_records(%L, ''contacts'')', 'tenant'),
    ('unlike_records', 'select count(*) from ucrm.unlike_records(%L, ''contacts'')', 'tenant'),
    ('unheard_records', 'select count(*) from ucrm.unheard_records(%L, ''contacts'')', 'tenant'),
    ('told_digests', 'select count(*) from ucrm.told_digests(%L, ''contacts'')', 'tenant'),
    ('doubtful_records', 'select count(*) from ucrm.doubtful_records(%L, ''contacts'')', 'tenant'),
    ('unrecorded', 'select count(*) from ucrm.unrecorded(%L)', 'tenant'),
    ('seal_of', 'select ucrm.seal_of(%L, ''01a00000-0000-7000-8000-000000000000'')', 'tenant'),
    ('forget', 'select ucrm.forget(''contacts'', ''x'', %L)', 'tenant'),
    ('change_webhook', 'select ucrm.change_webhook(%L, description => ''x'')', 'webhook'),
    ('delete_webhook', 'select ucrm.delete_webhook(%L)', 'webhook'),
    ('rotate_webhook_secret', 'select ucrm.rotate_webhook_secret(%L)', 'webhook'),
    ('show_webhook_secret', 'select ucrm.show_webhook_secret(%L)', 'webhook'),
    ('test_webhook', 'select ucrm.test_webhook(%L)', 'webhook'),
    ('verify_webhook', 'select ucrm.verify_webhook(''x'', ''{}'', '''', %L)', 'tenant'),
    ('resend_delivery', 'select ucrm.resend_delivery(%L)', 'delivery')
) as p (name, statement, about);
insert into ucrm.roles (tenant_id, name) values (:'globex', 'only_of_globex');
grant select on probes to public;
select i.id as foreign_invitation from ucrm.invitations as i where i.tenant_id = :'globex' \gset
update ucrm.invitations set digest = ucrm.stored_digest(sha256('of globex')) where id = :'foreign_invitation';
select c.id as foreign_column from ucrm.custom_columns as c where c.tenant_id = :'globex' limit 1 \gset
select k.id as foreign_key from ucrm.api_keys as k where k.tenant_id = :'globex' limit 1 \gset
insert into ucrm.webhooks (tenant_id, url, reads) values (:'globex', 'https://hooks.globex.example/', '*:read') returning id as foreign_webhook \gset
insert into ucrm.webhook_deliveries (tenant_id, webhook_id, event_id, type, status) values (:'globex', :'foreign_webhook', ucrm.uuid7(), 'contacts.created', 'failed') returning id as foreign_delivery \gset
update crm.contacts set name = name || '!' where tenant_id = :'globex';
select ucrm.request_id() as foreign_request, c.id as foreign_record from crm.contacts as c where c.tenant_id = :'globex' limit 1 \gset
set session authorization :"backend";
select is(
    pg_temp.verdict(format(statement, case about when 'key' then :'foreign_key' when 'stranger' then :'stranger' when 'invitation' then :'foreign_invitation' when 'webhook' then :'foreign_webhook' when 'delivery' then :'foreign_delivery' when 'column' then :'foreign_column' when 'request' then :'foreign_request' when 'record' then :'foreign_record' when 'tenant' then :'globex' when 'token' then sha256('of globex')::text else 'only_of_globex' end)),
    pg_temp.verdict(format(statement, case about when 'role' then 'only_of_nobody' when 'token' then sha256('of nobody')::text else '01a00000-0000-7000-8000-000000000000' end)),
    format('%s: a foreign %s is nobody''s', name, about))
from probes;
reset session authorization;

-- What takes nothing that could be another tenant's, or is proved elsewhere: enter (context), handle (handle).
select is_empty(
    $$select p.oid::regprocedure::text
      from pg_proc as p
      join pg_language as l on l.oid = p.prolang
      where p.pronamespace = 'ucrm'::regnamespace and l.lanname <> 'c' and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
        and (has_function_privilege('ucrm_app', p.oid, 'execute') or has_function_privilege('ucrm_reader', p.oid, 'execute'))
        and p.proname not in (select name from probes)
        and p.proname not in (
            'refuse', 'is_write', 'canonical_resource', 'changed_fields', 'gates_of', 'memorize_gates', 'ask_gate', 'gate', 'demand',
            'create_api_key', 'binding', 'enter', 'limit', 'add_member', 'create_role', 'members_of_tenant', 'tenant_setting', 'delete_tenant', 'permission_map', 'why', 'demand_fresh', 'create_workspace',
            'create_custom_column', 'demand_all_rows', 'custom_amount', 'major', 'invite', 'update_tenant', 'set_mail_sender', 'mail_sender', 'remove_mail_sender',
            'resource_of', 'demand_history', 'demand_moment', 'audit_begins', 'column_map', 'value_as', 'image_as_of', 'masked_image', 'restated', 'uuid_after', 'as_of', 'rows_as_of',
            'record_line', 'relation_of', 'key_type', 'time_of_id', 'unlike_columns', 'created_of', 'moment_of_row', 'type_name', 'is_plain_key', 'key_names', 'unlike_images',
            'undo_statement', 'writable_columns', 'event_catalogue', 'event_channel', 'renew_event_channel', 'audit_public_keys',
            'create_webhook', 'is_public_address', 'set_inbound_secret', 'webhook_host_fault', 'webhook_url_fault')$$,
    'every function that a tenant''s login may call is probed with foreign ids, or takes none');
rollback;

select '1..' || currval('__tresults___numb_seq');
