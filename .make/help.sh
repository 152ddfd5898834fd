#!/usr/bin/env bash
# Owns `make help`: every target and every variable.
# Must never do anything.
# Called by the Makefile.
cat <<'END'
make run     install what is missing, build, start PostgreSQL and the gateway, say what to try; Ctrl-C stops
make test    format, lints, unit tests, pgTAP, isolation specs, HTTP tests, other people's clients, the journey of a new
             user, schemathesis, install, dump and restore, logical decoding, writes while everything is killed
make bench   speed, as ratios within one run, with a report
make bench-peers
             the same requests beside Fastify with better-auth and Prisma, and PostGraphile (needs npm)
make lint    only format and lints
make clean   stop what runs from this clone; remove .ucrm and target

Variables of make run:
  UCRM_PGPORT=54329                 PostgreSQL's port on 127.0.0.1
  UCRM_LISTEN=127.0.0.1:8080        the gateway
  UCRM_ADMIN_LISTEN=127.0.0.1:8081  its health and metrics
  UCRM_DEMO=1                       0: no demo tenants, keys and logins (decided at the first start)
  UCRM_KEY_FILE=…                   the key that secrets are sealed with; otherwise one is made in .ucrm
  UCRM_TLS_CERT_FILE, UCRM_TLS_KEY_FILE
                                    HTTP over TLS
  UCRM_SMTP_URL or UCRM_RESEND_API_KEY, with UCRM_MAIL_FROM and UCRM_PUBLIC_URL
                                    send mails, which otherwise become files in .ucrm/mail
  UCRM_MAIL_DIR, UCRM_MAIL_CA_FILE, UCRM_MAIL_NETWORKS, UCRM_MAIL_WORKERS, UCRM_MAIL_TIMEOUT_MS, UCRM_RESEND_URL,
  UCRM_WEBHOOK_CA_FILE, UCRM_WEBHOOK_NETWORKS, UCRM_WEBHOOK_WORKERS, UCRM_WEBHOOK_TIMEOUT_MS,
  UCRM_POOL_SIZE, UCRM_POOL_WAIT_MS, UCRM_MAX_CONNECTIONS, UCRM_PASSWORD_THREADS,
  UCRM_BODY_LIMIT, UCRM_UPLOAD_LIMIT, UCRM_IMPORT_LIMIT, UCRM_RESTORE_LIMIT,
  UCRM_REQUEST_TIMEOUT_MS, UCRM_HEADER_TIMEOUT_MS, UCRM_BODY_TIMEOUT_MS, UCRM_DRAIN_MS,
  UCRM_HOUSEKEEPING_MS, UCRM_SEALING_MS, UCRM_TRUSTED_PROXIES, UCRM_ALLOWED_ORIGINS,
  UCRM_JWKS_CA_FILE, UCRM_JWKS_NETWORKS, UCRM_LOG
                                    the gateway's own (gateway/SETTINGS.md, target/release/ucrm-gateway --help)

Variables of make test:
  STEPS="format shell build database clippy+unit+pgtap race http clients journey schema+ledger install+restore+decode"
                                    which steps to run; those joined by + at once
  LEDGER_SECONDS=30, LEDGER_SEED=…  how long clients write while servers are killed; which order of killing to repeat
  SCHEMA_EXAMPLES=3, SCHEMA_PHASES=examples,coverage,fuzzing,stateful, SCHEMA_SEED=…, SCHEMA_PATHS=…
                                    what schemathesis tries: how many requests, which kinds, others each time, which paths

Variables of make bench and make bench-peers:
  BENCH_CLIENTS=8, BENCH_ROUNDS=4 (peers: 5), BENCH_SECONDS=2 (peers: 5)
                                    clients at a time; turns of each that count; how long each is
  BENCH_TENANTS=1000, BENCH_ROWS=1000, BENCH_MORE_TENANTS=10000, BENCH_LARGE=1000000
                                    tenants, contacts of each, tenants of the last comparison, contacts of the large tenant
  BENCH_ONLY="list get"             only these groups (tests/bench/run.sh)

Of all:
  UCRM_TOOLS=~/.cache/ucrm          where cargo-pgrx is kept when it has to be built
  CARGO_TARGET_DIR=target           cargo's own
END
