-- The domains, file by file: each is applied once, in a transaction of its own, and noted in ucrm.migrations.
-- psql -v ON_ERROR_STOP=1 -f sql/install.sql, as a superuser, after CREATE EXTENSION ucrm. Again: applies what is new.
\set ON_ERROR_STOP on
\set QUIET on
set client_min_messages = warning;

\ir crm/crm.sql
\ir engagement/engagement.sql
\ir hiring/hiring.sql
\set migration search
\ir migrate.sql
