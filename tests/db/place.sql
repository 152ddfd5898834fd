-- Places: when a sign-in is told of, what a client is called, and how much is kept.
\ir scene.psql
create function pg_temp.mails() returns bigint language sql as $$ select count(*) from ucrm.emails where kind = 'new_sign_in' $$;

begin;
select id as somebody from ucrm.users where id = :'owner' \gset
create function pg_temp.comes(somebody uuid, address inet, agent text) returns bigint language plpgsql as $$
declare
    before constant bigint := pg_temp.mails();
begin
    perform ucrm.note_place(u, address, agent) from ucrm.users as u where u.id = somebody;
    return pg_temp.mails() - before;
end
$$;
select is(pg_temp.comes(:'somebody', '192.0.2.1', 'Firefox/1.0'), 0::bigint, 'the first place is not told');
select is(pg_temp.comes(:'somebody', a, d), n, w)
from (values
    ('192.0.2.200'::inet, 'Firefox/2.0.1', 0::bigint, 'the same /24, another version'),
    ('192.0.3.1', 'Firefox/2.0.1', 1, 'another /24'),
    ('192.0.2.1', 'Chrome/2.0.1', 1, 'another client'),
    ('192.0.2.1', null, 1, 'a client that says nothing of itself'),
    ('192.0.2.9', '', 0, 'which is known then'),
    ('2001:db8:0:1::1', 'Firefox/1.0', 1, 'a /64'),
    ('2001:db8:0:1:ffff::2', 'Firefox/1.0', 0, 'the same /64'),
    ('2001:db8:0:2::1', 'Firefox/1.0', 1, 'another /64')
) as v (a, d, n, w);
select is((select count(*) from ucrm.emails where kind = 'new_sign_in' and user_id = :'somebody' and tenant_id is null and recipient = (select email from ucrm.users where id = :'somebody')), 5::bigint,
    'it goes to the person, by the platform');
update ucrm.users set email_verified_at = null where id = :'somebody';
select is(pg_temp.comes(:'somebody', '198.51.100.1', 'Firefox'), 0::bigint, 'and to no address that is not verified');
select count(pg_temp.comes(:'somebody', '198.51.100.1', repeat('x', n))) from generate_series(1, 70) as n \g /dev/null
update ucrm.users set email_verified_at = now() where id = :'somebody';
select count(pg_temp.comes(:'somebody', '198.51.100.1', repeat('y', n))) from generate_series(1, 20) as n \g /dev/null
select is((select count(*) from ucrm.sign_in_places where user_id = :'somebody'), 50::bigint, 'fifty places are kept');
select is((select count(*) from ucrm.emails where kind = 'new_sign_in' and user_id = :'somebody'), 10::bigint, 'and ten mails a day written');
insert into ucrm.users (email, email_verified_at) values ('newcomer@y.example', now()) returning id as newcomer \gset
select is(pg_temp.comes(:'newcomer', '192.0.2.1', 'Firefox'), 0::bigint, 'where another person has been is nobody else''s place');
select isnt_empty(format('select from ucrm.sign_in_places where user_id = %L', :'newcomer'), 'his is noted');
delete from ucrm.users where id = :'newcomer';
select is_empty(format('select from ucrm.sign_in_places where user_id = %L', :'newcomer'), 'and goes with him');
rollback;

select is(ucrm.device_of(a), d, coalesce(d, 'nothing') || ': ' || coalesce(a, 'null'))
from (values
    ('Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', 'Firefox on Linux'),
    ('Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36 Edg/126.0', 'Edge on Windows'),
    ('Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1', 'Safari on iOS'),
    ('Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile Safari/537.36', 'Chrome on Android'),
    ('Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15', 'Safari on macOS'),
    ('curl/8.5.0', 'curl'),
    ('Your account is closed, see https://evil.example', null),
    ('', null), (null, null)
) as v (a, d);

select '1..' || currval('__tresults___numb_seq');
