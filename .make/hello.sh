# shellcheck shell=bash
# Owns what make run says once everything is up: what runs, where, and what to try.
# Must never show the superuser's password: that stays in demo.env.
# Sourced by run.sh.

hello() {
    local name value mails ACME_ID='' ACME_OWNER_KEY='' GLOBEX_OWNER_KEY=''
    while IFS='=' read -r name value; do
        case $name in
            ACME_ID) ACME_ID=$value ;;
            ACME_OWNER_KEY) ACME_OWNER_KEY=$value ;;
            GLOBEX_OWNER_KEY) GLOBEX_OWNER_KEY=$value ;;
        esac
    done <"$AT/demo.made"
    if mail_sent; then mails='are sent'; else mails="$(mail_folder "$AT")/, a file each"; fi
    cat <<END

UCRM is running.

  HTTP        $URL
  health      $ADMIN_URL/readyz, /livez, /metrics
  PostgreSQL  127.0.0.1:$PGPORT_, database $DATABASE
  logs        $AT/gateway.log, $AT/log/
  keys        $ROOT/.ucrm/demo.env
  mails       $mails
END
    [[ -z $ACME_OWNER_KEY ]] || cat <<END

Try, in another terminal:

  # Acme's contacts, and Globex's: the key decides
  curl -sH 'x-api-key: $ACME_OWNER_KEY' '$URL/api/v1/contacts?limit=3'
  curl -sH 'x-api-key: $GLOBEX_OWNER_KEY' '$URL/api/v1/contacts?limit=3'

  # one more contact for Acme
  curl -sH 'x-api-key: $ACME_OWNER_KEY' -H 'content-type: application/json' \\
       -d '{"name": "Ada Lovelace", "email": "ada@example.org"}' $URL/api/v1/contacts

  # a person: signs in, and is told what he may
  . '$ROOT/.ucrm/demo.env'
  curl -s -c ada.jar -H 'content-type: application/json' $URL/api/v1/auth/login \\
       -d "{\"email\": \"\$ACME_OWNER_EMAIL\", \"password\": \"\$ACME_OWNER_PASSWORD\"}"
  curl -s -b ada.jar $URL/api/v1/session

  # a reporting tool: its login sees Acme alone, whatever SQL it sends
  PGPASSWORD=\$REPORT_PASSWORD psql -h 127.0.0.1 -p $PGPORT_ -U "\$REPORT_LOGIN" $DATABASE \\
       -c 'select stage, count(*) from crm.contacts group by stage'

  # a back end with its own driver: it says for whom it acts
  PGPASSWORD=\$BACKEND_PASSWORD psql -h 127.0.0.1 -p $PGPORT_ -U "\$BACKEND_LOGIN" $DATABASE \\
       -c "begin; select ucrm.enter('$ACME_ID'); select count(*) from crm.contacts; commit"

  # as the superuser: is anything wrong with this installation? (no row: nothing)
  PGPASSWORD=\$ADMIN_LOGIN_PASSWORD psql -h 127.0.0.1 -p $PGPORT_ -U "\$ADMIN_LOGIN" $DATABASE \\
       -c 'select * from ucrm.doctor()'
END
    local token
    token=$(cluster_psql "$AT" -AtqX -d "$DATABASE" -c 'select ucrm.make_setup_token()' 2>/dev/null)
    [[ -z $token ]] || cat <<END

Nobody administers this installation yet. Open this once; it makes you the platform
admin and the first workspace (another start prints another URL):

  $URL/setup#$token
END
    printf '\nCtrl-C stops it; the data stays. make clean removes it.\n'
}
