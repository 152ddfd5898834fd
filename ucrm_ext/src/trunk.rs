//! Owns the order in which the SQL files make up the extension's script.
//! Must never hold SQL of its own.
//! Called by `cargo pgrx schema`.

pgrx::extension_sql_file!("../sql/10_schema.sql", name = "schema", bootstrap);
pgrx::extension_sql_file!(
    "../sql/15_refusal.sql",
    name = "refusal",
    requires = ["schema"]
);
pgrx::extension_sql_file!(
    "../sql/20_setting.sql",
    name = "setting",
    requires = ["refusal"]
);
pgrx::extension_sql_file!(
    "../sql/25_tenant.sql",
    name = "tenant",
    requires = ["setting"]
);
pgrx::extension_sql_file!(
    "../sql/27_secret.sql",
    name = "secret",
    requires = ["tenant"]
);
pgrx::extension_sql_file!(
    "../sql/30_person.sql",
    name = "person",
    requires = ["secret"]
);
pgrx::extension_sql_file!(
    "../sql/31_account.sql",
    name = "account",
    requires = ["person"]
);
pgrx::extension_sql_file!(
    "../sql/33_factor.sql",
    name = "factor",
    requires = ["account"]
);
pgrx::extension_sql_file!("../sql/35_role.sql", name = "role", requires = ["factor"]);
pgrx::extension_sql_file!(
    "../sql/40_credential.sql",
    name = "credential",
    requires = ["role"]
);
pgrx::extension_sql_file!(
    "../sql/42_issuer.sql",
    name = "issuer",
    requires = ["credential"]
);
pgrx::extension_sql_file!("../sql/42_jwks.sql", name = "jwks", requires = ["issuer"]);
pgrx::extension_sql_file!(
    "../sql/43_principal.sql",
    name = "principal",
    requires = ["jwks"]
);
pgrx::extension_sql_file!("../sql/44_jwt.sql", name = "jwt", requires = ["principal"]);
pgrx::extension_sql_file!(
    "../sql/44_session.sql",
    name = "session",
    requires = ["jwt"]
);
pgrx::extension_sql_file!(
    "../sql/45_context.sql",
    name = "context",
    requires = ["session"]
);
pgrx::extension_sql_file!(
    "../sql/47_login.sql",
    name = "login",
    requires = ["context"]
);
pgrx::extension_sql_file!("../sql/48_memo.sql", name = "memo", requires = ["login"]);
pgrx::extension_sql_file!("../sql/50_window.sql", name = "window", requires = ["memo"]);
pgrx::extension_sql_file!("../sql/55_gate.sql", name = "gate", requires = ["window"]);
pgrx::extension_sql_file!(
    "../sql/60_permission.sql",
    name = "permission",
    requires = ["gate"]
);
pgrx::extension_sql_file!(
    "../sql/65_audit.sql",
    name = "audit",
    requires = ["permission"]
);
pgrx::extension_sql_file!("../sql/70_event.sql", name = "event", requires = ["audit"]);
pgrx::extension_sql_file!(
    "../sql/72_mail_template.sql",
    name = "mail_template",
    requires = ["event"]
);
pgrx::extension_sql_file!(
    "../sql/72_mail_sender.sql",
    name = "mail_sender",
    requires = ["mail_template"]
);
pgrx::extension_sql_file!(
    "../sql/72_mail.sql",
    name = "mail",
    requires = ["mail_sender"]
);
pgrx::extension_sql_file!(
    "../sql/74_obstacle.sql",
    name = "obstacle",
    requires = ["mail"]
);
pgrx::extension_sql_file!(
    "../sql/75_protect.sql",
    name = "protect",
    requires = ["obstacle"]
);
pgrx::extension_sql_file!(
    "../sql/77_watch.sql",
    name = "watch",
    requires = ["protect"]
);
pgrx::extension_sql_file!(
    "../sql/78_member.sql",
    name = "member",
    requires = ["watch"]
);
pgrx::extension_sql_file!(
    "../sql/79_report.sql",
    name = "report",
    requires = ["member"]
);
pgrx::extension_sql_file!(
    "../sql/79_invitation.sql",
    name = "invitation",
    requires = ["report"]
);
pgrx::extension_sql_file!(
    "../sql/80_reply.sql",
    name = "reply",
    requires = ["invitation"]
);
pgrx::extension_sql_file!(
    "../sql/81_statement.sql",
    name = "statement",
    requires = ["reply"]
);
pgrx::extension_sql_file!(
    "../sql/82_resource.sql",
    name = "resource",
    requires = ["statement"]
);
pgrx::extension_sql_file!(
    "../sql/85_route.sql",
    name = "route",
    requires = ["resource"]
);
pgrx::extension_sql_file!("../sql/86_auth.sql", name = "auth", requires = ["route"]);
pgrx::extension_sql_file!(
    "../sql/86_password.sql",
    name = "password",
    requires = ["auth"]
);
pgrx::extension_sql_file!(
    "../sql/86_sign_in.sql",
    name = "sign_in",
    requires = ["password"]
);
pgrx::extension_sql_file!(
    "../sql/86_factor.sql",
    name = "factor_route",
    requires = ["sign_in"]
);
pgrx::extension_sql_file!(
    "../sql/86_team.sql",
    name = "team",
    requires = ["factor_route"]
);
pgrx::extension_sql_file!(
    "../sql/86_role.sql",
    name = "team_role",
    requires = ["team"]
);
pgrx::extension_sql_file!(
    "../sql/86_key.sql",
    name = "team_key",
    requires = ["team_role"]
);
pgrx::extension_sql_file!(
    "../sql/86_tenant.sql",
    name = "team_tenant",
    requires = ["team_key"]
);
pgrx::extension_sql_file!(
    "../sql/87_setup.sql",
    name = "setup",
    requires = ["team_tenant"]
);
pgrx::extension_sql_file!(
    "../sql/88_workspace.sql",
    name = "workspace",
    requires = ["setup"]
);
pgrx::extension_sql_file!(
    "../sql/88_platform.sql",
    name = "platform",
    requires = ["workspace"]
);
pgrx::extension_sql_file!(
    "../sql/88_impersonation.sql",
    name = "impersonation",
    requires = ["platform"]
);
pgrx::extension_sql_file!(
    "../sql/89_founding.sql",
    name = "founding",
    requires = ["impersonation"]
);
pgrx::extension_sql_file!(
    "../sql/89_guard.sql",
    name = "guard",
    requires = ["founding"]
);
pgrx::extension_sql_file!(
    "../sql/90_handle.sql",
    name = "handle",
    requires = ["guard"]
);
pgrx::extension_sql_file!(
    "../sql/90_handle_apart.sql",
    name = "handle_apart",
    requires = ["handle"]
);
pgrx::extension_sql_file!(
    "../sql/91_raised.sql",
    name = "raised",
    requires = ["handle_apart"]
);
pgrx::extension_sql_file!("../sql/92_why.sql", name = "why", requires = ["raised"]);
pgrx::extension_sql_file!("../sql/93_prove.sql", name = "prove", requires = ["why"]);
pgrx::extension_sql_file!(
    "../sql/93_prove_scene.sql",
    name = "prove_scene",
    requires = ["prove"]
);
pgrx::extension_sql_file!(
    "../sql/94_doctor.sql",
    name = "doctor",
    requires = ["prove_scene"]
);
pgrx::extension_sql_file!(
    "../sql/94_doctor_key.sql",
    name = "doctor_key",
    requires = ["doctor"]
);
pgrx::extension_sql_file!(
    "../sql/94_doctor_table.sql",
    name = "doctor_table",
    requires = ["doctor_key"]
);
pgrx::extension_sql_file!(
    "../sql/94_doctor_grant.sql",
    name = "doctor_grant",
    requires = ["doctor_table"]
);
pgrx::extension_sql_file!(
    "../sql/94_doctor_role.sql",
    name = "doctor_role",
    requires = ["doctor_grant"]
);
pgrx::extension_sql_file!(
    "../sql/94_doctor_row.sql",
    name = "doctor_row",
    requires = ["doctor_role"]
);
pgrx::extension_sql_file!(
    "../sql/94_doctor_issuer.sql",
    name = "doctor_issuer",
    requires = ["doctor_row"]
);
pgrx::extension_sql_file!(
    "../sql/96_move.sql",
    name = "move",
    requires = ["doctor_issuer"]
);
pgrx::extension_sql_file!("../sql/97_stage.sql", name = "stage", requires = ["move"]);
pgrx::extension_sql_file!(
    "../sql/98_restore.sql",
    name = "restore",
    requires = ["stage"]
);
pgrx::extension_sql_file!(
    "../sql/99_close.sql",
    name = "close",
    requires = ["restore"],
    finalize
);
