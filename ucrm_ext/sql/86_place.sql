-- From where a person has signed in: whoever knows his password and comes from elsewhere is told of to him.
create table ucrm.sign_in_places (
    user_id uuid not null references ucrm.users (id) on delete cascade,
    network cidr not null,
    device bytea not null check (length(device) = 32),
    seen_at timestamptz not null default clock_timestamp(),
    primary key (user_id, network, device)
);
comment on table ucrm.sign_in_places is
'Where a person has signed in from, the latest fifty: the network (IPv4 by its /24, IPv6 by its /64) and a digest of what the client calls itself, without its version numbers. Granted to nobody.';

insert into ucrm.rate_limits (name, plan, hits, seconds, builtin) values ('new_sign_in', null, 10, 86400, true);

create function ucrm.device_of(user_agent text)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    browser constant text := case
        when user_agent ~ 'Edg(A|iOS)?/' then 'Edge'
        when user_agent ~ 'OPR/' then 'Opera'
        when user_agent ~ '(Firefox|FxiOS)/' then 'Firefox'
        when user_agent ~ '(Chrome|CriOS)/' then 'Chrome'
        when user_agent ~ 'Safari/' then 'Safari'
        when user_agent ~ '^curl/' then 'curl'
    end;
    platform constant text := case
        when user_agent ~ 'Android' then 'Android'
        when user_agent ~ 'iPhone|iPad' then 'iOS'
        when user_agent ~ 'CrOS' then 'ChromeOS'
        when user_agent ~ 'Windows' then 'Windows'
        when user_agent ~ 'Macintosh' then 'macOS'
        when user_agent ~ 'Linux' then 'Linux'
    end;
begin
    -- Words of ours only: a client may call itself anything, and this goes into a mail.
    return nullif(concat_ws(' on ', browser, platform), '');
end
$$;
comment on function ucrm.device_of(text) is 'A browser and its system by a User-Agent header, "Firefox on Linux"; null for none that is known.';

create function ucrm.note_place(u ucrm.users, address inet, user_agent text)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    here constant cidr := network(set_masklen(address, case family(address) when 4 then 24 else 64 end));
    client constant bytea := sha256(convert_to(regexp_replace(lower(coalesce(user_agent, '')), '[0-9][0-9._]*', '', 'g'), 'UTF8'));
    allowed record;
    is_new boolean;
begin
    insert into ucrm.sign_in_places as p (user_id, network, device)
    values (u.id, here, client)
    on conflict on constraint sign_in_places_pkey do update set seen_at = excluded.seen_at
    returning p.xmax = 0 into is_new;
    -- The first place of all is nothing to tell, and nobody writes to an address that is not shown to be his.
    if not is_new or u.email_verified_at is null
        or not exists (select from ucrm.sign_in_places as p where p.user_id = u.id and (p.network, p.device) <> (here, client))
    then
        return;
    end if;
    delete from ucrm.sign_in_places as p
    where p.user_id = u.id
      and (p.network, p.device) in (
          select x.network, x.device from ucrm.sign_in_places as x where x.user_id = u.id order by x.seen_at desc offset 50);
    select l.hits, l.seconds into allowed from ucrm.rate_limit('new_sign_in', null) as l;
    if ucrm.hit_row('new_sign_in', u.id::text, allowed.hits, allowed.seconds) is null then
        perform ucrm.queue_mail('new_sign_in', u.email, u.id, null,
            jsonb_strip_nulls(jsonb_build_object('address', host(note_place.address), 'device', ucrm.device_of(user_agent))));
    end if;
end
$$;
comment on function ucrm.note_place(ucrm.users, inet, text) is
'Notes from where a person has just signed in, and mails him (new_sign_in, ten a day at most) when he has signed in before and never from this network with this kind of client.';
