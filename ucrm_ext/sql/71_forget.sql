-- Forgetting a record (GDPR, article 17): what audit, outbox and kept answers know of it goes, that they knew it stays.
create function ucrm.forget(resource text, id text, tenant uuid default null, out audit_rows bigint, out events bigint)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    owner constant uuid := coalesce(tenant, ucrm.tenant_id());
begin
    if ucrm.tenant_id() is not null then
        if owner <> ucrm.tenant_id() then
            perform ucrm.refuse('not_a_member');
        end if;
        -- An owner's: who may delete the workspace may have it forget.
        perform ucrm.demand('tenant', 'delete');
    elsif owner is null or not pg_has_role(session_user, 'ucrm_platform', 'member') then
        perform ucrm.refuse('no_context');
    end if;
    if forget.resource is null or forget.id is null then
        perform ucrm.refuse('validation_failed', 'resource and id say what is to be forgotten');
    end if;
    if not exists (select from ucrm.resources as r where r.name = forget.resource)
        and not exists (select from ucrm.audit_logs as l where l.tenant_id = owner and l.resource = forget.resource)
    then
        perform ucrm.refuse('validation_failed', format('there is no resource "%s"', left(forget.resource, 63)));
    end if;
    -- Their digest stands for them in the row's leaf: the seals go on being true.
    update ucrm.audit_logs as l
    set images = ucrm.images_digest(l.salt, l.before, l.after), before = null, after = null, salt = null
    where l.tenant_id = owner and l.resource = forget.resource and l.record_id = forget.id and l.images is null and l.action <> 'forget';
    get diagnostics audit_rows = row_count;
    update ucrm.events as e
    set data = null, changes = null
    where e.tenant_id = owner and e.resource = forget.resource and e.record_id = forget.id and (e.data is not null or e.changes is not null);
    get diagnostics events = row_count;
    -- An answer that names it may show it: it is not given again.
    update ucrm.idempotency_keys as k
    set withheld = true, headers = null, body = null
    where k.tenant_id = owner and exists (
        select from unnest(array['"%s"', ': %s,', ': %s}', ':%s,', ':%s}']) as p (written)
        where position(convert_to(replace(p.written, '%s', forget.id), 'UTF8') in k.body) > 0);
    if audit_rows = 0 and events = 0 then
        raise notice 'nothing is known of %/%: was that its id?', forget.resource, forget.id;
    end if;
    perform ucrm.record_event(owner, 'forget', forget.resource, forget.id, null, jsonb_build_object('audit_rows', audit_rows, 'events', forget.events));
end
$$;
comment on function ucrm.forget(text, text, uuid) is
'Erases what audit and outbox hold of a record: the images before and after, with the salt that their digest was made with, the data and changes of its events, and answers kept under an Idempotency-Key that name it (sent again, 409 reply_withheld); who did what when stays, names of changed columns too, and so does the id. The seals stay true, and ucrm.audit_verify() says redacted. The record itself, and what other records say of it, is the caller''s to delete first. For owners (tenant:delete), and for platform logins, who name the tenant; it leaves an audit row. Returns how many rows and events; a notice says so when nothing was known of it. Refusals: permission_denied, not_a_member, no_context, validation_failed.';

grant execute on function ucrm.forget(text, text, uuid) to ucrm_app, ucrm_platform;
