-- Archiving: a row stays, and stays out of lists, until it is restored.
create function ucrm.compile_archive(shape text, id text, archived boolean, me text)
returns ucrm.statement
language c
stable
as 'MODULE_PATHNAME', 'ucrm_compile_archive';
comment on function ucrm.compile_archive(text, text, boolean, text) is
'UPDATE that archives or restores one row that is not so yet, and returns it; me: only if he owns it. Refusals: unsupported for a table without an archived column, not_found for an id that cannot be one.';

create function ucrm.archive_row(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    archived constant boolean := r.action = 'archive';
    own constant boolean := ucrm.permission_scope(r.resource, r.action) = 'own';
    s constant ucrm.statement := ucrm.compile_archive(r.shape, r.id, archived, case when own then coalesce(ucrm.user_id()::text, '') end);
    refusal ucrm.response;
    found ucrm.statement;
    item text;
begin
    if s.refusal is not null then
        return ucrm.refused(s, r.request_id);
    end if;
    refusal := ucrm.refused_version(r);
    if refusal.status is not null then
        return refusal;
    end if;
    perform ucrm.demand(r.resource, 'update');
    item := ucrm.run_row(s.sql, s.binds);
    if item is null then
        -- So it is already, or it is somebody else's, or it is not there.
        found := ucrm.compile_get(r.shape, '', r.id, true);
        item := ucrm.run_row(found.sql, found.binds);
        if item is null or ((item::json ->> split_part(split_part(r.shape, E'\n', 1), E'\t', 5)) is not null) <> archived
            or (own and (item::json ->> split_part(split_part(r.shape, E'\n', 1), E'\t', 4)) is distinct from ucrm.user_id()::text)
        then
            return ucrm.refused_row(r);
        end if;
    end if;
    return row(200, jsonb_build_object('etag', ucrm.etag(item)), ucrm.data_body(item))::ucrm.response;
end
$$;
comment on function ucrm.archive_row(ucrm.request) is
'POST /{resource}/{id}/archive and /restore: 200 {data} with ETag, again too; If-Match is honoured. Needs update as well. Refusals: unsupported, not_found, permission_denied, version_conflict.';

grant execute on function ucrm.compile_archive(text, text, boolean, text), ucrm.archive_row(ucrm.request) to ucrm_handler, ucrm_owner;
