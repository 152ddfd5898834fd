-- Deals, services, tasks, links, notes, channels and widgets of Acme and Globex. Part of demo.sql.
insert into crm.deals (tenant_id, name, stage, value_minor, value_currency, probability, close_date, source, organization_id, owner_id, external_id)
select w.tenant, v.name, v.stage, v.minor, v.currency, v.probability, v.closes, v.source, o.id, w.owner, v.external
from (values
    ('acme', 'Batcave network renewal', 'negotiation', 4850000, 'EUR', 70, date '2026-03-31', 'referral', 'deal-1001'),
    ('acme', 'Wayne Tower access control', 'proposal', 12990050, 'EUR', 40, '2026-06-15', 'trade fair', 'deal-1002'),
    ('acme', 'Armoury stocktaking', 'won', 730000, 'EUR', 100, '2025-11-28', 'web site', 'deal-1003'),
    ('globex', 'Replicant retirement audit', 'qualified', 980000, 'USD', 30, '2026-04-30', 'tender', 'deal-2001'),
    ('globex', 'Pyramid lobby refit', 'won', 25000000, 'USD', 100, '2025-10-01', 'cold call', 'deal-2002')
) as v (slug, name, stage, minor, currency, probability, closes, source, external)
join workspaces as w using (slug)
join crm.organizations as o on o.tenant_id = w.tenant;

insert into crm.services (tenant_id, name, description, price_minor, price_currency, unit, owner_id)
select w.tenant, v.name, v.description, v.minor, v.currency, v.unit, w.owner
from (values
    ('acme', 'Security consulting', 'A consultant on site.', 18000, 'EUR', 'hour'),
    ('acme', 'Night watch', 'Two guards, eight hours, every night.', 890000, 'EUR', 'month'),
    ('globex', 'Voight-Kampff calibration', 'Yearly, with a certificate.', 45000, 'USD', 'piece'),
    ('globex', 'Owl maintenance', 'Artificial owls, all makes.', 12900, 'USD', 'year')
) as v (slug, name, description, minor, currency, unit)
join workspaces as w using (slug);

insert into crm.tasks (tenant_id, title, status, priority, due_at, assignee_id, organization_id, deal_id, owner_id)
select w.tenant, v.title, v.status, v.priority, v.due, case when v.mine then w.owner else w.agent end, d.organization_id, d.id, w.owner
from (values
    ('acme', 'Send the revised offer', 'open', 'high', timestamptz '2026-01-12 09:00+00', false, 'Batcave network renewal'),
    ('acme', 'Walk through the tower with facilities', 'in_progress', 'normal', '2026-01-20 13:30+00', false, 'Wayne Tower access control'),
    ('acme', 'Invoice the stocktaking', 'done', 'normal', '2025-12-05 17:00+00', true, 'Armoury stocktaking'),
    ('globex', 'Book the test laboratory', 'open', 'urgent', '2026-02-02 08:00+00', true, 'Replicant retirement audit'),
    ('globex', 'Return the lobby keys', 'cancelled', 'low', null, true, 'Pyramid lobby refit')
) as v (slug, title, status, priority, due, mine, deal)
join workspaces as w using (slug)
join crm.deals as d on d.tenant_id = w.tenant and d.name = v.deal;

insert into crm.contact_deals (tenant_id, contact_id, deal_id, role)
select w.tenant, c.id, d.id, v.role
from (values
    ('acme', 'Bruce Wayne', 'Batcave network renewal', 'decides'), ('acme', 'Lucius Fox', 'Batcave network renewal', 'advises'),
    ('acme', 'Lucius Fox', 'Wayne Tower access control', 'decides'), ('globex', 'Eldon Tyrell', 'Replicant retirement audit', 'decides'),
    ('globex', 'Rachael', 'Pyramid lobby refit', 'advises')
) as v (slug, contact, deal, role)
join workspaces as w using (slug)
join crm.contacts as c on c.tenant_id = w.tenant and c.name = v.contact
join crm.deals as d on d.tenant_id = w.tenant and d.name = v.deal;

insert into crm.contact_tasks (tenant_id, contact_id, task_id)
select w.tenant, c.id, t.id
from (values
    ('acme', 'Lucius Fox', 'Send the revised offer'), ('acme', 'Lucius Fox', 'Walk through the tower with facilities'),
    ('globex', 'Rachael', 'Book the test laboratory')
) as v (slug, contact, task)
join workspaces as w using (slug)
join crm.contacts as c on c.tenant_id = w.tenant and c.name = v.contact
join crm.tasks as t on t.tenant_id = w.tenant and t.title = v.task;

insert into crm.deal_services (tenant_id, deal_id, service_id, quantity, price_minor, price_currency)
select w.tenant, d.id, s.id, v.quantity, v.minor, s.price_currency
from (values
    ('acme', 'Batcave network renewal', 'Security consulting', 40, 17000), ('acme', 'Wayne Tower access control', 'Night watch', 12, 850000),
    ('globex', 'Replicant retirement audit', 'Voight-Kampff calibration', 6, 42000)
) as v (slug, deal, service, quantity, minor)
join workspaces as w using (slug)
join crm.deals as d on d.tenant_id = w.tenant and d.name = v.deal
join crm.services as s on s.tenant_id = w.tenant and s.name = v.service;

insert into crm.organization_services (tenant_id, organization_id, service_id, since)
select w.tenant, o.id, s.id, v.since
from (values ('acme', 'Night watch', date '2024-05-01'), ('globex', 'Owl maintenance', '2023-09-15')) as v (slug, service, since)
join workspaces as w using (slug)
join crm.organizations as o on o.tenant_id = w.tenant
join crm.services as s on s.tenant_id = w.tenant and s.name = v.service;

insert into crm.notes (tenant_id, body, contact_id, deal_id, pinned, owner_id)
select w.tenant, v.body, c.id, d.id, v.pinned, w.owner
from (values
    ('acme', 'Prefers to be called in the evening.', 'Bruce Wayne', null, true),
    ('acme', 'Legal wants liability capped at one year''s fee.', null, 'Batcave network renewal', false),
    ('globex', 'Plays chess by post; ask about the current game.', 'Eldon Tyrell', null, false),
    ('globex', 'The tender closes at noon, local time.', null, 'Replicant retirement audit', true)
) as v (slug, body, contact, deal, pinned)
join workspaces as w using (slug)
left join crm.contacts as c on c.tenant_id = w.tenant and c.name = v.contact
left join crm.deals as d on d.tenant_id = w.tenant and d.name = v.deal;

-- Credentials that open nothing.
insert into crm.channels (tenant_id, name, kind, address, token)
select w.tenant, v.name, v.kind, v.address, v.token
from (values
    ('acme', 'Telegram desk', 'telegram', '@acme_desk_bot', '110201543:demo-acme-telegram-token'),
    ('acme', 'Newsletter', 'resend', 'news@acme.example', 're_demo_acme_newsletter'),
    ('globex', 'WhatsApp desk', 'whatsapp', '+12025550142', 'EAAG-demo-globex-whatsapp')
) as v (slug, name, kind, address, token)
join workspaces as w using (slug);

insert into crm.widgets (tenant_id, name, kind, public_key, allowed_origins, channel_id, settings)
select w.tenant, v.name, v.kind, 'wgt_' || md5(v.slug || v.name), v.origins, c.id, v.settings
from (values
    ('acme', 'Contact form', 'form', array['https://www.acme.example', 'https://acme.example'], '{"fields": ["name", "email", "message"]}'::jsonb, 'Newsletter'),
    ('acme', 'Shop chat', 'chat', array['https://shop.acme.example:8443'], '{"greeting": "How can we help?"}', 'Telegram desk'),
    ('globex', 'Careers form', 'form', array['https://careers.globex.example'], '{"fields": ["name", "email", "cv"]}', 'WhatsApp desk')
) as v (slug, name, kind, origins, settings, channel)
join workspaces as w using (slug)
join crm.channels as c on c.tenant_id = w.tenant and c.name = v.channel;
