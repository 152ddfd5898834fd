-- A column as JSON Schema: what its type and its CHECKs say, as far as that can be told.
create function ucrm.type_schema(type text)
returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    base constant text := regexp_replace(type, '\(.*', '');
    size constant integer := substring(type from '\(([0-9]+)')::integer;
    scale constant integer := coalesce(substring(type from ',([0-9]+)\)')::integer, 0);
begin
    if type like '%[]' then
        return jsonb_build_object('type', 'array', 'items', ucrm.type_schema(left(type, -2)));
    end if;
    return case
        when base in ('text', 'citext') then '{"type": "string"}'
        when base in ('character varying', 'character') then '{"type": "string"}'::jsonb || case when size is null then '{}' else jsonb_build_object('maxLength', size) end
        when base = 'uuid' then '{"type": "string", "format": "uuid"}'
        when base = 'smallint' then '{"type": "integer", "minimum": -32768, "maximum": 32767}'
        when base = 'integer' then '{"type": "integer", "format": "int32", "minimum": -2147483648, "maximum": 2147483647}'
        when base = 'bigint' then '{"type": "integer", "format": "int64", "minimum": -9223372036854775808, "maximum": 9223372036854775807}'
        when base = 'numeric' then '{"type": "number"}'::jsonb || case when size is null then '{}' else jsonb_build_object('exclusiveMinimum', -(10::numeric ^ (size - scale))::numeric(40, 0), 'exclusiveMaximum', (10::numeric ^ (size - scale))::numeric(40, 0)) end
        when base = 'real' then '{"type": "number", "format": "float"}'
        when base = 'double precision' then '{"type": "number", "format": "double"}'
        when base = 'boolean' then '{"type": "boolean"}'
        when type ~ '^timestamp(\([0-9]\))? with time zone$' then '{"type": "string", "format": "date-time"}'
        when base = 'date' then '{"type": "string", "format": "date"}'
        when base in ('json', 'jsonb') then '{}'
        else '{"type": "string"}'
    end::jsonb;
end
$$;
comment on function ucrm.type_schema(text) is 'The JSON Schema of a type as format_type prints it, for values that are not null.';

create function ucrm.check_schema(expression text, column_name text)
returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    said jsonb := '{}';
    found text[];
    number text;
begin
    -- Of an alternative nothing holds by itself.
    if expression ~ ' OR | CASE |NOT ' then
        return said;
    end if;
    -- The column as v, so that the expressions below are compiled once; as pg_get_constraintdef prints it, with and without a cast.
    expression := replace(regexp_replace(expression,
        '\(' || regexp_replace(quote_ident(column_name), '([][\\.*+?(){}|^$])', '\\\1', 'g') || '(?=[ )])', '(v', 'g'), '((v)::text', '(v');
    found := regexp_match(expression, '\(v = ANY \(\(?ARRAY\[(.*?)\](?:\)::text\[\])?\)');
    if found is not null then
        said := said || jsonb_build_object('enum', (
            select jsonb_agg(replace(m[1], '''''', '''') order by n)
            from regexp_matches(found[1], '''((?:[^'']|'''')*)''(?:::[a-z ]+)*', 'g') with ordinality as r (m, n)));
    end if;
    for found in select m from regexp_matches(expression, '(?:char_length|length)\(v\) (<=|<|>=|>|=) ([0-9]+)\M', 'g') as m loop
        said := said || case found[1]
            when '<=' then jsonb_build_object('maxLength', found[2]::integer)
            when '<' then jsonb_build_object('maxLength', found[2]::integer - 1)
            when '>=' then jsonb_build_object('minLength', found[2]::integer)
            when '>' then jsonb_build_object('minLength', found[2]::integer + 1)
            else jsonb_build_object('minLength', found[2]::integer, 'maxLength', found[2]::integer)
        end;
    end loop;
    if expression ~ ('\(v <> ''''::') then
        said := said || '{"minLength": 1}';
    elsif expression ~ ('b?trim\(v\) <> ''''::') or expression ~ ('length\(b?trim\(v\)\) > 0\)') then
        said := said || '{"minLength": 1, "pattern": "[^ ]"}';
    end if;
    -- What PostgreSQL and ECMA 262 read alike.
    found := regexp_match(expression, '\(v ~ ''((?:[^'']|'''')*)''::text\)');
    if found is not null and found[1] !~ '\\[^dDsSwWnrtfv.*+?^$(){}|/\\[\]-]|\[[.:=]|\(\?|\*\*\*|\{[^0-9]|(^|[^0-9,])\}' then
        said := said || jsonb_build_object('pattern', replace(found[1], '''''', ''''));
    end if;
    for found in select m from regexp_matches(expression, '\(v (<=|<|>=|>) \(?''?(-?[0-9]+(?:\.[0-9]+)?)''?\)?(?:::[a-z ]+)?\)', 'g') as m loop
        number := found[2];
        said := said || jsonb_build_object(case found[1] when '<=' then 'maximum' when '<' then 'exclusiveMaximum' when '>=' then 'minimum' else 'exclusiveMinimum' end, number::numeric);
    end loop;
    found := regexp_match(expression, 'cardinality\(v\) (<=|>=|>|<) ([0-9]+)\M');
    if found is not null then
        said := said || case found[1]
            when '<=' then jsonb_build_object('maxItems', found[2]::integer)
            when '<' then jsonb_build_object('maxItems', found[2]::integer - 1)
            when '>=' then jsonb_build_object('minItems', found[2]::integer)
            else jsonb_build_object('minItems', found[2]::integer + 1)
        end;
    end if;
    found := regexp_match(expression, 'jsonb_typeof\(v\) = ''([a-z]+)''');
    if found is not null then
        said := said || jsonb_build_object('type', found[1]);
    end if;
    return said;
end
$$;
comment on function ucrm.check_schema(text, text) is
'What the CHECK of one column says that JSON Schema can say too: enum, minLength, maxLength, pattern, minimum, maximum, maxItems, type. Of what it does not understand it says nothing.';

create function ucrm.nullable_schema(schema jsonb)
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when schema ? '$ref' then jsonb_build_object('anyOf', jsonb_build_array(schema, '{"type": "null"}'::jsonb))
        when schema ? 'anyOf' then jsonb_build_object('anyOf', (schema -> 'anyOf') || '{"type": "null"}'::jsonb)
        when not schema ? 'type' then schema
        else schema || jsonb_build_object('type', case jsonb_typeof(schema -> 'type') when 'array' then schema -> 'type' else jsonb_build_array(schema -> 'type') end || '"null"')
            || case when schema ? 'enum' then jsonb_build_object('enum', (schema -> 'enum') || 'null') else '{}' end
    end;
$$;
comment on function ucrm.nullable_schema(jsonb) is 'The schema, null allowed.';

create function ucrm.tight_schema(schema jsonb)
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select schema
        - case when schema ?& array['minimum', 'exclusiveMinimum'] then case when (schema ->> 'exclusiveMinimum')::numeric >= (schema ->> 'minimum')::numeric then 'minimum' else 'exclusiveMinimum' end else '' end
        - case when schema ?& array['maximum', 'exclusiveMaximum'] then case when (schema ->> 'exclusiveMaximum')::numeric <= (schema ->> 'maximum')::numeric then 'maximum' else 'exclusiveMaximum' end else '' end;
$$;
comment on function ucrm.tight_schema(jsonb) is 'The schema with the tighter of two bounds on one side.';

create function ucrm.column_schemas(relation oid)
returns table (name text, type text, schema jsonb)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    with checks as materialized (
        select k.conkey[1] as attnum, pg_get_constraintdef(k.oid) as expression
        from pg_catalog.pg_constraint as k
        where k.conrelid = relation and k.contype = 'c' and cardinality(k.conkey) = 1
    )
    select a.attname, format_type(a.atttypid, a.atttypmod), ucrm.tight_schema(
           ucrm.type_schema(format_type(coalesce(nullif(t.typbasetype, 0), t.oid), case when t.typbasetype <> 0 then t.typtypmod else a.atttypmod end))
           || case t.typtype
                when 'e' then jsonb_build_object('enum', (select jsonb_agg(e.enumlabel order by e.enumsortorder) from pg_catalog.pg_enum as e where e.enumtypid = t.oid))
                when 'd' then coalesce((
                    select jsonb_object_agg(s.key, s.value)
                    from pg_catalog.pg_constraint as k, jsonb_each(ucrm.check_schema(replace(pg_get_constraintdef(k.oid), 'VALUE', 'value'), 'value')) as s
                    where k.contypid = t.oid and k.contype = 'c'), '{}')
                else '{}'
              end
           || coalesce((
                select jsonb_object_agg(s.key, s.value)
                from checks as c, jsonb_each(ucrm.check_schema(c.expression, a.attname)) as s
                where c.attnum = a.attnum), '{}'))
           || case when col_description(relation, a.attnum) is null then '{}' else jsonb_build_object('description', col_description(relation, a.attnum)) end
    from pg_catalog.pg_attribute as a
    join pg_catalog.pg_type as t on t.oid = a.atttypid
    where a.attrelid = relation and a.attnum > 0 and not a.attisdropped
    order by a.attnum;
$$;
comment on function ucrm.column_schemas(oid) is 'The columns of a table or view: name, type as format_type prints it, and JSON Schema of what is not null, with the column''s comment as its description.';

create function ucrm.filter_schema(type text)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when type ~ '\[\]$' then 'ArrayFilter'
        when type ~ '^(text|character)' then 'TextFilter'
        when type = 'uuid' then 'UuidFilter'
        when type ~ '^(smallint|integer|bigint)$' then 'IntegerFilter'
        when type ~ '^(numeric|real|double precision|money|amount)' then 'NumberFilter'
        when type = 'boolean' then 'BooleanFilter'
        when type ~ '^timestamp.* with time zone$' then 'TimeFilter'
        when type ~ '^timestamp' then 'LocalTimeFilter'
        when type = 'date' then 'DateFilter'
        when type = 'jsonb' then 'JsonFilter'
        else 'OtherFilter'
    end;
$$;
comment on function ucrm.filter_schema(text) is 'The schema of what a column of this type is filtered by: see src/query/kind.rs.';
