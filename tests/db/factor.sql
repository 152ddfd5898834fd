-- Second factors: enrolled, confirmed, used once, taken away; who may, and what is kept. Codes are made with pgcrypto, so
-- that the house's judgement of them is judged by another library. Mails and sessions are only noted down here.
\ir scene.psql
create temporary table deeds (n integer generated always as identity, deed text);
grant all on deeds to public;

-- The code of the step that is this far away.
create function pg_temp.code(secret bytea, away integer default 0) returns text language plpgsql as $$
declare
    step constant bigint := floor(extract(epoch from clock_timestamp()) / 30)::bigint + away;
    tag constant bytea := hmac(int8send(step), secret, 'sha1');
    place constant integer := get_byte(tag, 19) & 15;
    number constant bigint := (('x' || encode(substr(tag, place + 1, 4), 'hex'))::bit(32)::bigint & 2147483647) % 1000000;
begin
    return lpad(number::text, 6, '0');
end
$$;
create function pg_temp.wrong(secret bytea) returns text language sql as $$
    select lpad(n::text, 6, '0') from generate_series(0, 9) as n
    where lpad(n::text, 6, '0') not in (pg_temp.code(secret, -2), pg_temp.code(secret, -1), pg_temp.code(secret), pg_temp.code(secret, 1), pg_temp.code(secret, 2), pg_temp.code(secret, 3))
    limit 1
$$;

-- Puts a body in the place of one of the house's functions, for one transaction.
create function pg_temp.instead(signature text, body text) returns void language plpgsql as $$
declare
    there constant regprocedure := signature;
    result constant text := pg_get_function_result(there);
begin
    execute format('create or replace function %s(%s) returns %s language sql as %L', split_part(signature, '(', 1), pg_get_function_arguments(there), result,
        body || case when result <> 'void' and body ~ '^insert' then format('; select null::%s', result) else '' end);
end
$$;
create function pg_temp.begin_scene() returns void language plpgsql as $$
begin
    create extension pgcrypto schema tap;
    perform pg_temp.instead('ucrm.session_id()', 'select nullif(current_setting(''test.session'', true), '''')::uuid');
    perform pg_temp.instead('ucrm.demand_fresh()', 'select ucrm.refuse(''step_up_required'') where current_setting(''test.stale'', true) = ''yes''');
    perform pg_temp.instead('ucrm.end_sessions(uuid, uuid)', 'insert into pg_temp.deeds (deed) values (concat_ws('' '', ''end'', $1, $2))');
    perform pg_temp.instead('ucrm.raise_session(uuid, boolean)', 'insert into pg_temp.deeds (deed) values (concat_ws('' '', ''raise'', $1))');
    perform pg_temp.instead('ucrm.queue_mail(text, text, uuid, uuid, jsonb)',
        'insert into pg_temp.deeds (deed) values (concat_ws('' '', ''mail'', $1, $2, $3, $4, $5))');
    perform pg_temp.instead('ucrm.session_cookie(uuid)', 'select null::jsonb');
    perform set_config('test.session', '01a00000-0000-7000-8000-00000000005e', true);
end
$$;

-- Asks a route, as whoever has entered: status, code, field, data.
create function pg_temp.ask(route text, sent text, out status integer, out code text, out field text, out data jsonb, out headers jsonb) language plpgsql as $$
declare
    answer ucrm.response;
    said jsonb;
begin
    execute format('select * from ucrm.%I($1)', route) into answer
    using jsonb_populate_record(null::ucrm.request, jsonb_build_object(
        'body', convert_to(sent, 'UTF8'), 'headers', jsonb_build_object('content-type', 'application/json'), 'request_id', ucrm.uuid7()));
    status := answer.status;
    said := convert_from(answer.body, 'UTF8');
    code := said ->> 'code';
    field := said #>> '{errors,0,field}';
    data := said -> 'data';
    headers := answer.headers;
exception when others then
    get stacked diagnostics field = pg_exception_detail;
    code := sqlstate || ' ' || sqlerrm;
end
$$;
create function pg_temp.told(route text, sent text) returns text language sql as $$
    select concat_ws(' ', a.status, a.code, case when a.status is not null then a.field end) from pg_temp.ask(route, sent) as a
$$;
create function pg_temp.shown(recovery_code text) returns bytea language sql as $$
    select sha256(convert_to(lower(translate(recovery_code, '- ', '')), 'UTF8'))
$$;
create function pg_temp.sent(field text, value text) returns text language sql as $$ select jsonb_build_object(field, value)::text $$;
create function pg_temp.act(who uuid, tenant uuid default null) returns void language sql as $$
    select ucrm.latch(jsonb_populate_record(
        case when tenant is not null then ucrm.principal_of('member', tenant, who) end,
        jsonb_build_object('kind', 'person', 'user_id', who)), ucrm.uuid7(), '192.0.2.1')
$$;
-- A confirmed app, made by hand: its secret, the code that confirmed it, and the recovery codes.
create function pg_temp.enable(who uuid, out secret bytea, out used text, out codes text[]) language plpgsql as $$
declare
    made record;
begin
    select * into made from ucrm.enrol_totp(who, 'phone');
    select ucrm.totp_secret(f) into secret from ucrm.totp_factors as f where f.user_id = who;
    used := pg_temp.code(secret);
    codes := ucrm.confirm_totp(who, used);
end
$$;

-- Codes.
begin;
select pg_temp.begin_scene();
select is(ucrm.totp_step('12345678901234567890', v.code, to_timestamp(v.at), null), v.at / 30, format('RFC 6238: %s at %s', v.code, v.at))
from (values (59::bigint, '287082'), (1111111109, '081804'), (1111111111, '050471'), (1234567890, '005924'), (2000000000, '279037'), (20000000000, '353130')) as v (at, code);
select is(array(select ucrm.totp_step(s, pg_temp.code(s, away), clock_timestamp(), null) - floor(extract(epoch from clock_timestamp()) / 30)::bigint from generate_series(0, 1) as away), array[0, 1]::bigint[],
    'the codes that another library makes fit')
from (select ucrm.random_bytes(20) as s from generate_series(1, 20)) as secrets;
select is(ucrm.totp_step('12345678901234567890', '287082', to_timestamp(59), after), case when after < 1 then 1 end::bigint, format('after step %s', after)) from unnest(array[-1, 0, 1, 2]) as after;
select is(ucrm.totp_step('12345678901234567890', '287082', at, null), null, format('never at %s', at)) from unnest(array['infinity', '-infinity', '1969-12-31', null]::timestamptz[]) as at;
select is(ucrm.totp_step(null, '287082', to_timestamp(59), null), null, 'no secret, no code');
select is(ucrm.totp_step('12345678901234567890', null, to_timestamp(59), null), null, 'nor without a code');
select is(ucrm.totp_step('12345678901234567890', code, to_timestamp(59), null), null, format('"%s" is no code', code)) from unnest(array['', '28708', '2870822', '+87082', '２８７０８２', '28708a', E'287082\n1']) as code;
select is(ucrm.totp_base32('foobar'), 'MZXW6YTBOI', 'base32 of the RFC');
select throws_ok($$select ucrm.qr_svg(repeat('x', 2332))$$, '22001', null, 'a text too long for a QR code');
rollback;

-- Enrolment.
begin;
select pg_temp.begin_scene();
select ucrm.set('totp_issuer', '"Acme: CRM"');
select u.email as email from ucrm.users as u where u.id = :'owner' \gset
select pg_temp.act(:'owner', :'acme');
select is(data, '{"enabled": false, "label": null, "confirmed_at": null, "recovery_codes_left": 0}', 'nobody has a second factor by himself') from pg_temp.ask('totp_route', '');
select is(pg_temp.told('confirm_totp_route', '{"code": "123456"}'), 'PT404 not_found', 'what was not enrolled is not confirmed');
select is(pg_temp.told('disable_totp_route', '{"code": "123456"}'), '404 not_found', 'nor disabled');
select is(pg_temp.told('recovery_codes_route', ''), 'PT404 not_found', 'and has no recovery codes');
select is((select count(*) from ucrm.row_windows where name = 'totp'), 0::bigint, 'none of which counts as a wrong code');
create temporary table first on commit drop as select * from pg_temp.ask('enrol_totp_route', '');
create temporary table replaced on commit drop as select ucrm.totp_secret(f) as secret from ucrm.totp_factors as f where f.user_id = :'owner';
create temporary table made on commit drop as select * from pg_temp.ask('enrol_totp_route', '{"label": " My phone "}');
select is(status, 201, 'an app is enrolled') from made;
select matches(data ->> 'secret', '^[A-Z2-7]{32}$', 'its secret has 160 bits') from made;
select isnt(f.data ->> 'secret', m.data ->> 'secret', 'another one each time') from first as f, made as m;
select is(data ->> 'uri', format('otpauth://totp/Acme%%20%%20CRM:%s?secret=%s&issuer=Acme%%20%%20CRM&algorithm=SHA1&digits=6&period=30', replace(:'email', '@', '%40'), data ->> 'secret'),
    'its URI names the account and the installation') from made;
select is(data ->> 'qr_svg', ucrm.qr_svg(data ->> 'uri'), 'and its picture says the same') from made;
select matches(data ->> 'qr_svg', '^<svg [^>]*viewBox="0 0 [0-9]+ [0-9]+"', 'as SVG') from made;
select is((select count(*) from ucrm.totp_factors where user_id = :'owner'), 1::bigint, 'what was never confirmed is replaced');
select is((data ->> 'id')::uuid, f.id, 'by the one with this id') from made, ucrm.totp_factors as f where f.user_id = :'owner';
create temporary table kept on commit drop as select ucrm.totp_secret(f) as secret, f.* from ucrm.totp_factors as f where f.user_id = :'owner';
select is(ucrm.totp_base32(secret), data ->> 'secret', 'the secret is kept') from kept, made;
select is(strpos(encode(sealed, 'hex'), encode(secret, 'hex')), 0, 'sealed') from kept;
select is(place, format('totp/%s/%s', user_id, id), 'for this person and app') from kept;
select ok(not ucrm.has_factor(:'owner'), 'until it is confirmed it is no factor');
select ok(not ucrm.use_second_factor(:'owner', pg_temp.code(secret), null), 'and its codes let nobody in') from kept;
select is(pg_temp.told('confirm_totp_route', pg_temp.sent('code', pg_temp.wrong(secret))), '422 validation_failed code', 'a wrong code confirms nothing') from kept;
select is(pg_temp.told('confirm_totp_route', pg_temp.sent('code', pg_temp.code(secret))), '422 validation_failed code', 'nor does one of the secret that was replaced') from replaced;
select is(cardinality(hits), 2, 'both are counted') from ucrm.row_windows where (name, key) = ('totp', :'owner');
select is(pg_temp.told('confirm_totp_route', sent), said, format('confirm %s', sent))
from (values ('{}', '422 validation_failed code'), ('{"code": 123456}', '422 validation_failed code'), ('{"code": ""}', '422 validation_failed code'), ('', '400 invalid_json'), ('{"code": "1", "x": "1"}', '400 unknown_field x')) as v (sent, said);
select is((select count(*) from deeds), 0::bigint, 'up to here nobody is told anything');

create temporary table confirmed on commit drop as select a.*, c.code as used from kept, pg_temp.code(secret) as c (code), pg_temp.ask('confirm_totp_route', pg_temp.sent('code', c.code)) as a;
select is(status, 200, 'the code of the app confirms it') from confirmed;
select is_empty($$select c from confirmed, jsonb_array_elements_text(data -> 'recovery_codes') as c where c !~ '^[0-9a-hjkmnp-tv-z]{5}-[0-9a-hjkmnp-tv-z]{5}$'$$,
    'recovery codes are xxxxx-xxxxx, of letters that nobody confuses');
select is((select count(distinct c) from confirmed, jsonb_array_elements_text(data -> 'recovery_codes') as c), 10::bigint, 'and ten');
select is(array(select deed from deeds order by n), array[
    format('mail mfa_changed %s %s {"change": "enabled"}', :'email', :'owner'),
    format('end %s 01a00000-0000-7000-8000-00000000005e', :'owner'),
    'raise 01a00000-0000-7000-8000-00000000005e'], 'the person is told by mail, the other sessions end, this one has shown a factor');
select is(cardinality(hits), 2, 'a right code does not count as a try') from ucrm.row_windows where (name, key) = ('totp', :'owner');
select is(data - 'confirmed_at', '{"enabled": true, "label": "My phone", "recovery_codes_left": 10}', 'now there is a second factor') from pg_temp.ask('totp_route', '');
select ok((data ->> 'confirmed_at')::timestamptz > clock_timestamp() - interval '1 minute', 'since now') from pg_temp.ask('totp_route', '');
select ok(not ucrm.use_second_factor(:'owner', used, null), 'the code that confirmed it is used up') from confirmed;
select is(pg_temp.told('enrol_totp_route', '{}'), 'PT409 conflict', 'a second app is not enrolled');
select is(pg_temp.told('confirm_totp_route', '{"code": "123456"}'), 'PT409 conflict', 'nor confirmed');
select is(cardinality(hits), 2, 'which is no wrong code either') from ucrm.row_windows where (name, key) = ('totp', :'owner');
select is(array(select action || ' ' || user_id from ucrm.platform_audit_logs where action like 'mfa.%' order by id), array['mfa.enabled ' || :'owner'], 'the platform''s audit knows');
select is(array(select concat_ws(' ', action, resource, record_id, user_id, host(address)) from ucrm.audit_logs where tenant_id = :'acme' and action like 'mfa%'),
    array[format('mfa_enabled members %s %s 192.0.2.1', :'owner', :'owner')], 'and the workspace''s');
select is_empty(format($$select from ucrm.audit_logs as l, confirmed as c, made as m where strpos(l::text, m.data ->> 'secret') > 0
    or exists (select from jsonb_array_elements_text(c.data -> 'recovery_codes') as r where strpos(l::text, r) > 0 or strpos(l::text, replace(r, '-', '')) > 0)$$), 'no audit row holds the secret or a code');
select is_empty($$select from ucrm.recovery_codes as k, confirmed as c, jsonb_array_elements_text(c.data -> 'recovery_codes') as r
    where k.digest in (pg_temp.shown(r), sha256(pg_temp.shown(r)), sha256(convert_to(r, 'UTF8')))$$, 'a stored digest is neither the one that is shown nor the same for everybody');
select is_empty(format($$select from ucrm.export_tenant(%L) as line where strpos(line::text, 'totp/') > 0 or strpos(line::text, 'recovery') > 0$$, :'acme'), 'a tenant''s export holds nobody''s factors');
rollback;

-- Use.
begin;
select pg_temp.begin_scene();
create temporary table his on commit drop as select * from pg_temp.enable(:'owner');
create temporary table hers on commit drop as select * from pg_temp.enable(:'stranger');
select ok(ucrm.use_second_factor(:'owner', pg_temp.code(secret, 1), null), 'the next code lets its owner in') from his;
select ok(not ucrm.use_second_factor(:'owner', pg_temp.code(secret, 1), null), 'once') from his;
select ok(not ucrm.use_second_factor(:'owner', pg_temp.code(secret), null), 'and the one before it no more') from his;
update ucrm.totp_factors set last_step = last_step - 5 where user_id = :'owner';
select ok(not ucrm.use_second_factor(:'owner', pg_temp.wrong(secret), null), 'a wrong one never') from his;
select ok(not ucrm.use_second_factor(:'owner', pg_temp.code(h.secret, 3), null), 'nor one of the far future') from his as h;
select ok(not ucrm.use_second_factor(:'owner', pg_temp.code(h.secret), null), 'nor another''s') from hers as h;
select ok(ucrm.use_second_factor(:'owner', overlay(pg_temp.code(secret) placing ' ' from 4 for 0), null), 'a space in it does not matter') from his;
select is(ucrm.use_second_factor(:'owner', null, null), false, 'nothing is no factor');
select is(ucrm.use_second_factor(:'owner', '', pg_temp.shown(codes[1])), false, 'where a code is given it is judged, and no other') from his;
select ok(ucrm.use_second_factor(:'owner', null, pg_temp.shown(upper(codes[1]))), 'a recovery code lets its owner in') from his;
select ok(not ucrm.use_second_factor(:'owner', null, pg_temp.shown(codes[1])), 'once') from his;
select ok(ucrm.use_second_factor(:'owner', null, pg_temp.shown(codes[2])), 'one by one') from his;
select ok(not ucrm.use_second_factor(:'owner', null, pg_temp.shown(h.codes[3])), 'another''s is none') from hers as h;
select ok(not ucrm.use_second_factor(:'stranger', null, pg_temp.shown(h.codes[3])), 'not even this one''s with that one') from his as h;
select ok(not ucrm.use_second_factor(:'owner', null, c.digest), 'what is stored cannot be shown') from ucrm.recovery_codes as c where c.user_id = :'owner' and c.used_at is null limit 1;
select is((select count(*) from ucrm.recovery_codes where user_id = :'owner' and used_at is null), 8::bigint, 'eight are left');
select is((select count(*) from ucrm.platform_audit_logs where action = 'mfa.recovery_code_used' and user_id = :'owner'), 2::bigint, 'the audit says that two were used');
select ok(not ucrm.use_second_factor(ucrm.uuid7(), '123456', null), 'nobody has none');
insert into ucrm.recovery_codes (user_id, digest)
select u.id, ucrm.recovery_digest(u.id, pg_temp.shown('aaaaa-aaaaa')) from ucrm.users as u where u.id not in (:'owner', :'stranger') limit 1;
select ok(not ucrm.use_second_factor(c.user_id, null, pg_temp.shown('aaaaa-aaaaa')), 'a recovery code without a factor is none')
from ucrm.recovery_codes as c where c.user_id not in (:'owner', :'stranger');

-- What is sealed opens in its place only.
select throws_ok($$update ucrm.totp_factors set place = 'elsewhere'$$, '428C9', null, 'nobody writes where a secret belongs');
delete from ucrm.totp_factors where user_id = :'stranger';
update ucrm.totp_factors set user_id = :'stranger' where user_id = :'owner';
select throws_ok(format('select ucrm.use_second_factor(%L, ''123456'', null)', :'stranger'), 'XX001', null, 'a secret that was moved to another person does not open');
rollback;

-- The tables.
begin;
select pg_temp.begin_scene();
select secret from pg_temp.enable(:'owner') \g /dev/null
select throws_ok('insert into ucrm.totp_factors (user_id, sealed, confirmed_at) select user_id, sealed, confirmed_at from ucrm.totp_factors', '23505', null, 'one confirmed app a person');
insert into ucrm.totp_factors (user_id, sealed) select user_id, sealed from ucrm.totp_factors;
select throws_ok('insert into ucrm.totp_factors (user_id, sealed) select user_id, sealed from ucrm.totp_factors limit 1', '23505', null, 'and one that is not');
insert into ucrm.users (email) values ('gone@factor.example');
select id as gone from ucrm.users where email = 'gone@factor.example' \gset
select secret from pg_temp.enable(:'gone') \g /dev/null
delete from ucrm.users where id = :'gone';
select is((select count(*) from ucrm.totp_factors where user_id = :'gone') + (select count(*) from ucrm.recovery_codes where user_id = :'gone'), 0::bigint, 'they go with the account');
select throws_ok(format('select ucrm.enrol_totp(%L)', :'gone'), 'PT404', 'not_found', 'and nobody enrols without one');
select throws_ok(format('select ucrm.disable_totp(%L)', :'gone'), 'PT404', 'not_found', 'or takes his away');
rollback;

-- Taken away.
begin;
select pg_temp.begin_scene();
create temporary table his on commit drop as select * from pg_temp.enable(:'owner');
select pg_temp.act(:'owner', :'acme');
select u.email as email from ucrm.users as u where u.id = :'owner' \gset
truncate deeds;
select is(pg_temp.told('disable_totp_route', sent), said, format('disable with %s', coalesce(nullif(sent, ''), 'nothing')))
from (values ('', '422 validation_failed code'), ('{}', '422 validation_failed code'), ('{"code": null}', '422 validation_failed code'), ('{"code": "000000", "recovery_code": "x"}', '422 validation_failed code'),
             ('{"recovery_code": "x"}', '422 validation_failed recovery_code'), ('{"code": 1}', '422 validation_failed code'), ('[]', '400 invalid_json')) as v (sent, said);
select is(pg_temp.told('disable_totp_route', pg_temp.sent('code', pg_temp.wrong(secret))), '422 validation_failed code', 'a wrong code takes nothing away') from his;
select is(pg_temp.told('disable_totp_route', pg_temp.sent('code', used)), '422 validation_failed code', 'nor a used one') from his;
select is((select count(*) from ucrm.platform_audit_logs where action = 'mfa.failed' and user_id = :'owner'), 3::bigint, 'the audit says so');
select ok(ucrm.has_factor(:'owner'), 'the factor is there');
select is(pg_temp.told('disable_totp_route', pg_temp.sent('code', pg_temp.code(secret, 1))), '204', 'the next code takes it away') from his;
select ok(not ucrm.has_factor(:'owner'), 'it is gone');
select is((select count(*) from ucrm.recovery_codes where user_id = :'owner'), 0::bigint, 'the recovery codes with it');
select is(array(select deed from deeds order by n), array[
    format('mail mfa_changed %s %s {"change": "disabled"}', :'email', :'owner'), format('end %s 01a00000-0000-7000-8000-00000000005e', :'owner')], 'the person is told, the other sessions end');
select is(pg_temp.told('disable_totp_route', '{"code": "123456"}'), '404 not_found', 'again: there is none');
create temporary table again on commit drop as select * from pg_temp.enable(:'owner');
select is(pg_temp.told('disable_totp_route', pg_temp.sent('recovery_code', 'sha256:' || encode(pg_temp.shown(h.codes[1]), 'hex'))), '422 validation_failed recovery_code', 'an old recovery code is dead') from his as h;
select is(pg_temp.told('disable_totp_route', pg_temp.sent('recovery_code', 'sha256:' || encode(pg_temp.shown(a.codes[1]), 'hex'))), '204', 'a live one takes the factor away too') from again as a;
rollback;

-- New recovery codes.
begin;
select pg_temp.begin_scene();
create temporary table his on commit drop as select * from pg_temp.enable(:'owner');
select pg_temp.act(:'owner');
truncate deeds;
select is(pg_temp.told('recovery_codes_route', '{"code": "1"}'), '400 unknown_field code', 'new recovery codes need no field');
create temporary table renewed on commit drop as select array(select jsonb_array_elements_text(data -> 'recovery_codes')) as codes from pg_temp.ask('recovery_codes_route', '');
select is(cardinality(codes), 10, 'ten new ones') from renewed;
select ok(not ucrm.use_second_factor(:'owner', null, pg_temp.shown(codes[1])), 'the old ones are dead') from his;
select ok(ucrm.use_second_factor(:'owner', null, pg_temp.shown(codes[10])), 'the new ones live') from renewed;
select is((select data ->> 'recovery_codes_left' from pg_temp.ask('totp_route', '')), '9', 'nine are left');
select is(array(select split_part(deed, ' {', 2) from deeds order by n), array['"change": "recovery_codes_renewed"}'], 'a mail says so, and no session ends');
select is((select count(*) from ucrm.audit_logs where action like 'mfa%'), 0::bigint, 'outside a workspace only the platform''s audit says so');
rollback;

-- The window of wrong codes.
begin;
select pg_temp.begin_scene();
create temporary table his on commit drop as select * from pg_temp.enable(:'owner');
select pg_temp.act(:'owner');
select is(array(select pg_temp.told('disable_totp_route', pg_temp.sent('code', pg_temp.wrong(secret))) from his, generate_series(1, 12)),
    array_fill('422 validation_failed code'::text, array[10]) || array_fill('429 rate_limited'::text, array[2]), 'ten wrong codes, then none');
select is(pg_temp.told('disable_totp_route', pg_temp.sent('code', pg_temp.code(secret, 1))), '429 rate_limited', 'the right one has to wait too') from his;
select ok(ucrm.has_factor(:'owner'), 'so that it is not found out');
select ok((headers ->> 'retry-after')::integer between 890 and 900, 'how long, it says') from pg_temp.ask('disable_totp_route', '{"code": "123456"}');
update ucrm.row_windows set hits = array(select h - interval '900 seconds' from unnest(hits) as h) where (name, key) = ('totp', :'owner');
select is(pg_temp.told('disable_totp_route', pg_temp.sent('code', pg_temp.code(secret, 1))), '204', 'a quarter of an hour later it is let through') from his;
select ucrm.enrol_totp(:'owner') \g /dev/null
update ucrm.row_windows set hits = '{}' where (name, key) = ('totp', :'owner');
select is(array(select pg_temp.told('confirm_totp_route', pg_temp.sent('code', pg_temp.wrong(ucrm.totp_secret(f)))) from ucrm.totp_factors as f, generate_series(1, 11) where f.user_id = :'owner'),
    array_fill('422 validation_failed code'::text, array[10]) || '429 rate_limited'::text, 'whoever confirms an app guesses no more often');
insert into ucrm.rate_limits (name, plan, hits, seconds) values ('totp', null, 11, 900);
select is(pg_temp.told('confirm_totp_route', pg_temp.sent('code', pg_temp.code(ucrm.totp_secret(f)))), '200', 'a DBA''s limit beats ours') from ucrm.totp_factors as f where f.user_id = :'owner';
rollback;

-- Whoever has not just shown that it is he changes nothing.
begin;
select pg_temp.begin_scene();
create temporary table his on commit drop as select * from pg_temp.enable(:'owner');
select pg_temp.act(:'owner');
select set_config('test.stale', 'yes', true) \g /dev/null
select is(pg_temp.told(route, sent), 'PT403 step_up_required', route || '() wants a fresh session')
from (values ('enrol_totp_route', ''), ('confirm_totp_route', '{"code": "123456"}'), ('recovery_codes_route', '')) as v (route, sent);
select is(pg_temp.told('disable_totp_route', pg_temp.sent('code', pg_temp.code(secret, 1))), 'PT403 step_up_required', 'disable_totp_route() too') from his;
select is(data ->> 'enabled', 'true', 'but he may look') from pg_temp.ask('totp_route', '');
rollback;

-- Who may.
begin;
select pg_temp.begin_scene();
select k.secret as key from ucrm.issue_api_key(:'acme', :'owner', 'k') as k \gset
select ucrm.latch(p, ucrm.uuid7(), null) from to_jsonb(ucrm.principal_of('key', :'acme', :'owner')) as j, jsonb_populate_record(null::ucrm.principal, j || jsonb_build_object('api_key_id', ucrm.uuid7())) as p \g /dev/null
select is(pg_temp.told(route, '{"code": "123456"}'), 'PT403 permission_denied', 'a key is no person: ' || route)
from unnest(array['totp_route', 'enrol_totp_route', 'confirm_totp_route', 'disable_totp_route', 'recovery_codes_route']) as route;
rollback;
begin;
select pg_temp.begin_scene();
select is(pg_temp.told(route, '{"code": "123456"}'), 'PT403 permission_denied', 'nor is nobody: ' || route)
from unnest(array['totp_route', 'enrol_totp_route', 'confirm_totp_route', 'disable_totp_route', 'recovery_codes_route']) as route;
select is(array(select r.method || ' ' || r.template from ucrm.routes as r where r.audience = 'user' and r.template ~ '/(totp|recovery-codes)' order by r.template, r.method),
    array['POST /api/v1/auth/recovery-codes', 'DELETE /api/v1/auth/totp', 'GET /api/v1/auth/totp', 'POST /api/v1/auth/totp', 'POST /api/v1/auth/totp/confirm'], 'people reach them over HTTP');

create temporary table tries (statement text);
insert into tries values
('select * from ucrm.totp_factors'), ('select count(*) from ucrm.recovery_codes'), ('delete from ucrm.totp_factors'), ('update ucrm.recovery_codes set used_at = null'),
('select ucrm.has_factor(ucrm.uuid7())'), ('select ucrm.use_second_factor(ucrm.uuid7(), ''123456'', null)'), ('select ucrm.enrol_totp(ucrm.uuid7())'),
('select ucrm.confirm_totp(ucrm.uuid7(), ''123456'')'), ('select ucrm.disable_totp(ucrm.uuid7())'), ('select ucrm.renew_recovery_codes(ucrm.uuid7())'),
('select ucrm.replace_recovery_codes(ucrm.uuid7())'), ('select ucrm.totp_secret(null)'), ('select ucrm.totp_step(''x'', ''y'', now(), 1)'), ('select ucrm.totp_base32(''x'')'),
('select ucrm.totp_uri(''x'', ''y'', ''z'')'), ('select ucrm.qr_svg(''x'')'), ('select ucrm.make_recovery_codes()'), ('select ucrm.recovery_digest(ucrm.uuid7(), ''x'')'),
('select ucrm.record_factor(ucrm.uuid7(), ''x'')'), ('select ucrm.lock_factors(ucrm.uuid7())'), ('select ucrm.sealed_tables()'), ('select ucrm.sealing_use()');
grant select on tries to public;
create function pg_temp.denied(role text) returns setof text language plpgsql as $$
declare
    t record;
begin
    execute format('set local role %I', role);
    for t in select * from tries loop
        return next throws_ok(t.statement, '42501', null, format('%s: %s', role, t.statement));
    end loop;
    reset role;
end
$$;
select pg_temp.denied(r) from unnest(array['ucrm_app', 'ucrm_reader', 'ucrm_platform', 'ucrm_gateway', 'ucrm_handler', 'ucrm_mover', 'ucrm_tables']) as r;
rollback;

-- Without the key file.
begin;
select pg_temp.begin_scene();
create temporary table his on commit drop as select * from pg_temp.enable(:'owner');
select pg_temp.act(:'stranger');
create or replace function ucrm.key_fault() returns text language sql as $$ select 'the file /etc/keys cannot be used'::text $$;
create or replace function ucrm.sealing_keys() returns text[] language sql as $$ select '{}'::text[] $$;
select is(code, 'PT503 unavailable', 'without a key file nobody enrols') from pg_temp.ask('enrol_totp_route', '');
select is(field, 'two-factor sign-in is not set up on this installation: its operator has to provide a key file', 'the reply says what is missing, and nothing of the server') from pg_temp.ask('enrol_totp_route', '');
select throws_ok(format('select ucrm.use_second_factor(%L, %L, null)', :'owner', pg_temp.code(secret, 1)), 'PT503', 'unavailable', 'codes cannot be checked') from his;
select ok(ucrm.use_second_factor(:'owner', null, pg_temp.shown(codes[1])), 'recovery codes can') from his;
select is(ucrm.use_second_factor(:'stranger', '123456', null), false, 'whoever has no factor needs no key file');
select is((select count(*) from ucrm.secret_faults() where what ~ 'authenticator app'), 1::bigint, 'the doctor says what does not work');
rollback;

-- A new key.
begin;
select pg_temp.begin_scene();
create temporary table his on commit drop as select * from pg_temp.enable(:'owner');
select ucrm.make_webhook_secret(:'acme'), ucrm.renew_audit_key() \g /dev/null
create temporary table before on commit drop as select f.sealed as factor, s.sealed as secret from ucrm.totp_factors as f, ucrm.secrets as s where f.user_id = :'owner' and s.tenant_id = :'acme' and s.kind = 'webhook' limit 1;
select set_eq($$select relation::text, many from ucrm.sealing_use()$$,
    format($$values ('ucrm.secrets', %s::bigint), ('ucrm.totp_factors', %s), ('ucrm.audit_keys', %s)$$, (select count(*) from ucrm.secrets), (select count(*) from ucrm.totp_factors), (select count(*) from ucrm.audit_keys)), 'what is sealed is found, whichever table it is in');
select is(ucrm.reseal(), 0::bigint, 'what the newest key sealed is left alone');
create function pg_temp.keys() returns text[] language sql as $$ select array['ffffffff'] || array(select distinct key from ucrm.sealing_use()) $$;
select set_eq($$select object, level from ucrm.secret_faults(pg_temp.keys(), null)$$, $$values ('ucrm.secrets', 'info'), ('ucrm.totp_factors', 'info'), ('ucrm.audit_keys', 'info')$$, 'the doctor names every table with an older key''s secrets');
select set_eq($$select object, level from ucrm.secret_faults('{ffffffff}', null)$$, $$values ('ucrm.secrets', 'error'), ('ucrm.totp_factors', 'error'), ('ucrm.audit_keys', 'error')$$, 'and with those that nobody can open');
-- As if a newer key had come: what reseal() seals is then sealed with the only one there is.
create or replace function ucrm.sealing_keys() returns text[] language sql as $$ select array['ffffffff'] $$;
select is(ucrm.reseal(), (select count(*) from ucrm.secrets) + (select count(*) from ucrm.totp_factors) + (select count(*) from ucrm.audit_keys), 'reseal() seals all of them anew');
select ok(b.factor <> f.sealed and ucrm.unseal(f.sealed, f.place) = h.secret, 'an app''s secret is the same afterwards') from before as b, his as h, ucrm.totp_factors as f where f.user_id = :'owner';
select is_empty($$select from before as b where b.secret in (select s.sealed from ucrm.secrets as s)$$, 'no old sealing is left');
rollback;

select '1..' || currval('__tresults___numb_seq');
