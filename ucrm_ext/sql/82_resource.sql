-- A resource as the compiler wants it, and the reply for what it refuses.
create function ucrm.shape_of(resource text)
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
        where r.name = shape_of.resource
        group by r.name
    );
end
$$;
comment on function ucrm.shape_of(text) is
'A resource''s table as the compiler wants it: a line schema, table, key, owner, archived, search columns, label; then a line per column: name, type, flags r(eadable) w(ritable) n(ot null) d(efault) s(ecret: the row holds a mask). Tab-separated.';

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
    ucrm.refused(ucrm.statement, uuid)
to ucrm_handler, ucrm_owner;
