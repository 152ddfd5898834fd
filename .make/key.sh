# shellcheck shell=bash
# Owns the file with the key that secrets are sealed with: outside the data folder, the server's user's alone.
# Must never change a key that is there: what is sealed with it would be lost.
# Sourced by cluster.sh.

key_file() { printf '%s/key/ucrm.key' "$1"; }

# key_make FOLDER: sets KEY_FILE to UCRM_KEY_FILE, or to one made here.
key_make() {
    KEY_FILE=${UCRM_KEY_FILE:-$(key_file "$1")}
    if [[ -n ${UCRM_KEY_FILE:-} ]]; then
        [[ $KEY_FILE == /* && $KEY_FILE != *[\'\\]* ]] || die "UCRM_KEY_FILE must be an absolute path without quotes, not '$KEY_FILE'"
        as "$SERVER_USER" test -r "$KEY_FILE" \
            || die "UCRM_KEY_FILE: $SERVER_USER, who runs the server, cannot read $KEY_FILE"
        return 0
    fi
    own_folder 0700 "$SERVER_USER" "$1/key"
    if ! as "$SERVER_USER" test -s "$KEY_FILE"; then
        as "$SERVER_USER" install -m 0600 /dev/null "$KEY_FILE.new"
        random_hex 32 | as "$SERVER_USER" tee "$KEY_FILE.new" >/dev/null
        as "$SERVER_USER" mv "$KEY_FILE.new" "$KEY_FILE"
    fi
}
