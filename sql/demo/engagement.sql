-- Currencies, tiers, players, segments, messages and journeys of Acme and Globex. Part of demo.sql.
insert into engagement.currencies (tenant_id, code, name, symbol, digits)
select w.tenant, v.code, v.name, v.symbol, v.digits
from workspaces as w
cross join (values ('EUR', 'Euro', '€', 2), ('USD', 'US dollar', '$', 2), ('JPY', 'Yen', '¥', 0)) as v (code, name, symbol, digits);

insert into engagement.fx_rates (tenant_id, base, quote, rate, valid_from, source)
select w.tenant, v.base, v.quote, v.rate, timestamptz '2026-01-02 00:00+00', 'central bank'
from workspaces as w
cross join (values ('EUR', 'USD', 1.0842), ('USD', 'EUR', 0.9223), ('EUR', 'JPY', 162.35)) as v (base, quote, rate);

insert into engagement.vip_tiers (tenant_id, name, level, points_required, cashback_percent, benefits)
select w.tenant, v.name, v.level, v.points, v.cashback, v.benefits
from (values
    ('acme', 'Bronze', 1, 0, 0, 'A birthday bonus.'), ('acme', 'Silver', 2, 5000, 2.5, 'Faster withdrawals.'), ('acme', 'Gold', 3, 25000, 5, 'A manager of one''s own.'),
    ('globex', 'Nexus 6', 1, 0, 0, 'Four years of everything.'), ('globex', 'Nexus 7', 2, 10000, 4, 'Longer.')
) as v (slug, name, level, points, cashback, benefits)
join workspaces as w using (slug);

insert into engagement.players (tenant_id, username, name, email, country, language, birth_date, kyc_status, vip_tier_id, points, marketing_consent, registered_at, external_id)
select w.tenant, v.username, v.name, v.email, v.country, v.language, v.born, v.kyc, t.id, v.points, v.consent, v.registered, v.external
from (values
    ('acme', 'catnip', 'Edward Nygma', 'edward@riddles.example', 'US', 'en', date '1979-04-01', 'verified', 'Gold', 31250, true, timestamptz '2024-02-29 18:00+00', 'player-501'),
    ('acme', 'twoface', 'Harvey Dent', 'harvey@dent.example', 'US', 'en', '1974-02-22', 'pending', 'Bronze', 220, false, '2025-07-14 09:12+00', 'player-502'),
    ('acme', 'penguin', 'Oswald Cobblepot', 'oswald@iceberg.example', 'GB', 'en', '1968-12-01', 'verified', 'Silver', 8125, true, '2025-01-06 21:40+00', 'player-503'),
    ('globex', 'roybatty', 'Roy Batty', 'roy@offworld.example', 'NL', 'nl', '1980-01-08', 'verified', 'Nexus 7', 12400, true, '2024-11-20 10:00+00', 'player-901'),
    ('globex', 'pris', 'Pris Stratton', 'pris@offworld.example', 'NL', 'nl', '1985-02-14', 'rejected', 'Nexus 6', 15, false, '2025-05-05 05:05+00', 'player-902')
) as v (slug, username, name, email, country, language, born, kyc, tier, points, consent, registered, external)
join workspaces as w using (slug)
join engagement.vip_tiers as t on t.tenant_id = w.tenant and t.name = v.tier;

insert into engagement.player_tier_history (tenant_id, player_id, from_tier_id, to_tier_id, reason, at)
select p.tenant_id, p.id, b.id, p.vip_tier_id, 'points', timestamptz '2025-10-01 06:00+00'
from engagement.players as p
join engagement.vip_tiers as b on b.tenant_id = p.tenant_id and b.level = 1 and b.id <> p.vip_tier_id;

insert into engagement.kyc_history (tenant_id, player_id, status, document, provider, reviewer_id, at)
select p.tenant_id, p.id, p.kyc_status, 'passport', 'in house', w.owner, p.registered_at + interval '2 days'
from engagement.players as p
join workspaces as w on w.tenant = p.tenant_id;

insert into engagement.segments (tenant_id, name, description, definition, player_count, counted_at)
select w.tenant, v.name, v.description, v.definition, v.players, timestamptz '2026-01-05 04:00+00'
from (values
    ('acme', 'Sleeping a month', 'Not seen for thirty days, and willing to hear from us.', '{"last_seen_days": {"gt": 30}, "marketing_consent": true}'::jsonb, 2),
    ('acme', 'High rollers', 'Gold and above.', '{"vip_level": {"gte": 3}}', 1),
    ('globex', 'Off-world', 'Registered outside the home country.', '{"country": {"neq": "US"}}', 2)
) as v (slug, name, description, definition, players)
join workspaces as w using (slug);

-- Credentials that open nothing.
insert into engagement.messaging_providers (tenant_id, name, kind, channel, sender, api_key)
select w.tenant, v.name, v.kind, v.channel, v.sender, v.key
from (values
    ('acme', 'Resend', 'resend', 'email', 'play@acme.example', 're_demo_acme_players'),
    ('acme', 'Twilio', 'twilio', 'sms', '+442071838750', 'SK-demo-acme-twilio'),
    ('globex', 'Own mail server', 'smtp', 'email', 'games@globex.example', 'demo-globex-smtp-password')
) as v (slug, name, kind, channel, sender, key)
join workspaces as w using (slug);

insert into engagement.message_templates (tenant_id, name, channel, language, subject, body, variables)
select w.tenant, v.name, v.channel, v.language, v.subject, v.body, v.variables
from (values
    ('acme', 'We miss you', 'email', 'en', '{{name}}, your seat is free', 'Hello {{name}}, ten free spins are waiting until {{until}}.', array['name', 'until']),
    ('acme', 'Withdrawal sent', 'sms', 'en', null, 'Your {{amount}} is on its way.', array['amount']),
    ('globex', 'Welkom terug', 'email', 'nl', 'Dag {{name}}', 'Fijn dat je er weer bent, {{name}}.', array['name'])
) as v (slug, name, channel, language, subject, body, variables)
join workspaces as w using (slug);

insert into engagement.campaigns (tenant_id, name, channel, status, segment_id, messaging_provider_id, starts_at, ends_at, owner_id)
select w.tenant, v.name, 'email', v.status, s.id, p.id, v.starts, v.ends, w.owner
from (values
    ('acme', 'January comeback', 'running', 'Sleeping a month', 'Resend', timestamptz '2026-01-06 08:00+00', timestamptz '2026-01-31 22:00+00'),
    ('acme', 'Gold spring gala', 'draft', 'High rollers', 'Resend', null, null),
    ('globex', 'Tears in rain', 'completed', 'Off-world', 'Own mail server', '2025-11-01 00:00+00', '2025-11-30 00:00+00')
) as v (slug, name, status, segment, provider, starts, ends)
join workspaces as w using (slug)
join engagement.segments as s on s.tenant_id = w.tenant and s.name = v.segment
join engagement.messaging_providers as p on p.tenant_id = w.tenant and p.name = v.provider;

insert into engagement.campaign_variants (tenant_id, campaign_id, name, message_template_id, weight, control)
select c.tenant_id, c.id, v.name, case when not v.control then t.id end, v.weight, v.control
from engagement.campaigns as c
cross join (values ('A', 80, false), ('Control', 20, true)) as v (name, weight, control)
cross join lateral (
    select x.id from engagement.message_templates as x where x.tenant_id = c.tenant_id and x.channel = c.channel order by x.name limit 1
) as t;

insert into engagement.message_sends (tenant_id, player_id, campaign_id, campaign_variant_id, messaging_provider_id, channel, recipient, status, sent_at, delivered_at, external_id)
select p.tenant_id, p.id, c.id, v.id, c.messaging_provider_id, c.channel, p.email, 'delivered', c.starts_at + interval '5 minutes', c.starts_at + interval '6 minutes', 'message-' || p.external_id
from engagement.players as p
join engagement.campaigns as c on c.tenant_id = p.tenant_id and c.starts_at is not null
join engagement.campaign_variants as v on v.tenant_id = c.tenant_id and v.campaign_id = c.id and not v.control
where p.marketing_consent;

insert into engagement.journeys (tenant_id, name, status, graph, segment_id, owner_id)
select w.tenant, v.name, v.status, v.graph, s.id, w.owner
from (values
    ('acme', 'Win back', 'active', '{"nodes": ["start", "mail", "wait", "bonus"], "edges": [["start", "mail"], ["mail", "wait"], ["wait", "bonus"]]}'::jsonb, 'Sleeping a month'),
    ('acme', 'Welcome to gold', 'draft', '{"nodes": ["start"], "edges": []}', 'High rollers'),
    ('globex', 'Onboarding off-world', 'active', '{"nodes": ["start", "mail"], "edges": [["start", "mail"]]}', 'Off-world')
) as v (slug, name, status, graph, segment)
join workspaces as w using (slug)
join engagement.segments as s on s.tenant_id = w.tenant and s.name = v.segment;

insert into engagement.journey_runs (tenant_id, journey_id, player_id, status, node, started_at, resumes_at, finished_at)
select j.tenant_id, j.id, p.id, v.status, v.node, timestamptz '2026-01-06 08:05+00', v.resumes, v.finished
from (values
    ('catnip', 'waiting', 'wait', timestamptz '2026-01-09 08:05+00', null::timestamptz), ('penguin', 'completed', 'bonus', null, '2026-01-09 08:06+00'),
    ('roybatty', 'running', 'mail', null, null)
) as v (player, status, node, resumes, finished)
join engagement.players as p on p.username = v.player
join engagement.journeys as j on j.tenant_id = p.tenant_id and j.status = 'active';

insert into engagement.journey_node_runs (tenant_id, journey_run_id, node, kind, status, started_at, finished_at)
select r.tenant_id, r.id, v.node, v.kind, 'completed', r.started_at, r.started_at + interval '2 seconds'
from engagement.journey_runs as r
cross join (values ('start', 'trigger'), ('mail', 'message')) as v (node, kind);

insert into engagement.adapter_configs (tenant_id, name, kind, base_url, api_key, webhook_secret)
select w.tenant, v.name, v.kind, v.url, v.key, v.secret
from (values
    ('acme', 'Iceberg casino', 'casino', 'https://api.iceberg.example', 'demo-acme-iceberg-key', 'demo-acme-iceberg-hook'),
    ('acme', 'Gotham payments', 'payments', 'https://pay.gotham.example', 'demo-acme-gotham-key', null),
    ('globex', 'Off-world sports', 'sportsbook', 'https://odds.offworld.example', 'demo-globex-odds-key', null)
) as v (slug, name, kind, url, key, secret)
join workspaces as w using (slug);
