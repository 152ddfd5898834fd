-- Hiring, in the order in which its tables refer to each other.
\set migration hiring/schema
\ir ../migrate.sql
\set migration hiring/interviews
\ir ../migrate.sql
