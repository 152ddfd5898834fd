-- Customer relations, in the order in which its tables refer to each other.
\set migration crm/schema
\ir ../migrate.sql
\set migration crm/organizations
\ir ../migrate.sql
\set migration crm/contacts
\ir ../migrate.sql
\set migration crm/deals
\ir ../migrate.sql
\set migration crm/services
\ir ../migrate.sql
\set migration crm/tasks
\ir ../migrate.sql
\set migration crm/links
\ir ../migrate.sql
\set migration crm/notes
\ir ../migrate.sql
\set migration crm/channels
\ir ../migrate.sql
\set migration crm/widgets
\ir ../migrate.sql
