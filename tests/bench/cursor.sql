-- Walks :pages pages of a hundred of tenant :large's contacts, a transaction each, and prints the cursor after the last.
-- As ucrm_gateway.
\set ON_ERROR_STOP on
\set QUIET on
select set_config('bench.pages', :'pages', false), set_config('bench.large', :'large', false) \g /dev/null
do $$
declare
    at text := '';
    reply record;
begin
    for page in 1 .. current_setting('bench.pages')::integer loop
        select h.status, convert_from(h.body, 'UTF8')::jsonb as body into strict reply
        from ucrm.handle('GET', '/api/v1/contacts', 'limit=100&fields=id&cursor=' || at, '{"accept": "*/*"}', null, 'key', null,
                         decode(lpad(to_hex(current_setting('bench.large')::integer), 64, '0'), 'hex'),
                         '127.0.0.1', '01900000-0000-7000-8000-000000000001') as h;
        commit;
        at := reply.body #>> '{meta,next_cursor}';
        if reply.status <> 200 or at is null or jsonb_array_length(reply.body -> 'data') <> 100 then
            raise exception 'page %: %', page, reply.body;
        end if;
    end loop;
    perform set_config('bench.cursor', at, false);
end
$$;
select current_setting('bench.cursor');
