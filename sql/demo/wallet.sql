-- Wallets, bonuses and their ledgers of Acme and Globex. Part of demo.sql.
insert into engagement.player_wallets (tenant_id, player_id, kind, currency)
select p.tenant_id, p.id, v.kind, case w.slug when 'acme' then 'EUR' else 'USD' end
from engagement.players as p
join workspaces as w on w.tenant = p.tenant_id
cross join (values ('cash'), ('bonus')) as v (kind);

insert into engagement.bonus_templates (tenant_id, name, kind, percent, amount_minor, currency, wagering_multiplier, valid_days)
select w.tenant, v.name, v.kind, v.percent, v.amount, v.currency, v.multiplier, v.days
from (values
    ('acme', 'Welcome match', 'deposit_match', 100, null::bigint, 'EUR', 20, 30), ('acme', 'Birthday gift', 'fixed', null, 1000, 'EUR', 5, 7),
    ('globex', 'Weekend cashback', 'cashback', 10, null, 'USD', 1, 3)
) as v (slug, name, kind, percent, amount, currency, multiplier, days)
join workspaces as w using (slug);

insert into engagement.bonus_campaigns (tenant_id, name, bonus_template_id, segment_id, code, status, starts_at, ends_at)
select w.tenant, v.name, t.id, s.id, v.code, 'running', timestamptz '2026-01-01 00:00+00', timestamptz '2026-12-31 00:00+00'
from (values
    ('acme', 'Comeback welcome', 'Welcome match', 'Sleeping a month', 'COMEBACK26'), ('globex', 'Weekends off-world', 'Weekend cashback', 'Off-world', 'WEEKEND')
) as v (slug, name, template, segment, code)
join workspaces as w using (slug)
join engagement.bonus_templates as t on t.tenant_id = w.tenant and t.name = v.template
join engagement.segments as s on s.tenant_id = w.tenant and s.name = v.segment;

insert into engagement.bonus_grants (tenant_id, player_id, wallet_id, bonus_template_id, bonus_campaign_id, currency, amount_minor, wagering_required_minor, external_id)
select p.tenant_id, p.id, l.id, c.bonus_template_id, c.id, l.currency, v.amount, v.required, v.external
from (values ('catnip', 5000, 100000, 'grant-1'), ('penguin', 1000, 5000, 'grant-2'), ('roybatty', 2500, 2500, 'grant-3')) as v (player, amount, required, external)
join engagement.players as p on p.username = v.player
join engagement.player_wallets as l on l.tenant_id = p.tenant_id and l.player_id = p.id and l.kind = 'bonus'
join engagement.bonus_campaigns as c on c.tenant_id = p.tenant_id;

insert into engagement.wallet_entries (tenant_id, wallet_id, kind, amount_minor, reason, external_id)
select p.tenant_id, l.id, v.kind, v.amount, v.reason, v.external
from (values
    (1, 'catnip', 'deposit', 50000, 'card', 'entry-1'), (2, 'catnip', 'stake', -1250, 'roulette', 'entry-2'), (3, 'catnip', 'win', 4375, 'roulette', 'entry-3'),
    (4, 'penguin', 'deposit', 20000, 'bank transfer', 'entry-4'), (5, 'penguin', 'withdrawal', -7500, 'bank transfer', 'entry-5'),
    (6, 'roybatty', 'deposit', 30000, 'card', 'entry-6'), (7, 'roybatty', 'stake', -30000, 'chess', 'entry-7')
) as v (n, player, kind, amount, reason, external)
join engagement.players as p on p.username = v.player
join engagement.player_wallets as l on l.tenant_id = p.tenant_id and l.player_id = p.id and l.kind = 'cash'
order by v.n;

insert into engagement.wallet_entries (tenant_id, wallet_id, kind, amount_minor, bonus_grant_id)
select g.tenant_id, g.wallet_id, 'bonus', g.amount_minor, g.id from engagement.bonus_grants as g order by g.external_id;

insert into engagement.wagering_events (tenant_id, bonus_grant_id, game, stake_minor, contribution_percent, external_id)
select g.tenant_id, g.id, v.game, v.stake, v.percent, v.external
from (values
    (1, 'grant-1', 'Book of Riddles', 2000, 100, 'wager-1'), (2, 'grant-1', 'Blackjack', 5000, 10, 'wager-2'), (3, 'grant-2', 'Iceberg slots', 6000, 100, 'wager-3'),
    (4, 'grant-3', 'Unicorn', 500, 100, 'wager-4')
) as v (n, bonus, game, stake, percent, external)
join engagement.bonus_grants as g on g.external_id = v.bonus
order by v.n;
