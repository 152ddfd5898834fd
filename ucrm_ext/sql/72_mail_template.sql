-- What the mails say. A row is text with {{ places }} in it; the gateway fills them in (Jinja's syntax, everything
-- escaped in html), so that nothing rendered, and no link, is ever stored.
create table ucrm.mail_templates (
    kind text not null check (kind ~ '^[a-z][a-z0-9_]{1,62}$'),
    language text not null default 'en' check (language ~ '^[a-z]{2,3}(-[A-Z]{2})?$'),
    -- One line: what follows a line break in a header is another header.
    subject text not null check (subject ~ '\S' and subject !~ '[[:cntrl:]]' and length(subject) <= 200),
    text text not null check (text ~ '\S'),
    html text not null check (html ~ '\S'),
    builtin boolean not null default false,
    primary key (kind, language, builtin)
);
comment on table ucrm.mail_templates is
'Mails by kind and language: subject, text and html with places as {{ name }} and {% if name %}…{% endif %}. Places of every kind: recipient, home (the installation''s URL), site (its host), name (the person''s), workspace, link (where the kind has one), and the fields of ucrm.emails.data; a place without a value is an error outside of {% if %}. The kind layout goes around every other one, whose result is {{ body }}. Built-in rows do not change; an operator''s row of the same kind and language goes before the built-in one.';

create trigger builtin_rows_do_not_change
before update or delete on ucrm.mail_templates
for each row when (old.builtin) execute function ucrm.refuse_immutable();

insert into ucrm.mail_templates (kind, subject, text, html, builtin) values
('layout', 'layout',
'{{ body }}

--
This mail was written by a machine at {{ home }}.
Nobody reads the answers to it.
',
'<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{{ subject }}</title>
<style>
body { margin: 0; padding: 24px; background: #f4f4f5; color: #18181b; font: 16px/1.5 -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
main { max-width: 560px; margin: 0 auto; padding: 8px 32px 24px; background: #ffffff; border-radius: 8px; }
a.button { display: inline-block; padding: 10px 20px; background: #1d4ed8; color: #ffffff; border-radius: 6px; text-decoration: none; }
p.link, p.small { color: #52525b; font-size: 13px; word-break: break-all; }
</style>
</head>
<body>
<main>
{{ body }}
<p class="small">This mail was written by a machine at {{ home }}. Nobody reads the answers to it.</p>
</main>
</body>
</html>
', true),

('verify_email', 'Verify your e-mail address',
'Hello,

welcome to {{ site }}. Please open this link to show that {{ recipient }} is yours:

{{ link }}

The link works once and not for ever; when it has expired, sign in and ask for
a new one. If you have not registered, do nothing: without the link nothing
happens.',
'<p>Hello,</p>
<p>welcome to {{ site }}. Please show that {{ recipient }} is yours.</p>
<p><a class="button" href="{{ link }}">Verify my address</a></p>
<p class="link">{{ link }}</p>
<p>The link works once and not for ever; when it has expired, sign in and ask for a new one. If you have not registered, do nothing: without the link nothing happens.</p>', true),

('account_exists', 'You already have an account',
'Hello,

somebody, probably you, has just tried to register {{ recipient }}
at {{ site }}. There is an account with this address already, and it was
not touched.

If it was you, sign in as usual, or choose a new password if you have forgotten
the old one:

{{ home }}/auth/sign-in
{{ home }}/auth/forgot-password

If it was not you, there is nothing you need to do.',
'<p>Hello,</p>
<p>somebody, probably you, has just tried to register {{ recipient }} at {{ site }}. There is an account with this address already, and it was not touched.</p>
<p>If it was you, <a href="{{ home }}/auth/sign-in">sign in</a> as usual, or <a href="{{ home }}/auth/forgot-password">choose a new password</a> if you have forgotten the old one.</p>
<p>If it was not you, there is nothing you need to do.</p>', true),

('reset_password', 'Choose a new password',
'Hello{% if name %} {{ name }}{% endif %},

somebody, probably you, has asked for a new password for {{ recipient }} at
{{ site }}. Open this link to choose one:

{{ link }}

The link works once and only for a short time. If you have not asked for it,
do nothing: your password stays as it is.',
'<p>Hello{% if name %} {{ name }}{% endif %},</p>
<p>somebody, probably you, has asked for a new password for {{ recipient }} at {{ site }}.</p>
<p><a class="button" href="{{ link }}">Choose a new password</a></p>
<p class="link">{{ link }}</p>
<p>The link works once and only for a short time. If you have not asked for it, do nothing: your password stays as it is.</p>', true),

('change_email', 'Confirm your new e-mail address',
'Hello{% if name %} {{ name }}{% endif %},

you want to use {{ recipient }} for your account at {{ site }}. Open this link
to confirm it:

{{ link }}

Until then your old address stays. If you have not asked for this, do nothing.',
'<p>Hello{% if name %} {{ name }}{% endif %},</p>
<p>you want to use {{ recipient }} for your account at {{ site }}.</p>
<p><a class="button" href="{{ link }}">Use this address</a></p>
<p class="link">{{ link }}</p>
<p>Until then your old address stays. If you have not asked for this, do nothing.</p>', true),

('email_changed', 'Your e-mail address was changed',
'Hello{% if name %} {{ name }}{% endif %},

your account at {{ site }} now has another e-mail address; {{ recipient }} no
longer belongs to it.

If this was you, all is well. If not, somebody else has your account: be quick
and contact the people who run {{ home }}.',
'<p>Hello{% if name %} {{ name }}{% endif %},</p>
<p>your account at {{ site }} now has another e-mail address; {{ recipient }} no longer belongs to it.</p>
<p>If this was you, all is well. If not, somebody else has your account: be quick and contact the people who run {{ home }}.</p>', true),

('password_changed', 'Your password was changed',
'Hello{% if name %} {{ name }}{% endif %},

the password of your account at {{ site }} was changed, and your other sessions
were ended.

If this was you, all is well. If not, choose a new password now:

{{ home }}/auth/forgot-password',
'<p>Hello{% if name %} {{ name }}{% endif %},</p>
<p>the password of your account at {{ site }} was changed, and your other sessions were ended.</p>
<p>If this was you, all is well. If not, <a href="{{ home }}/auth/forgot-password">choose a new password</a> now.</p>', true),

('mfa_changed', 'Your two-step sign-in was changed',
'Hello{% if name %} {{ name }}{% endif %},

the second step of signing in to your account at {{ site }} was changed: an
authenticator was added or removed, or new recovery codes were made.

If this was you, all is well. If not, choose a new password now, then look at
your account''s security settings:

{{ home }}/auth/forgot-password',
'<p>Hello{% if name %} {{ name }}{% endif %},</p>
<p>the second step of signing in to your account at {{ site }} was changed: an authenticator was added or removed, or new recovery codes were made.</p>
<p>If this was you, all is well. If not, <a href="{{ home }}/auth/forgot-password">choose a new password</a> now, then look at your account''s security settings.</p>', true),

('invitation', '{% if inviter %}{{ inviter }} invites you{% else %}You are invited{% endif %} to {{ workspace }}',
'Hello,

{% if inviter %}{{ inviter }} invites you{% else %}you are invited{% endif %} to work in
{{ workspace }} at {{ site }}. Open this link to join:

{{ link }}

The invitation is for {{ recipient }} alone and works once,
for seven days. If you do not know what this is about, do nothing.',
'<p>Hello,</p>
<p>{% if inviter %}{{ inviter }} invites you{% else %}you are invited{% endif %} to work in <b>{{ workspace }}</b> at {{ site }}.</p>
<p><a class="button" href="{{ link }}">Join {{ workspace }}</a></p>
<p class="link">{{ link }}</p>
<p>The invitation is for {{ recipient }} alone and works once, for seven days. If you do not know what this is about, do nothing.</p>', true),

('workspace_approved', '{{ workspace }} is approved',
'Hello{% if name %} {{ name }}{% endif %},

good news: your workspace {{ workspace }} at {{ site }} is approved, and you can
start to work in it:

{{ home }}',
'<p>Hello{% if name %} {{ name }}{% endif %},</p>
<p>good news: your workspace <b>{{ workspace }}</b> at {{ site }} is approved, and you can start to work in it.</p>
<p><a class="button" href="{{ home }}">Open {{ workspace }}</a></p>', true),

('workspace_rejected', '{{ workspace }} was not approved',
'Hello{% if name %} {{ name }}{% endif %},

we are sorry: your workspace {{ workspace }} at {{ site }} was not approved. If
you think that this is a mistake, contact the people who run {{ home }}.',
'<p>Hello{% if name %} {{ name }}{% endif %},</p>
<p>we are sorry: your workspace <b>{{ workspace }}</b> at {{ site }} was not approved. If you think that this is a mistake, contact the people who run {{ home }}.</p>', true),

('workspace_suspended', '{{ workspace }} is suspended',
'Hello{% if name %} {{ name }}{% endif %},

your workspace {{ workspace }} at {{ site }} is suspended: nobody can read or
change anything in it for now. Nothing was deleted. To have it opened again,
contact the people who run {{ home }}.',
'<p>Hello{% if name %} {{ name }}{% endif %},</p>
<p>your workspace <b>{{ workspace }}</b> at {{ site }} is suspended: nobody can read or change anything in it for now. Nothing was deleted. To have it opened again, contact the people who run {{ home }}.</p>', true),

('sender_test', '{{ workspace }} sends its own mail',
'Hello{% if name %} {{ name }}{% endif %},

this is the test that you asked for: the sender of {{ workspace }} works, and its
invitations will reach people as this mail has reached you.',
'<p>Hello{% if name %} {{ name }}{% endif %},</p>
<p>this is the test that you asked for: the sender of <b>{{ workspace }}</b> works, and its invitations will reach people as this mail has reached you.</p>', true),

('new_sign_in', 'New sign-in to your account',
'Hello{% if name %} {{ name }}{% endif %},

somebody has signed in to your account at {{ site }} from a place we have not
seen before{% if address %}, the address {{ address }}{% endif %}{% if device %} ({{ device }}){% endif %}.

If this was you, all is well. If not, choose a new password now:

{{ home }}/auth/forgot-password',
'<p>Hello{% if name %} {{ name }}{% endif %},</p>
<p>somebody has signed in to your account at {{ site }} from a place we have not seen before{% if address %}, the address {{ address }}{% endif %}{% if device %} ({{ device }}){% endif %}.</p>
<p>If this was you, all is well. If not, <a href="{{ home }}/auth/forgot-password">choose a new password</a> now.</p>', true);

create function ucrm.mail_template(kind text, language text)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select jsonb_build_object('subject', t.subject, 'text', t.text, 'html', t.html)
        from ucrm.mail_templates as t
        where t.kind = mail_template.kind and t.language in (mail_template.language, split_part(mail_template.language, '-', 1), 'en')
        -- A region's before its language's before English; an operator's before ours.
        order by array_position(array[mail_template.language, split_part(mail_template.language, '-', 1), 'en'], t.language), t.builtin
        limit 1
    );
end
$$;
comment on function ucrm.mail_template(text, text) is '{subject, text, html} of a kind in a language, or the nearest there is; null for a kind without a template.';
