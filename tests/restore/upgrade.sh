# shellcheck shell=bash
# Owns the proof that pg_upgrade loses nothing: the restored server, upgraded to a server of the same version.
# Must never touch the original server.
# Sourced by run.sh.

inventory ucrm original
cluster_stop "$AT"
cluster_make "$UP" "$UCRM_TEST_PACKAGE" "$(port_free)"
key_copy "$AT" "$UP"
own_folder 0700 "$SERVER_USER" "$UP/work"
# It connects over sockets of its own making, in its working folder, as the superuser that both servers have.
printf 'local all postgres trust\n' | tee >(cluster_write "$AT" pg_hba.conf) | cluster_write "$UP" pg_hba.conf
upgrade() {
    become "$SERVER_USER"
    (cd "$UP/work" && exec "${BECOME[@]}" "$(prefix_bin "$UP/prefix")/pg_upgrade" -U postgres --link \
        -b "$(prefix_bin "$AT/prefix")" -B "$(prefix_bin "$UP/prefix")" -d "$AT/data" -D "$UP/data" \
        -p "$(port_free)" -P "$(port_free)" -s "$UP/work" </dev/null)
}
check "pg_upgrade succeeds" upgrade
cluster_hba | cluster_write "$UP" pg_hba.conf
cluster_start "$UP"
AT=$UP
inventory ucrm upgraded.copy
compare pg_upgrade "$WORK/upgraded.copy"
healthy pg_upgrade ucrm "$found"
