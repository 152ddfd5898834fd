-- The first start: a one-time URL makes the platform admin and the first workspace. The token is in the URL's fragment,
-- which no server or proxy sees; the page posts it.
create table ucrm.setup_tokens (
    digest bytea primary key check (length(digest) = 32),
    created_at timestamptz not null default clock_timestamp()
);
comment on table ucrm.setup_tokens is 'Digest of the one-time token of the first start; none once it was used.';

create function ucrm.make_setup_token()
returns text
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    token constant text := replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
begin
    if exists (select from ucrm.platform_admins) then
        return null;
    end if;
    delete from ucrm.setup_tokens;
    insert into ucrm.setup_tokens (digest) values (ucrm.stored_digest(sha256(token::bytea)));
    return token;
end
$$;
comment on function ucrm.make_setup_token() is
'A new token for <public URL>/setup#<token>; an older one ends. Null when there is a platform admin already. Superuser only.';

create function ucrm.setup_route(r ucrm.request)
returns ucrm.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    b record;
    made jsonb;
    wrong jsonb;
    admin uuid;
    platform_key text;
begin
    select * into b from ucrm.body_of(r, array['token', 'email', 'name', 'workspace', 'slug'], array['token', 'email', 'workspace', 'slug'], array['password']);
    if (b.refusal).status is not null then
        return b.refusal;
    end if;
    if not ucrm.is_email(b.body ->> 'email') or b.body ->> 'slug' !~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' then
        return ucrm.problem('validation_failed', r.request_id, 'email must be an address, slug lower-case letters, digits and hyphens');
    end if;
    wrong := ucrm.weak_password(b.body -> 'password', 'password');
    if wrong is not null then
        return ucrm.problem('validation_failed', r.request_id, null, jsonb_build_object('errors', jsonb_build_array(wrong)));
    end if;
    -- Deleting the token is taking it: of two at once, one finds none.
    delete from ucrm.setup_tokens as s where s.digest = ucrm.stored_digest(ucrm.shown_digest(b.body ->> 'token'))
        and s.created_at > clock_timestamp() - interval '24 hours';
    if not found then
        return ucrm.problem('unauthenticated', r.request_id);
    end if;
    made := ucrm.provision_tenant(b.body ->> 'slug', b.body ->> 'workspace', b.body ->> 'email', 'free', true);
    admin := (made #>> '{admin,id}')::uuid;
    update ucrm.users as u
    set email_verified_at = clock_timestamp(), name = coalesce(b.body ->> 'name', '')
    where u.id = admin;
    perform ucrm.clear_account(admin);
    perform ucrm.set_password(admin, b.body -> 'password');
    insert into ucrm.platform_admins (user_id) values (admin);
    select k.secret into platform_key from ucrm.issue_platform_key(admin, 'Set-up') as k;
    return ucrm.json_response(201, jsonb_build_object('data', made || jsonb_build_object('platform_key', platform_key)));
end
$$;
comment on function ucrm.setup_route(ucrm.request) is
'POST /api/v1/setup {token, email, password, workspace, slug, name}: 201 {data: {tenant, admin, api_key, platform_key}}; once. Refusals: unauthenticated, validation_failed, slug_taken.';

create function ucrm.setup_page(r ucrm.request)
returns ucrm.response
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select row(200,
        jsonb_build_object(
            'content-type', 'text/html; charset=utf-8',
            'content-security-policy', 'default-src ''none''; script-src ''unsafe-inline''; style-src ''unsafe-inline''; connect-src ''self''; form-action ''none''; frame-ancestors ''none''',
            'referrer-policy', 'no-referrer'),
        convert_to($page$<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Set up UCRM</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 28rem; margin: 3rem auto; padding: 0 1rem; }
label { display: block; margin-top: 1rem; }
input, button { font: inherit; width: 100%; padding: .5rem; box-sizing: border-box; }
button { margin-top: 1.5rem; }
pre { background: #eee; padding: 1rem; white-space: pre-wrap; overflow-wrap: anywhere; }
</style>
<h1>Set up UCRM</h1>
<form>
<label>Your e-mail address <input name="email" type="email" required autocomplete="email"></label>
<label>A password <input name="password" type="password" required minlength="8" maxlength="256" autocomplete="new-password"></label>
<label>Your name <input name="name" autocomplete="name"></label>
<label>Workspace <input name="workspace" required></label>
<label>Short name <input name="slug" required pattern="[a-z0-9]([a-z0-9\-]{0,61}[a-z0-9])?" title="lower-case letters, digits and hyphens"></label>
<button>Make the first workspace</button>
</form>
<div role="status"></div>
<script>
const token = location.hash.slice(1);
history.replaceState(null, '', location.pathname);
const form = document.querySelector('form'), status = document.querySelector('[role=status]');
if (!token) status.textContent = 'Open the whole URL that the first start printed: the part after # is missing.';
form.addEventListener('submit', async event => {
    event.preventDefault();
    const body = { token };
    for (const [name, value] of new FormData(form)) if (value) body[name] = value;
    const reply = await fetch('/api/v1/setup', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    const answer = await reply.json();
    if (!reply.ok) { const wrong = (answer.errors || []).map(e => e.field + ' ' + e.message).join(', '); status.textContent = (answer.detail || 'Refused') + '. ' + (wrong || answer.hint || ''); return; }
    form.remove();
    status.textContent = 'Done. These keys are shown once; keep them:';
    const keys = document.createElement('pre');
    keys.textContent = 'Workspace key:\n' + answer.data.api_key.secret + '\n\nPlatform admin key:\n' + answer.data.platform_key;
    status.append(keys);
});
</script>
</html>
$page$, 'UTF8'))::ucrm.response;
$$;
comment on function ucrm.setup_page(ucrm.request) is 'GET /setup: the page behind the first start''s one-time URL.';

insert into ucrm.routes (method, template, function, audience, resource, action, builtin) values
('GET', '/setup', 'ucrm.setup_page', 'public', null, null, true),
('POST', '/api/v1/setup', 'ucrm.setup_route', 'public', null, null, true);

grant execute on function ucrm.setup_route(ucrm.request), ucrm.setup_page(ucrm.request) to ucrm_handler;
