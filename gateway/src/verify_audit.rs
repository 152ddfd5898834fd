//! `ucrm-gateway verify-audit FILE`: checks an exported audit without a database, a network or a setting.
//! Must never change the file, nor hold more of it than a line and what one seal lists.
//! Called by main.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write, stdin};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser;
use ucrm_chain::note::{self, Checkpoint, PublicKey};
use ucrm_chain::walk::{Summary, Walk};

/// As the first argument it makes this a program of its own.
pub const NAME: &str = "verify-audit";

const AFTER_HELP: &str = "Prints a line for each finding: kind, seal, audit row, what. Ends with 0 when there is none, or only \
`redacted` ones, which ucrm.forget() made on record; with 1 when somebody meddled; with 2 when it could not be checked.";

/// Checks an exported audit log: every row against its seal, every seal against the one before, the chain against checkpoints.
#[derive(Parser)]
#[command(name = "ucrm-gateway verify-audit", bin_name = "ucrm-gateway verify-audit", version, after_help = AFTER_HELP)]
struct Arguments {
    /// What GET /api/v1/audit_logs/export or ucrm.audit_export() gave; - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// File with a checkpoint that was kept; may be given again
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// Key that checkpoints are signed with (name+id+base64), or a file of them; without one the export's own are believed
    #[arg(long, value_name = "KEY")]
    public_key: Vec<String>,
}

/// Checks, and prints what there is to say.
pub fn run(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    match check(&arguments) {
        Ok(summary) => {
            let said = report(
                &summary,
                !arguments.public_key.is_empty(),
                &mut std::io::stdout(),
            );
            match (
                said,
                summary.findings.iter().any(|finding| finding.is_fault()),
            ) {
                (Ok(()), false) => ExitCode::SUCCESS,
                (Ok(()), true) => ExitCode::FAILURE,
                (Err(_), _) => ExitCode::from(2),
            }
        }
        Err(message) => {
            eprintln!("ucrm-gateway verify-audit: {message}");
            ExitCode::from(2)
        }
    }
}

fn check(arguments: &Arguments) -> Result<Summary, String> {
    let mut keys = Vec::new();
    for given in &arguments.public_key {
        // A key has plus signs where a path has none, but either may be anything.
        let text = match PublicKey::read(given) {
            Some(key) => {
                keys.push(key);
                continue;
            }
            None => text_of(Path::new(given))?,
        };
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            keys.push(PublicKey::read(line).ok_or(format!("{given}: {line} is no public key"))?);
        }
    }
    if keys.is_empty() && !arguments.checkpoint.is_empty() {
        return Err(
            "a checkpoint proves nothing without --public-key, kept apart from the export".into(),
        );
    }
    let mut kept: Vec<Checkpoint> = Vec::new();
    for path in &arguments.checkpoint {
        let checkpoint = note::checkpoint(&text_of(path)?, &keys);
        kept.push(checkpoint.ok_or(format!(
            "{}: no given key has signed this checkpoint",
            path.display()
        ))?);
    }

    let file: Box<dyn Read> = match arguments.file.to_str() {
        Some("-") => Box::new(stdin()),
        _ => Box::new(
            File::open(&arguments.file).map_err(|error| unreadable(&arguments.file, error))?,
        ),
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| now.as_micros() as i64);
    let mut walk = Walk::new(keys, kept).at(now);
    let mut lines = BufReader::with_capacity(1 << 18, file);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = lines.read_until(b'\n', &mut line);
        if read.map_err(|error| unreadable(&arguments.file, error))? == 0 {
            break;
        }
        walk.line(number, &String::from_utf8_lossy(&line));
    }
    let summary = walk.finish();
    if summary.lines == 0 {
        return Err(format!("{} is no audit export", arguments.file.display()));
    }
    Ok(summary)
}

fn text_of(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| unreadable(path, error))
}

fn unreadable(path: &Path, error: std::io::Error) -> String {
    format!("{} cannot be read: {error}", path.display())
}

fn report(summary: &Summary, trusted: bool, out: &mut impl Write) -> std::io::Result<()> {
    for finding in &summary.findings {
        let seal = finding.seal.map_or("-".to_owned(), |seal| seal.to_string());
        let row = finding.row.as_deref().unwrap_or("-");
        writeln!(out, "{}\t{seal}\t{row}\t{}", finding.kind, finding.what)?;
    }
    let Summary {
        seals,
        sealed_rows,
        unsealed_rows,
        pruned,
        checkpoints,
        ..
    } = summary;
    writeln!(
        out,
        "audit of {}{}",
        summary.tenant,
        match &summary.filter {
            Some(filter) => format!(", only {filter}"),
            None => String::new(),
        }
    )?;
    writeln!(
        out,
        "{sealed_rows} rows are as they were sealed, under {seals} seals, the last of {}",
        summary.sealed_at.as_deref().unwrap_or("no time")
    )?;
    if *pruned > 0 {
        writeln!(
            out,
            "the rows of the first {pruned} seals were pruned by policy"
        )?;
    }
    writeln!(
        out,
        "{unsealed_rows} rows come after them: nothing proves those yet"
    )?;
    writeln!(
        out,
        "{checkpoints} checkpoints agree{}",
        if trusted {
            ""
        } else {
            ", by the export's own keys"
        }
    )
}
