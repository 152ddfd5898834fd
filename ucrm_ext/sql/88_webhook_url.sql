-- Where a webhook may lead: to the internet, over https. The gateway looks at the addresses again when it connects
-- (gateway/src/destination.rs has the same networks); this says at once what can never be right, and the table refuses it.
create function ucrm.is_public_address(address inet)
returns boolean
language sql
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case family(address)
        -- IANA's special-purpose registries (RFC 6890 and what updates it), multicast, reserved space, and the one public address behind which a cloud's platform sits (Azure).
        when 4 then not exists (
            select
            from unnest('{0.0.0.0/8,10.0.0.0/8,100.64.0.0/10,127.0.0.0/8,168.63.129.16/32,169.254.0.0/16,172.16.0.0/12,192.0.0.0/24,192.0.2.0/24,192.88.99.0/24,192.168.0.0/16,198.18.0.0/15,198.51.100.0/24,203.0.113.0/24,224.0.0.0/4,240.0.0.0/4}'::inet[]) as net
            where address <<= net
        )
        -- Of IPv6 only global unicast is public, without what tunnels to IPv4 or is for documents.
        else address <<= '2000::/3' and not exists (
            select from unnest('{2001::/23,2001:db8::/32,2002::/16,3fff::/20}'::inet[]) as net where address <<= net
        )
    end;
$$;
comment on function ucrm.is_public_address(inet) is
'True for an address on the internet: none that is private, loopback, link-local, shared (CGNAT), multicast, reserved, for documents, or that carries an IPv4 address inside (mapped, NAT64, 6to4, Teredo).';

create function ucrm.webhook_host_fault(host text, internal boolean)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    quad constant text := '(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])';
    address inet;
begin
    if host ~ '^\[[0-9a-f:.]+\]$' then
        begin
            address := btrim(host, '[]')::inet;
        exception when invalid_text_representation then
            return 'its host is no address';
        end;
        if family(address) <> 6 then
            return 'its host is no address';
        end if;
    elsif host ~ ('^' || quad || '(\.' || quad || '){3}$') then
        address := host::inet;
    elsif length(host) > 253 or host !~ '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?$' then
        -- Also what only some programs take for an address: 2130706433, 0x7f.1, 0177.0.0.1, and names with a dot at the end.
        return 'its host must be a name as its certificate has it, or an address written plainly';
    elsif internal then
        return null;
    elsif strpos(host, '.') = 0 or host ~ '\.(localhost|localdomain|local|internal|intranet|private|corp|home|lan|arpa)$' then
        return 'its host is a name inside a private network';
    end if;
    if not internal and not ucrm.is_public_address(address) then
        return 'its host is not a public address';
    end if;
    return null;
end
$$;
comment on function ucrm.webhook_host_fault(text, boolean) is 'Why no webhook may lead to this host (lower case, IPv6 in brackets); null when one may. What a name resolves to is the gateway''s to look at.';

create function ucrm.webhook_url_fault(url text, internal boolean default false)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    parts constant text[] := regexp_match(url, '^([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([/?][^#]*)?$');
    place constant text[] := regexp_match(lower(parts[2]), '^(\[[^][]*\]|[^:]*)(:(.*))?$');
begin
    if url is null or length(url) > 2000 then
        return 'must be a URL of at most 2000 characters';
    elsif url ~ '[^!-~]' or url ~ '["<>\\^`{|}]' then
        return 'must be a URL of visible ASCII characters: write names as xn--…, everything else in percent';
    elsif parts is null or not (lower(parts[1]) = 'https' or internal and lower(parts[1]) = 'http') then
        return 'must begin with https:// and have no fragment';
    elsif strpos(parts[2], '@') > 0 then
        return 'must not hold a name or a password';
    elsif place is null then
        return 'its host is none';
    elsif place[2] is not null and (place[3] !~ '^[1-9][0-9]{0,4}$' or place[3]::integer > 65535) then
        return 'its port is none';
    elsif not internal and place[3]::integer <> 443 and place[3]::integer < 1024 then
        return 'its port must be 443, or 1024 and above';
    end if;
    return ucrm.webhook_host_fault(place[1], internal);
end
$$;
comment on function ucrm.webhook_url_fault(text, boolean) is
'Why no webhook may have this URL; null when one may: https, a name or a public address as its host, port 443 or 1024 and above, no name and password, no fragment. internal: an operator''s exception for tests and development, http and every host too.';

-- What a table of tomorrow may check by.
grant execute on function ucrm.is_public_address(inet), ucrm.webhook_host_fault(text, boolean), ucrm.webhook_url_fault(text, boolean)
to ucrm_owner, ucrm_app, ucrm_platform;
