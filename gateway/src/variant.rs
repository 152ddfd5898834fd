//! `NAME_FILE` for every variable NAME: the value is in the file.
//! Must never let the two be given together, where nobody could say which holds.
//! Called by main before the options are parsed.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use clap::Command;

/// The arguments, with what the files hold in front, so that a flag still wins.
///
/// # Errors
/// A sentence naming the variable; never the file's content.
pub fn with_files(
    command: &Command,
    arguments: impl IntoIterator<Item = OsString>,
    variable: impl Fn(&str) -> Option<OsString>,
    read: impl Fn(&Path) -> io::Result<String>,
) -> Result<Vec<OsString>, String> {
    let mut arguments = arguments.into_iter();
    let mut all: Vec<OsString> = arguments.next().into_iter().collect();
    for argument in command.get_arguments() {
        let (Some(flag), Some(name)) = (argument.get_long(), argument.get_env()) else {
            continue;
        };
        let Some(name) = name.to_str().filter(|name| !name.ends_with("_FILE")) else {
            continue;
        };
        let file_name = format!("{name}_FILE");
        let Some(file) = variable(&file_name).filter(|file| !file.is_empty()) else {
            continue;
        };
        if variable(name).is_some() {
            return Err(format!(
                "{name} and {file_name} are both set: unset one of them"
            ));
        }
        let file = Path::new(&file);
        let text = read(file).map_err(|error| {
            format!(
                "{file_name} names {}, which cannot be read: {error}",
                file.display()
            )
        })?;
        all.push(format!("--{flag}={}", text.trim()).into());
    }
    all.extend(arguments);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::options::Options;

    fn parsed(variables: &[(&str, &str)], arguments: &[&str]) -> Result<Vec<OsString>, String> {
        let arguments = std::iter::once("gateway").chain(arguments.iter().copied());
        with_files(
            &Options::command(),
            arguments.map(OsString::from),
            |name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| value.into())
            },
            |path| match path.to_str() {
                Some("/run/secrets/url") => Ok("postgres://u:p@h/d\n".to_owned()),
                _ => Err(io::ErrorKind::NotFound.into()),
            },
        )
    }

    #[test]
    fn a_file_gives_the_value_and_a_flag_comes_after_it() {
        let files = [("UCRM_DATABASE_URL_FILE", "/run/secrets/url")];
        assert_eq!(
            parsed(&files, &["--check"]).unwrap(),
            ["gateway", "--database-url=postgres://u:p@h/d", "--check"]
        );
    }

    #[test]
    fn both_or_an_unreadable_file_is_refused_by_name() {
        let both = [
            ("UCRM_LISTEN", "127.0.0.1:1"),
            ("UCRM_LISTEN_FILE", "/run/secrets/url"),
        ];
        assert!(parsed(&both, &[]).unwrap_err().contains("UCRM_LISTEN_FILE"));
        let missing = [("UCRM_DATABASE_URL_FILE", "/nowhere")];
        assert!(parsed(&missing, &[]).unwrap_err().contains("/nowhere"));
    }

    #[test]
    fn a_setting_that_is_itself_a_path_has_no_second_variant() {
        assert_eq!(
            parsed(&[("UCRM_TLS_CERT_FILE_FILE", "/nowhere")], &[]).unwrap(),
            ["gateway"]
        );
    }
}
