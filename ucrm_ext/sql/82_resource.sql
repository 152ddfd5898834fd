-- A resource as the compiler wants it, and the reply for what it refuses.
create function ucrm.table_shape_of(resource text)
returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select concat_ws(E'\t', r.table_schema, r.table_name, r.key_column, coalesce(r.owner_column, ''), coalesce(r.archived_column, ''),
                         array_to_string(r.search_columns, ','), r.label_column)
            || string_agg(
                E'\n' || concat_ws(E'\t', a.attname, format_type(a.atttypid, a.atttypmod),
                    case when a.attname <> 'tenant_id' then 'r' else '' end
                    || case when a.attname not in ('tenant_id', r.key_column, 'created_at', 'updated_at')
                             and a.attname is distinct from r.archived_column and a.attgenerated = '' and a.attidentity = '' then 'w' else '' end
                    || case when a.attnotnull then 'n' else '' end
                    || case when a.atthasdef or a.attidentity <> '' then 'd' else '' end
                    || case when a.attname = any (r.secret_columns) then 's' else '' end),
                '' order by a.attnum)
        from ucrm.resources as r
        join pg_catalog.pg_attribute as a
            on a.attrelid = ucrm.relation_of(r.table_schema, r.table_name) and a.attnum > 0 and not a.attisdropped
        where r.name = table_shape_of.resource
        group by r.name
    );
end
$$;
comment on function ucrm.table_shape_of(text) is
'A resource''s table as the compiler wants it: a line schema, table, key, owner, archived, search columns, label; then a line per column: name, type, flags r(eadable) w(ritable) n(ot null) d(efault) s(ecret: the row holds a mask). Tab-separated.';

create function ucrm.shape_of(resource text)
returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return ucrm.table_shape_of(resource) || E'\n+';
end
$$;
comment on function ucrm.shape_of(text) is
'What travels with every request: ucrm.table_shape_of(), and a line + to say that ucrm.wide_shape_of() knows more.';

-- The part of the wide shape that is the same for everybody: [{name, line, target, link, shape}], looked up once.
create function ucrm.relation_shapes(resource text)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    what constant text[] := array['relation_shapes', resource];
    generation constant bigint := ucrm.generation();
    shapes jsonb := ucrm.recall_text(what);
begin
    if shapes is null then
        select coalesce(jsonb_agg(
            jsonb_build_object(
                'line', concat_ws(E'\t', x.name, x.kind, x.target, x.column_name, coalesce(x.constraint_name, ''), coalesce(l.table_schema, ''), coalesce(l.table_name, ''),
                                  coalesce(x.link_column, ''), ''),
                'name', x.name, 'target', x.target, 'link', x.link, 'shape', ucrm.table_shape_of(x.target))
            order by x.name), '[]')
        into shapes
        from ucrm.relations_of(resource) as x
        left join ucrm.resources as l on l.name = x.link;
        perform ucrm.remember_text(what, generation, shapes::text);
    end if;
    return shapes;
end
$$;
comment on function ucrm.relation_shapes(text) is
'The relations of a resource as the compiler wants them, without what depends on the caller: [{name, line, target, link, shape}].';

create function ucrm.wide_shape_of(resource text)
returns text
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    relations constant jsonb := ucrm.relation_shapes(resource);
    owner_column constant text := (select r.owner_column from ucrm.resources as r where r.name = wide_shape_of.resource);
begin
    return (
        select concat_ws(E'\n',
            ucrm.table_shape_of(resource),
            ucrm.custom_shape(resource),
            string_agg(v.line || case when v.readable then 'r' else '' end || E'\n' || v.shape, E'\n' order by v.line))
        from (
            select x ->> 'line' as line, x ->> 'shape' as shape,
                   ucrm.has_permission(x ->> 'target', 'read') and (x ->> 'link' is null or ucrm.has_permission(x ->> 'link', 'read')) as readable
            from jsonb_array_elements(relations) as x
            union all
            -- Whom a row belongs to: what everybody may see of a member who may see members at all.
            select concat_ws(E'\t', 'owner', 'one', 'members', owner_column, '', '', '', '', ''),
                   E'ucrm\tmembers\tid\t\t\t\tname\nid\tuuid\trn\nname\ttext\tr',
                   ucrm.has_permission('members', 'read') or ucrm.has_permission('members', 'autocomplete')
            where owner_column is not null
              and not exists (select from jsonb_array_elements(relations) as y where y ->> 'name' = 'owner')
        ) as v
    );
end
$$;
comment on function ucrm.wide_shape_of(text) is
'As ucrm.table_shape_of(), the tenant''s custom columns, and for each relation a line name, kind, target, column, constraint, schema, table and column of the link, flag r if the caller may read the target (and the link), followed by the target''s lines. Tab-separated.';

create function ucrm.refused(s ucrm.statement, request_id uuid)
returns ucrm.response
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (select ucrm.problem(s.refusal ->> 'code', request_id, s.refusal ->> 'detail', s.refusal - 'code' - 'detail'));
end
$$;
comment on function ucrm.refused(ucrm.statement, uuid) is 'The reply for what the compiler refuses.';

grant execute on function
    ucrm.etag_matches(text, text), ucrm.json_response(integer, jsonb, jsonb),
    ucrm.problem(text, uuid, text, jsonb, jsonb), ucrm.rate_limited(text, integer, integer, bigint, uuid),
    ucrm.refused(ucrm.statement, uuid), ucrm.shape_of(text), ucrm.relation_shapes(text), ucrm.wide_shape_of(text)
to ucrm_handler, ucrm_owner;
