//! The log: one JSON object a line, on standard error.
//! Must never carry what the `log` crate's users write: tokio-postgres shows bind values there.
//! Called by main once.

use tracing_subscriber::EnvFilter;

/// Starts the log.
///
/// # Errors
/// A sentence naming the variable and the fix.
pub fn start(filter: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter.trim()).map_err(|_| {
        "UCRM_LOG is not a filter: write error, warn, info, debug, or target=level with commas between"
    })?;
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init()
        .map_err(|error| error.to_string())
}
