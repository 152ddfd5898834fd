-- Outside issuers: whose tokens are refused though they should not be.
create function ucrm.issuer_faults()
returns setof ucrm.finding
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select 'warning', format('issuer %s', i.iss),
           format('%s tries to fetch its keys failed, the last with: %s', i.jwks_failures, i.last_error),
           format('-- see that the gateway reaches %s, or set the keys by hand: select ucrm.set_issuer_jwks(%L, ''…'');', i.jwks_url, i.iss)
    from ucrm.issuers as i
    where i.enabled and i.jwks_failures > 2 and i.jwks_url is not null
    union all
    select 'warning', format('issuer %s', i.iss), 'it has no keys and no URL to fetch them from: its tokens are all refused',
           format('select ucrm.set_issuer_jwks(%L, ''…'');', i.iss)
    from ucrm.issuers as i
    where i.enabled and i.jwks is null and i.jwks_url is null and i.algorithms <> array['HS256']
    union all
    select 'warning', format('issuer %s', i.iss), 'it signs with HS256 and shares no secret: such tokens are all refused',
           format('select ucrm.set_issuer_secret(%L, pg_read_binary_file(''…''));', i.iss)
    from ucrm.issuers as i
    where i.enabled and 'HS256' = any (i.algorithms) and not exists (select from ucrm.issuer_secrets as s where s.issuer_id = i.id)
    union all
    select 'warning', format('external_id %s', t.external_id),
           format('%s workspaces have it: a token that names it is taken to none of them', count(*)),
           format('update ucrm.tenants set external_id = null where external_id = %L and slug <> ''…'';', t.external_id)
    from ucrm.tenants as t
    where t.external_id is not null and exists (select from ucrm.issuers as i where i.enabled and i.tenant_claim is not null)
    group by t.external_id
    having count(*) > 1;
$$;
comment on function ucrm.issuer_faults() is 'Findings about outside issuers and the names that their tokens give workspaces.';
