-- Player engagement, in the order in which its tables refer to each other.
\set migration engagement/schema
\ir ../migrate.sql
\set migration engagement/currencies
\ir ../migrate.sql
\set migration engagement/fx_rates
\ir ../migrate.sql
\set migration engagement/vip_tiers
\ir ../migrate.sql
\set migration engagement/players
\ir ../migrate.sql
\set migration engagement/histories
\ir ../migrate.sql
\set migration engagement/segments
\ir ../migrate.sql
\set migration engagement/messaging
\ir ../migrate.sql
\set migration engagement/campaigns
\ir ../migrate.sql
\set migration engagement/message_sends
\ir ../migrate.sql
\set migration engagement/journeys
\ir ../migrate.sql
\set migration engagement/ledger
\ir ../migrate.sql
\set migration engagement/player_wallets
\ir ../migrate.sql
\set migration engagement/bonus_templates
\ir ../migrate.sql
\set migration engagement/bonus_grants
\ir ../migrate.sql
\set migration engagement/wallet_entries
\ir ../migrate.sql
\set migration engagement/wagering_events
\ir ../migrate.sql
\set migration engagement/adapter_configs
\ir ../migrate.sql
