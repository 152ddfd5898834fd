//! Owns the order in which the SQL files make up the extension's script: one line a file.
//! Must never hold SQL of its own.
//! Called by `cargo pgrx schema`, which orders by what a file requires, not by its name.

pgrx::extension_sql_file!("../sql/10_schema.sql", name = "schema", bootstrap);

macro_rules! trunk {
    (after $last:tt) => {
        pgrx::extension_sql_file!(
            "../sql/99_close.sql",
            name = "close",
            requires = [$last],
            finalize
        );
    };
    (after $before:tt $name:tt: $file:tt, $($rest:tt)*) => {
        pgrx::extension_sql_file!($file, name = $name, requires = [$before]);
        trunk! { after $name $($rest)* }
    };
}

trunk! {
    after "schema"
    "refusal": "../sql/15_refusal.sql",
    "setting": "../sql/20_setting.sql",
    "tenant": "../sql/25_tenant.sql",
    "secret": "../sql/27_secret.sql",
    "person": "../sql/30_person.sql",
    "account": "../sql/31_account.sql",
    "factor": "../sql/33_factor.sql",
    "role": "../sql/35_role.sql",
    "credential": "../sql/40_credential.sql",
    "issuer": "../sql/42_issuer.sql",
    "jwks": "../sql/42_jwks.sql",
    "principal": "../sql/43_principal.sql",
    "jwt": "../sql/44_jwt.sql",
    "session": "../sql/44_session.sql",
    "context": "../sql/45_context.sql",
    "login": "../sql/47_login.sql",
    "memo": "../sql/48_memo.sql",
    "window": "../sql/50_window.sql",
    "gate": "../sql/55_gate.sql",
    "permission": "../sql/60_permission.sql",
    "audit": "../sql/65_audit.sql",
    "event": "../sql/70_event.sql",
    "mail_template": "../sql/72_mail_template.sql",
    "mail_sender": "../sql/72_mail_sender.sql",
    "mail": "../sql/72_mail.sql",
    "obstacle": "../sql/74_obstacle.sql",
    "protect": "../sql/75_protect.sql",
    "custom_column": "../sql/76_custom_column.sql",
    "secret_column": "../sql/76_secret_column.sql",
    "watch": "../sql/77_watch.sql",
    "member": "../sql/78_member.sql",
    "report": "../sql/79_report.sql",
    "invitation": "../sql/79_invitation.sql",
    "reply": "../sql/80_reply.sql",
    "statement": "../sql/81_statement.sql",
    "search": "../sql/81_search.sql",
    "money": "../sql/82_money.sql",
    "relation": "../sql/82_relation.sql",
    "resource": "../sql/82_resource.sql",
    "read": "../sql/83_read.sql",
    "autocomplete": "../sql/83_autocomplete.sql",
    "write": "../sql/83_write.sql",
    "route": "../sql/85_route.sql",
    "auth": "../sql/86_auth.sql",
    "password": "../sql/86_password.sql",
    "sign_in": "../sql/86_sign_in.sql",
    "factor_route": "../sql/86_factor.sql",
    "team": "../sql/86_team.sql",
    "team_role": "../sql/86_role.sql",
    "team_key": "../sql/86_key.sql",
    "team_tenant": "../sql/86_tenant.sql",
    "setup": "../sql/87_setup.sql",
    "workspace": "../sql/88_workspace.sql",
    "custom_column_route": "../sql/88_custom_column.sql",
    "file": "../sql/88_file.sql",
    "poll": "../sql/88_event.sql",
    "platform": "../sql/88_platform.sql",
    "impersonation": "../sql/88_impersonation.sql",
    "founding": "../sql/89_founding.sql",
    "guard": "../sql/89_guard.sql",
    "handle": "../sql/90_handle.sql",
    "handle_apart": "../sql/90_handle_apart.sql",
    "raised": "../sql/91_raised.sql",
    "why": "../sql/92_why.sql",
    "prove": "../sql/93_prove.sql",
    "prove_scene": "../sql/93_prove_scene.sql",
    "doctor": "../sql/94_doctor.sql",
    "doctor_key": "../sql/94_doctor_key.sql",
    "doctor_table": "../sql/94_doctor_table.sql",
    "doctor_grant": "../sql/94_doctor_grant.sql",
    "doctor_role": "../sql/94_doctor_role.sql",
    "doctor_row": "../sql/94_doctor_row.sql",
    "doctor_issuer": "../sql/94_doctor_issuer.sql",
    "move": "../sql/96_move.sql",
    "stage": "../sql/97_stage.sql",
    "restore": "../sql/98_restore.sql",
}
