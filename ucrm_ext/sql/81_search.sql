-- Finding text in text, whatever the case. LIKE is not leakproof, so under row security PostgreSQL asks no index about it
-- before it has read every row of the tenant; ucrm.~@ is, and GIN (tenant_id, text) answers both at once.
create function ucrm.finds(text text, wanted text)
returns boolean
language c
immutable
strict
parallel safe
leakproof
as 'MODULE_PATHNAME', 'ucrm_finds';
comment on function ucrm.finds(text, text) is 'Whether the text contains the other, whatever the case of either. Never raises.';

create operator ucrm.~@ (
    leftarg = text,
    rightarg = text,
    function = ucrm.finds,
    restrict = contsel,
    join = contjoinsel
);
comment on operator ucrm.~@ (text, text) is 'Contains, whatever the case: ucrm.finds().';

create function ucrm.searchable(variadic texts text[])
returns text
language c
immutable
strict
parallel safe
leakproof
as 'MODULE_PATHNAME', 'ucrm_searchable';
comment on function ucrm.searchable(text[]) is 'The texts that are not null, each after a line feed: what q= looks into, and what its index is on.';

create function ucrm.search_keys(text, internal, internal)
returns internal
language c
immutable
strict
parallel safe
as 'MODULE_PATHNAME', 'ucrm_search_keys';
comment on function ucrm.search_keys(text, internal, internal) is 'GIN: a text''s groups of three letters, and the first letter of each line.';

create function ucrm.search_query(text, internal, smallint, internal, internal, internal, internal)
returns internal
language c
immutable
strict
parallel safe
as 'MODULE_PATHNAME', 'ucrm_search_query';
comment on function ucrm.search_query(text, internal, smallint, internal, internal, internal, internal) is 'GIN: the groups that every text has which contains this one.';

create function ucrm.search_verdict(internal, smallint, text, integer, internal, internal, internal)
returns "char"
language c
immutable
strict
parallel safe
as 'MODULE_PATHNAME', 'ucrm_search_verdict';
comment on function ucrm.search_verdict(internal, smallint, text, integer, internal, internal, internal) is 'GIN: no where a group is missing, else look at the row.';

create operator class ucrm.search_ops
for type text using gin as
    operator 1 ucrm.~@ (text, text),
    function 1 (text, text) pg_catalog.btint4cmp(integer, integer),
    function 2 (text, text) ucrm.search_keys(text, internal, internal),
    function 3 (text, text) ucrm.search_query(text, internal, smallint, internal, internal, internal, internal),
    function 6 (text, text) ucrm.search_verdict(internal, smallint, text, integer, internal, internal, internal),
    storage integer;
comment on operator class ucrm.search_ops using gin is 'Texts by their groups of three letters.';

create function ucrm.tenant_keys(uuid, internal, internal)
returns internal
language c
immutable
strict
parallel safe
as 'MODULE_PATHNAME', 'ucrm_tenant_keys';
comment on function ucrm.tenant_keys(uuid, internal, internal) is 'GIN: the uuid itself.';

create function ucrm.tenant_query(uuid, internal, smallint, internal, internal, internal, internal)
returns internal
language c
immutable
strict
parallel safe
as 'MODULE_PATHNAME', 'ucrm_tenant_keys';
comment on function ucrm.tenant_query(uuid, internal, smallint, internal, internal, internal, internal) is 'GIN: the uuid itself.';

create function ucrm.tenant_verdict(internal, smallint, uuid, integer, internal, internal, internal)
returns "char"
language c
immutable
strict
parallel safe
as 'MODULE_PATHNAME', 'ucrm_tenant_verdict';
comment on function ucrm.tenant_verdict(internal, smallint, uuid, integer, internal, internal, internal) is 'GIN: whether the uuid is there.';

create operator class ucrm.tenant_ops
for type uuid using gin as
    operator 1 pg_catalog.= (uuid, uuid),
    function 1 (uuid, uuid) pg_catalog.uuid_cmp(uuid, uuid),
    function 2 (uuid, uuid) ucrm.tenant_keys(uuid, internal, internal),
    function 3 (uuid, uuid) ucrm.tenant_query(uuid, internal, smallint, internal, internal, internal, internal),
    function 6 (uuid, uuid) ucrm.tenant_verdict(internal, smallint, uuid, integer, internal, internal, internal),
    storage uuid;
comment on operator class ucrm.tenant_ops using gin is 'Equality of uuids, so that an index can begin with the tenant.';

create function ucrm.index_search("table" regclass)
returns text
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    relation constant regclass := "table";
    known ucrm.resources;
    expression text;
    index_name text;
begin
    select r.* into known from ucrm.resources as r where ucrm.relation_of(r.table_schema, r.table_name) = relation;
    select string_agg(case when a.atttypid in ('text'::regtype, 'varchar'::regtype) then format('%I', a.attname) else format('%I::text', a.attname) end, ', ' order by c.n)
    into expression
    from unnest(known.search_columns) with ordinality as c (name, n)
    join pg_catalog.pg_attribute as a on a.attrelid = relation and a.attname = c.name and not a.attname = any (known.secret_columns);
    if expression is null then
        return null;
    end if;
    index_name := left(known.table_name, 56) || '_search';
    execute format('create index if not exists %I on %s using gin (tenant_id ucrm.tenant_ops, ucrm.searchable(%s) ucrm.search_ops)', index_name, relation, expression);
    return index_name;
end
$$;
comment on function ucrm.index_search(regclass) is
'Makes the index that q= and autocomplete of a protected table use, on its search columns, unless there is one of that name; gives its name, null where nothing is searched. For the table''s owner.';

grant execute on function ucrm.finds(text, text) to ucrm_app, ucrm_reader, ucrm_handler, ucrm_owner, ucrm_platform;
