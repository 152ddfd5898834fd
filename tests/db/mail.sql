-- Mails: queued with what causes them, sent by one worker at a time, and with nothing at rest that opens anything.
\ir scene.psql
create function pg_temp.told(statement text) returns text language plpgsql as $$
declare
    answer text;
begin
    execute statement into answer;
    return coalesce(answer, 'done');
exception when others then
    return sqlstate || ' ' || sqlerrm;
end
$$;
create function pg_temp.claimed(worker text, batch integer default 10) returns setof text language sql as $$
    select recipient from ucrm.claim_mail(worker, batch, 'https://app.example/crm/') order by id
$$;
-- What waits is due, and leases are over.
create function pg_temp.later() returns void language sql as $$
    update ucrm.emails set next_attempt_at = now() - interval '1 s', claimed_until = claimed_until - interval '1 day' where status in ('queued', 'sending')
$$;
create temporary table minted (kind text, token text);
grant insert on minted to public;
create function pg_temp.stub() returns void language plpgsql as $$
begin
    delete from ucrm.emails;
    execute $stub$
        create or replace function ucrm.mint_mail_token(kind text, "user" uuid, recipient text, data jsonb) returns text language plpgsql as $mint$
        declare
            token text;
        begin
            if data ->> 'mint' = 'error' then
                raise exception 'hush';
            end if;
            token := 'ucrm_' || mint_mail_token.kind || '_aaaaaaaaaaaaaaaaaaaaaaaaaa_' || replace(gen_random_uuid()::text, '-', '');
            insert into minted values (mint_mail_token.kind, token);
            return case when data ->> 'mint' is distinct from 'nothing' then token end;
        end
        $mint$
    $stub$;
end
$$;

-- Queueing.
begin;
select pg_temp.stub();
savepoint before_queueing;
select isnt(ucrm.queue_mail('password_changed', 'x@y.example'), null, 'a mail is queued');
rollback to before_queueing;
select is((select count(*) from ucrm.emails), 0::bigint, 'what is rolled back was never queued');
select is(pg_temp.told($$select ucrm.queue_mail('nothing', 'x@y.example')$$), '42704 there is no mail of the kind "nothing"', 'a kind must have a template');
select is(pg_temp.told($$select ucrm.queue_mail('layout', 'x@y.example')$$), '42704 there is no mail of the kind "layout"', 'what goes around mails is none');
select matches(pg_temp.told(format('select ucrm.queue_mail(''password_changed'', %L)', a)), '^23514', 'no address: ' || a) from unnest(array['', 'x', 'x@', '@y', 'x@y z', E'x@y.example\nBcc: z@y.example', repeat('x', 250) || '@y.example']) as a;
select matches(pg_temp.told($$select ucrm.queue_mail('invitation', 'x@y.example', null, null, '{"a": "ucrm_invite_abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq"}')$$), '^23514.*no_token', 'a token is not put to rest in it');
select matches(pg_temp.told($$select ucrm.queue_mail('invitation', 'x@y.example', null, null, '[]')$$), '^23514', 'data is an object');
rollback;

-- Claiming.
begin;
select pg_temp.stub();
update ucrm.users set name = 'Ada <Byron>' where id = :'owner';
select ucrm.queue_mail('verify_email', 'one@y.example', :'owner', null, '{"a": 1, "name": "Eve", "link": "https://evil.example"}') as one \gset
select ucrm.queue_mail('invitation', 'two@y.example', null, :'acme', '{"inviter": "Ada"}') as two \gset
select ucrm.queue_mail('password_changed', 'three@y.example') as three \gset
create temporary table claims on commit drop as select * from ucrm.claim_mail('w1', 2, 'https://app.example/crm/');
select results_eq('select recipient, attempt, sender from claims order by id', $$values ('one@y.example', 1, null::jsonb), ('two@y.example', 1, null)$$, 'a worker gets as many as it asks for, the oldest first');
select is(data - 'link', '{"a": 1, "name": "Ada <Byron>", "home": "https://app.example/crm", "site": "app.example", "recipient": "one@y.example"}', 'with what the template needs') from claims where id = :'one';
select is(data ->> 'link', 'https://app.example/crm/auth/verify-email#token=' || m.token, 'and a link, its token in the fragment') from claims, minted as m where id = :'one' and m.kind = 'verify_email';
select is(data ->> 'link', 'https://app.example/crm/auth/invitation#token=' || m.token, 'an invitation''s too') from claims, minted as m where id = :'two' and m.kind = 'invitation';
select is(data ->> 'workspace', 'Acme', 'with its workspace') from claims where id = :'two';
select is(template ->> 'subject', 'Verify your e-mail address', 'and what it says') from claims where id = :'one';
select is_empty($$select m.token from minted as m, ucrm.emails as e where strpos(to_jsonb(e)::text, m.token) > 0 or to_jsonb(e)::text like '%http%crm/auth%'$$, 'but the row holds no link and no token');
select set_eq($$select * from pg_temp.claimed('w2')$$, array['three@y.example'], 'another worker gets the rest');
select is_empty($$select * from pg_temp.claimed('w3')$$, 'and a third one nothing');
select is((select count(*) from minted), 2::bigint, 'a mail without a link mints nothing');
select is(ucrm.settle_mail(:'one', 'w2', 'sent'), false, 'nobody settles another''s mail');
select is(ucrm.settle_mail(:'one', null, 'sent'), false, 'nor nobody');
select is(ucrm.settle_mail(ucrm.uuid7(), 'w1', 'sent'), false, 'nor one that is none');
select is((select status from ucrm.emails where id = :'one'), 'sending', 'which stays as it was');
select is(ucrm.settle_mail(:'one', 'w1', 'sent'), true, 'the worker itself does');
select results_eq(format('select status, sent_at is not null, claimed_by, claimed_until, last_error, sender from ucrm.emails where id = %L', :'one'), $$values ('sent', true, null::text, null::timestamptz, null::text, 'platform')$$, 'sent is sent');
select is(ucrm.settle_mail(:'one', 'w1', 'failed'), false, 'once');
select is((select claimed_until - clock_timestamp() between interval '119 s' and interval '120 s' from ucrm.emails where id = :'two'), true, 'a lease is two minutes');
-- A worker dies.
select pg_temp.later();
select set_eq($$select * from pg_temp.claimed('w4')$$, array['two@y.example', 'three@y.example'], 'when leases are over, others go on');
select is(ucrm.settle_mail(:'two', 'w1', 'sent'), false, 'and the one who comes back late is not asked');
select is(attempts, 2, 'an attempt that nobody told of counts') from ucrm.emails where id = :'two';
select is((select count(distinct token) from minted where kind = 'invitation'), 2::bigint, 'each attempt has a token of its own');
rollback;

-- A name is not a letter to whom somebody registers.
begin;
select pg_temp.stub();
update ucrm.users set name = 'Buy now', email_verified_at = null where id = :'owner';
select ucrm.queue_mail('reset_password', 'x@y.example', :'owner') \g /dev/null
select is((select data ->> 'name' from ucrm.claim_mail('w', 1, 'https://app.example')), null, 'an unverified account''s name is not written');
rollback;

-- Trouble with one does not hold up the others.
begin;
select pg_temp.stub();
select ucrm.queue_mail('verify_email', 'moot@y.example', null, null, '{"mint": "nothing"}') as moot \gset
select ucrm.queue_mail('verify_email', 'broken@y.example', null, null, '{"mint": "error"}') as broken \gset
select ucrm.queue_mail('verify_email', 'good@y.example') as good \gset
select set_eq($$select * from pg_temp.claimed('w')$$, array['good@y.example'], 'only what can be sent is given out');
select results_eq(format('select status, last_error from ucrm.emails where id = %L', :'moot'), $$values ('failed', 'there is nothing left for it to open')$$, 'a mail without a token has failed');
select results_eq(format('select status, attempts, last_error from ucrm.emails where id = %L', :'broken'), $$values ('queued', 1, 'no token: P0001')$$, 'an error waits, and says no more than its code');
rollback;

-- Settling.
begin;
select pg_temp.stub();
select ucrm.queue_mail('password_changed', 'x@y.example') as mail \gset
create temporary table waits on commit drop as select 0 as n, ''::text as status, null::interval as waited, ''::text as error where false;
do $$
declare
    mail uuid;
begin
    for n in 1..17 loop
        perform pg_temp.later();
        select id into mail from ucrm.claim_mail('w' || n, 1, 'https://app.example');
        exit when mail is null;
        perform ucrm.settle_mail(mail, 'w' || n, 'retry', E'450 try\r\nlater: https://app.example/auth/verify-email#token=ucrm_x_y x' || repeat('z', 400));
        insert into waits select n, status, date_trunc('second', next_attempt_at - clock_timestamp() + interval '0.5 s'), last_error from ucrm.emails where id = mail;
    end loop;
end
$$;
select is((select array_agg(waited order by n) from waits where status = 'queued'), array['5 s', '30 s', '5 min', '30 min']::interval[] || array_fill('2 h'::interval, array[11]), 'a retry waits longer and longer');
select ok(sum(waited) between interval '22 h' and interval '24 h', 'for a day') from waits where status = 'queued';
select results_eq('select n, status from waits order by n desc limit 1', $$values (16, 'failed')$$, 'then it has failed');
select is_empty($$select * from pg_temp.claimed('late')$$, 'and is not claimed again');
select ok(bool_and(error like '450 try later: https://app.example/auth/verify-email#token=… x%' and length(error) = 300), 'what a server said is kept in one line, cut, and without a token') from waits;
select is(pg_temp.told(format('select ucrm.settle_mail(%L, ''w'', %s)', :'mail', o)), '22023 an outcome is sent, retry or failed, not "' || coalesce(n, '<NULL>') || '"', 'no outcome: ' || o)
from (values ('''lost''', 'lost'), ('null', null)) as v (o, n);
update ucrm.emails set status = 'queued', attempts = 0;
select count(*) from pg_temp.claimed('w') \g /dev/null
select is(ucrm.settle_mail(:'mail', 'w', 'failed', '550 no such user'), true, 'what is refused for good');
select results_eq('select status, attempts, last_error from ucrm.emails', $$values ('failed', 1, '550 no such user')$$, 'has failed at once');
-- A mail that kills every worker.
update ucrm.emails set status = 'sending', attempts = 16, claimed_by = 'dead', claimed_until = now(), next_attempt_at = now() - interval '1 s';
select is_empty($$select * from pg_temp.claimed('w')$$, 'a mail from which no worker came back is given up too');
select results_eq('select status, last_error from ucrm.emails', $$values ('failed', '550 no such user')$$, 'with the last that was heard');
-- A gateway that was away for long.
update ucrm.emails set status = 'queued', attempts = 0, created_at = now() - interval '3 days', next_attempt_at = now() - interval '3 days';
select isnt_empty($$select * from pg_temp.claimed('w')$$, 'what waited for days for a gateway is still sent');
rollback;

-- A tenant's own sender.
begin;
select pg_temp.stub();
set session authorization :"backend";
select ucrm.enter(:'acme', :'owner');
select is(ucrm.mail_sender(), null, 'at first the platform sends');
select is(ucrm.set_mail_sender('hello@acme.example', 'Acme', host => ' SMTP.Acme.example. ', username => 'acme', secret => 'a-hidden-password-1234') - array['created_at', 'updated_at'],
    '{"from_address": "hello@acme.example", "from_name": "Acme", "transport": "smtp", "host": "smtp.acme.example", "port": 587, "tls": "starttls", "username": "acme", "secret": "••••1234"}', 'an owner sets his own, and sees the secret''s end');
select is(ucrm.mail_sender() -> 'works', 'true', 'which is thought to work');
reset session authorization;
select is(convert_from(ucrm.secret(:'acme', 'mail', :'acme'), 'UTF8'), 'a-hidden-password-1234', 'the secret is sealed');
create function pg_temp.seen(word text) returns setof text language plpgsql as $$
declare
    t tables;
    n bigint;
begin
    for t in select * from tables where relkind = 'r' loop
        execute format('select count(*) from %s as r where strpos(to_jsonb(r)::text, %L) > 0 or strpos(to_jsonb(r)::text, encode(%L, ''hex'')) > 0', t.name, word, word) into n;
        if n > 0 then
            return next t.name;
        end if;
    end loop;
end
$$;
select is_empty($$select pg_temp.seen('a-hidden-password-1234')$$, 'and in no row of any table in clear, audit and outbox among them');
select results_eq($$select action, after ->> 'secret' from ucrm.audit_logs where resource = 'settings' and record_id = 'mail_sender'$$, $$values ('create', '••••1234')$$, 'the audit says that it was set');

select ucrm.queue_mail('invitation', 'invited@y.example', null, :'acme') as invitation \gset
select ucrm.queue_mail(k, k || '@y.example', :'owner', :'acme') from unnest(array['verify_email', 'reset_password', 'change_email', 'workspace_approved', 'password_changed']) as k \g /dev/null
create temporary table claims on commit drop as select * from ucrm.claim_mail('w1', 10, 'https://app.example');
select results_eq('select kind from claims where sender is not null', array['invitation'], 'it sends what the workspace sends to others, and never a link to an account');
select is(sender ->> 'secret', 'a-hidden-password-1234', 'a worker gets its secret in clear') from claims where kind = 'invitation';
select is(sender, 'tenant', 'the row says who sends') from ucrm.emails where id = :'invitation';
delete from ucrm.emails where id <> :'invitation';
-- It fails for now, and again: the platform takes over.
select ucrm.settle_mail(:'invitation', 'w1', 'retry', '451 later') \g /dev/null
select is(array[status, last_error], array['queued', '451 later'], 'it does not work') from ucrm.emails;
select is(array[failures::text, last_error], array['1', '451 later'], 'which is written down beside it') from ucrm.mail_senders where tenant_id = :'acme';
select pg_temp.later();
select isnt(sender, null, 'its second attempt is its own') from ucrm.claim_mail('w2', 1, 'https://app.example');
select ucrm.settle_mail(:'invitation', 'w2', 'retry', 'timeout') \g /dev/null
select pg_temp.later();
select is(sender, null, 'the third is the platform''s') from ucrm.claim_mail('w3', 1, 'https://app.example');
select ucrm.settle_mail(:'invitation', 'w3', 'sent') \g /dev/null
select is(array[status, sender], array['sent', 'platform'], 'which sends it') from ucrm.emails;
select is((select failures from ucrm.mail_senders where tenant_id = :'acme'), 2, 'the platform''s success is not its own');
-- It refuses for good: the platform takes over at once.
update ucrm.emails set status = 'queued', attempts = 0, next_attempt_at = now() - interval '1 s';
select count(*) from pg_temp.claimed('w4') \g /dev/null
select ucrm.settle_mail(:'invitation', 'w4', 'failed', '535 wrong password') \g /dev/null
select is(array[status, attempts::text], array['queued', '2'], 'what it refuses for good is not lost') from ucrm.emails;
select pg_temp.later();
select is(sender, null, 'the platform tries next') from ucrm.claim_mail('w5', 1, 'https://app.example');
select ucrm.settle_mail(:'invitation', 'w5', 'failed', '550 no such user') \g /dev/null
select is(status, 'failed', 'and what the platform is refused for good is over') from ucrm.emails;
-- After three failures it rests.
update ucrm.emails set status = 'queued', attempts = 0, next_attempt_at = now() - interval '1 s';
select is(sender, null, 'one that failed three times in a row rests') from ucrm.claim_mail('w6', 1, 'https://app.example');
update ucrm.emails set status = 'queued', attempts = 0, claimed_by = null, claimed_until = null, next_attempt_at = now() - interval '1 s';
update ucrm.mail_senders set failed_at = now() - interval '11 min' where tenant_id = :'acme';
select isnt(sender, null, 'for ten minutes') from ucrm.claim_mail('w7', 1, 'https://app.example');
select ucrm.settle_mail(:'invitation', 'w7', 'sent') \g /dev/null
select is(array[failures::text, failed_at::text, last_error], array['0', null, null], 'and when it works again, all is forgotten') from ucrm.mail_senders where tenant_id = :'acme';
-- Its secret cannot be opened.
update ucrm.secrets set sealed = set_byte(sealed, length(sealed) - 1, get_byte(sealed, length(sealed) - 1) # 1) where kind = 'mail';
update ucrm.emails set status = 'queued', attempts = 0, next_attempt_at = now() - interval '1 s';
select is(sender, null, 'without its secret the platform sends') from ucrm.claim_mail('w8', 1, 'https://app.example');
select is(last_error, 'the secret cannot be opened: save it again', 'and it says why') from ucrm.mail_senders where tenant_id = :'acme';
rollback;

-- Who may set it, and to what.
begin;
create function pg_temp.refused(arguments text) returns text language plpgsql as $$
declare
    detail text;
begin
    execute format('select ucrm.set_mail_sender(%s)', arguments);
    return 'done';
exception when others then
    get stacked diagnostics detail = pg_exception_detail;
    return concat_ws(' ', sqlstate, sqlerrm, split_part(detail, ':', 1));
end
$$;
select m.user_id as agent from ucrm.tenant_memberships as m join ucrm.users as u on u.id = m.user_id
where m.tenant_id = :'acme' and m.role = 'agent' and m.disabled_at is null and u.email_verified_at is not null \gset
set session authorization :"backend";
select is(pg_temp.told($$select ucrm.set_mail_sender('a@b.example', host => 'mail.b.example')$$), 'PT401 no_context', 'nobody sets nobody''s sender');
select is(pg_temp.told('select ucrm.mail_sender()'), 'PT401 no_context', 'or reads it');
select ucrm.enter(:'acme', :'agent');
select is(pg_temp.told($$select ucrm.set_mail_sender('a@b.example', host => 'mail.b.example')$$), 'PT403 permission_denied', 'an agent does not set it');
select is(pg_temp.told('select ucrm.remove_mail_sender()'), 'PT403 permission_denied', 'nor remove it');
select is(pg_temp.told('select ucrm.mail_sender()'), 'PT403 permission_denied', 'nor read it');
reset session authorization;
commit;
begin;
set session authorization :"backend";
select ucrm.enter(:'acme', :'owner');
select is(pg_temp.told('select ucrm.remove_mail_sender()'), 'PT404 not_found', 'there is nothing to remove');
select is(pg_temp.refused(format('''a@b.example'', host => %L', h)), 'PT422 validation_failed host', 'no mail server: ' || h)
from unnest(array['localhost', '127.0.0.1', '10.0.0.1', '169.254.169.254', '8.8.8.8', '[::1]', '::1', '2130706433', '0x7f000001', '0x7f.0x1', '127.1', 'mail', 'x.localhost', 'x.local', 'metadata.google.internal',
    'printer.lan', '1.0.0.127.in-addr.arpa', 'mail.b.example:25', 'mail.b.example/x', 'u@mail.b.example', 'mail..example', '-x.example', 'x-.example', 'müller.example', '', repeat('x', 64) || '.example', repeat('x.', 130) || 'example']) as h;
select is(pg_temp.refused(format('''a@b.example'', host => ''mail.b.example'', port => %s', p)), case when p in (25, 465, 587, 2525) then 'done' else 'PT422 validation_failed port' end, 'port ' || p)
from unnest(array[0, 22, 25, 80, 443, 465, 587, 2525, 5432, 11211, 65536]) as p;
select is(ucrm.mail_sender() -> 'tls', '"starttls"', 'encrypted by STARTTLS');
select is(ucrm.set_mail_sender('a@b.example', host => 'mail.b.example', port => 465) -> 'tls', '"implicit"', 'or from the first byte, as the port is for');
select is(pg_temp.refused(a), 'PT422 validation_failed ' || f, f || ': ' || a)
from (values
    ($$'nobody', host => 'mail.b.example'$$, 'from_address'), ($$null, host => 'mail.b.example'$$, 'from_address'), ($$e'a@b.example\nBcc: c@b.example', host => 'mail.b.example'$$, 'from_address'),
    ($$'a@b.example>', host => 'mail.b.example'$$, 'from_address'), ($$'a@b.example', e'x\ny', host => 'mail.b.example'$$, 'from_name'), ($$'a@b.example', repeat('x', 101), host => 'mail.b.example'$$, 'from_name'),
    ($$'a@b.example', transport => 'sendmail'$$, 'transport'), ($$'a@b.example', transport => null$$, 'transport'), ($$'a@b.example'$$, 'host'),
    ($$'a@b.example', host => 'mail.b.example', tls => 'none'$$, 'tls'), ($$'a@b.example', host => 'mail.b.example', username => ''$$, 'username'),
    ($$'a@b.example', host => 'mail.b.example', username => e'u\r\nx', secret => 'x'$$, 'username'), ($$'a@b.example', host => 'mail.b.example', username => 'u', secret => e'x\r\nQUIT'$$, 'secret'),
    ($$'a@b.example', host => 'mail.b.example', username => 'u', secret => ''$$, 'secret'), ($$'a@b.example', host => 'mail.b.example', username => 'u'$$, 'secret'),
    ($$'a@b.example', host => 'mail.b.example', secret => 'x'$$, 'username'), ($$'a@b.example', transport => 'resend'$$, 'secret'),
    ($$'a@b.example', transport => 'resend', secret => 'x', host => 'mail.b.example'$$, 'host, port, tls and username')
) as v (a, f);
-- The secret goes to the server it was given for, and to no other.
select is(pg_temp.refused($$'a@b.example', host => 'mail.b.example', username => 'u', secret => 'a-hidden-password'$$), 'done', 'with a secret');
select is(pg_temp.refused($$'other@b.example', 'Other', host => 'mail.b.example', username => 'u'$$), 'done', 'the name changes without it');
select is(ucrm.mail_sender() -> 'secret', '"••••word"', 'and it stays');
select is(pg_temp.refused(a), 'PT422 validation_failed secret', 'but not ' || w)
from (values ($$'a@b.example', host => 'evil.example', username => 'u'$$, 'the server'), ($$'a@b.example', host => 'mail.b.example', port => 2525, username => 'u'$$, 'the port'),
    ($$'a@b.example', host => 'mail.b.example', tls => 'implicit', username => 'u'$$, 'the encryption'), ($$'a@b.example', host => 'mail.b.example', username => 'v'$$, 'the username'),
    ($$'a@b.example', transport => 'resend'$$, 'the way')) as v (a, w);
select is(pg_temp.refused($$'a@b.example', transport => 'resend', secret => 're_short'$$), 'done', 'a key of Resend''s');
select is(ucrm.mail_sender() -> 'secret', '"••••"', 'of a short secret nothing is shown');
select is(pg_temp.refused($$'a@b.example', host => 'mail.b.example'$$), 'done', 'a server without a secret');
reset session authorization;
select is_empty(format('select from ucrm.secrets where tenant_id = %L and kind = ''mail''', :'acme'), 'keeps none');
set session authorization :"backend";
select is(pg_temp.refused($$'a@b.example', host => 'mail.b.example', username => 'u', secret => 'a-hidden-password'$$), 'done', 'set once more');
select lives_ok('select ucrm.remove_mail_sender()', 'and removed');
reset session authorization;
select is_empty(format('select from ucrm.secrets where tenant_id = %1$L and kind = ''mail'' union all select from ucrm.mail_senders where tenant_id = %1$L', :'acme'), 'it is gone with its secret');
select is((select array_agg(action order by id) from ucrm.audit_logs where tenant_id = :'acme' and record_id = 'mail_sender' and action = 'delete'), array['delete'], 'which the audit says');
rollback;
select ok(ucrm.mail_host_fault(h) is null, 'a mail server: ' || h) from unnest(array['smtp.gmail.com', 'mail.b.example', 'a.b-c.xn--mller-kva.example', 'smtp-relay1.b.co']) as h;

-- Templates.
select is_empty($$select k from unnest(array['verify_email', 'account_exists', 'reset_password', 'change_email', 'email_changed', 'password_changed', 'mfa_changed', 'invitation', 'workspace_approved',
    'workspace_rejected', 'workspace_suspended', 'new_sign_in', 'layout']) as k where ucrm.mail_template(k, 'en') is null$$, 'every kind has its template');
select is_empty($$select t.kind from ucrm.mail_templates as t where (ucrm.mail_path(t.kind) is not null) is distinct from (t.text like '%{{ link }}%' and t.html like '%{{ link }}%')$$, 'those with a link show it, in both parts');
select is_empty($$select t.kind from ucrm.mail_templates as t where t.text ~ '[^\x01-\x7f]' or t.html ~ '[^\x01-\x7f]'$$, 'and are plain ASCII, so that mail programs and people read the same');
begin;
select throws_ok($$update ucrm.mail_templates set subject = 'x' where kind = 'invitation'$$, '42501', null, 'built-in ones do not change');
select throws_ok($$delete from ucrm.mail_templates where kind = 'invitation'$$, '42501', null, 'nor go');
select throws_ok(format('insert into ucrm.mail_templates (kind, subject, text, html) values (''invitation'', %L, ''x'', ''x'')', s), '23514', null, 'no subject: ' || quote_literal(s)) from unnest(array['', ' ', E'x\r\nBcc: y', E'x\ty']) as s;
insert into ucrm.mail_templates (kind, subject, text, html) values ('invitation', 'Ours', 'x', 'x');
insert into ucrm.mail_templates (kind, language, subject, text, html) values ('invitation', 'de', 'Unsere', 'x', 'x'), ('invitation', 'de-CH', 'Üsi', 'x', 'x');
select is(ucrm.mail_template('invitation', l) ->> 'subject', w, format('in %s: %s', l, w)) from (values ('en', 'Ours'), ('de', 'Unsere'), ('de-AT', 'Unsere'), ('de-CH', 'Üsi'), ('fr', 'Ours')) as v (l, w);
select is(ucrm.mail_template('nothing', 'en'), null, 'what is none has none');
rollback;

-- Who may what.
begin;
create function pg_temp.denied(role text) returns setof text language plpgsql as $$
declare
    s text;
begin
    execute format('set local role %I', role);
    foreach s in array array['select from ucrm.emails', 'select from ucrm.mail_senders', 'select from ucrm.mail_templates', 'delete from ucrm.emails', 'insert into ucrm.emails (kind, recipient) values (''x'', ''x@y'')',
        'select ucrm.queue_mail(''password_changed'', ''x@y.example'')', 'select ucrm.usable_mail_sender(ucrm.uuid7())', 'select ucrm.note_mail_sender(ucrm.uuid7(), ''x'')'] loop
        return next throws_ok(s, '42501', null, format('%s: %s', role, s));
    end loop;
    if role <> 'ucrm_gateway' then
        return next throws_ok('select ucrm.claim_mail(''w'', 1, ''x'')', '42501', null, role || ' claims no mail');
        return next throws_ok('select ucrm.settle_mail(ucrm.uuid7(), ''w'', ''sent'')', '42501', null, role || ' settles none');
    else
        return next lives_ok('select ucrm.claim_mail(''w'', 0, ''x'')', role || ' claims mails');
        return next lives_ok('select ucrm.settle_mail(ucrm.uuid7(), ''w'', ''sent'')', role || ' settles them');
    end if;
    if role <> 'ucrm_platform' then
        return next throws_ok('select ucrm.prune_mail(1)', '42501', null, role || ' prunes nothing');
    else
        return next lives_ok('select ucrm.prune_mail(36500)', role || ' prunes');
    end if;
    reset role;
end
$$;
select pg_temp.denied(r) from unnest(array['ucrm_app', 'ucrm_reader', 'ucrm_platform', 'ucrm_gateway', 'ucrm_handler', 'ucrm_mover', 'ucrm_tables']) as r;
rollback;

-- A tenant goes, and comes back.
begin;
select pg_temp.stub();
select ucrm.queue_mail('invitation', 'a@y.example', null, :'acme'), ucrm.queue_mail('invitation', 'g@y.example', null, :'globex'), ucrm.queue_mail('password_changed', 'p@y.example') \g /dev/null
insert into ucrm.mail_senders (tenant_id, from_address, transport, host, port, tls, username, secret_mask) values (:'acme', 'a@b.example', 'smtp', 'mail.b.example', 587, 'starttls', 'u', '••••');
select ucrm.keep_secret(:'acme', 'mail', :'acme', 'hush') \g /dev/null
create temporary table lines (n bigint generated always as identity, line jsonb) on commit drop;
insert into lines (line) select ucrm.export_tenant(:'acme');
select is_empty($$select line from lines where line::text like '%a@y.example%' or line ->> 'table' = 'ucrm.emails'$$, 'mails do not travel');
select ucrm.erase_tenant(:'acme') \g /dev/null
select set_eq('select recipient from ucrm.emails', array['g@y.example', 'p@y.example'], 'they go with their tenant, and others'' stay');
select ucrm.restore_tenant('lines') \g /dev/null
select is((select count(*) from ucrm.emails), 2::bigint, 'a tenant that comes back sends nothing again');
select is(ucrm.usable_mail_sender(:'acme') ->> 'secret', 'hush', 'but has its sender');
select lives_ok($$insert into lines (line) values ('{"table": "ucrm.emails", "row": {}}')$$, 'whoever puts a mail into the file');
select ucrm.erase_tenant(:'acme') \g /dev/null
select is(pg_temp.told($$select ucrm.restore_tenant('lines')$$), 'PT422 validation_failed', 'is refused');
rollback;

-- History and gauges.
begin;
select pg_temp.stub();
insert into ucrm.emails (kind, recipient, status, created_at)
select 'password_changed', v.status || v.days || '@y.example', v.status, now() - make_interval(days => v.days) from (values ('sent', 31), ('failed', 31), ('queued', 31), ('sent', 29), ('failed', 2)) as v (status, days);
select is(value >= 30 * 86400, true, 'the oldest that waits is told') from ucrm.metrics() where name = 'ucrm_mail_oldest_seconds';
select is(value, 1::float8, 'and how many') from ucrm.metrics() where name = 'ucrm_mail_waiting';
select is(ucrm.prune_mail(30), 2::bigint, 'what is over and old is forgotten');
select set_eq('select recipient from ucrm.emails', array['queued31@y.example', 'sent29@y.example', 'failed2@y.example'], 'the rest stays');
select is(ucrm.prune_mail(null), null, 'no number of days prunes nothing');
delete from ucrm.emails where status = 'queued';
select is(value, 0::float8, 'nothing waits') from ucrm.metrics() where name = 'ucrm_mail_oldest_seconds';
rollback;

select '1..' || currval('__tresults___numb_seq');
