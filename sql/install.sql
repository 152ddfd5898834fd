-- The domain, file by file: each is applied once, in a transaction of its own, and noted in ucrm.migrations.
-- psql -v ON_ERROR_STOP=1 -f sql/install.sql, as a superuser, after CREATE EXTENSION ucrm. Again: applies what is new.
\set ON_ERROR_STOP on
\set QUIET on
set client_min_messages = warning;

\set migration crm/schema
\ir migrate.sql
\set migration crm/organizations
\ir migrate.sql
\set migration crm/contacts
\ir migrate.sql
