-- What the gateway has to compute before a body with passwords can be judged: argon2id costs too much for the server, and
-- a password is not its business.
create function ucrm.password_work(path text, fields text[], body jsonb, kind text, hint text, credential bytea, address inet)
returns table (field text, salt bytea, memory_kib integer, passes integer, lanes integer, judge boolean)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    -- OWASP's second choice for argon2id: 19 MiB, two passes, one lane.
    fresh constant text[] := case
        when path in ('/api/v1/auth/register', '/api/v1/auth/reset-password', '/api/v1/setup') then array['password']
        else array['new_password']
    end;
    allowed record;
    who text;
    p ucrm.principal;
    known uuid;
begin
    if ucrm.address_wait(address) is not null then
        return;
    end if;
    if fresh = array['password'] then
        who := null;
    elsif path = '/api/v1/auth/login' then
        who := lower(btrim(body ->> 'email'));
        select u.id into known from ucrm.users as u where lower(u.email) = who;
    else
        p := ucrm.authenticate(kind, credential, hint);
        if p.user_id is null then
            return;
        end if;
        known := p.user_id;
        select lower(u.email) into who from ucrm.users as u where u.id = known;
    end if;
    if who is not null then
        select l.hits, l.seconds into allowed from ucrm.rate_limit('login', null) as l;
        if ucrm.peek_row('login', who, allowed.hits, allowed.seconds) is not null then
            return;
        end if;
    end if;
    return query
    select f.name,
           case
               when f.name = any (fresh) then ucrm.random_bytes(16)
               -- Nobody's salt looks like somebody's, and is the same each time.
               else coalesce(w.salt, substr(sha256(convert_to('nobody: ' || who, 'UTF8')), 1, 16))
           end,
           case when f.name = any (fresh) then 19456 else coalesce(w.memory_kib, 19456) end,
           case when f.name = any (fresh) then 2 else coalesce(w.passes, 2) end,
           case when f.name = any (fresh) then 1 else coalesce(w.lanes, 1) end,
           f.name = any (fresh)
    from unnest(fields) as f (name)
    left join ucrm.passwords as w on w.user_id = known
    where f.name = any (fresh) or who is not null;
end
$$;
comment on function ucrm.password_work(text, text[], jsonb, text, text, bytea, inet) is
'For the gateway, before ucrm.handle(): which of the passwords in a body (fields; body: the rest of it) to compute argon2id of, with which salt and parameters, and which to judge as new ones. No row where it would be in vain: a window is full, or nobody is signed in.';

grant execute on function ucrm.password_work(text, text[], jsonb, text, text, bytea, inet) to ucrm_gateway;
