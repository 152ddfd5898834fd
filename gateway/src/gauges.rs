//! What the database counts, shown beside the gateway's own metrics: `ucrm.metrics()`.
//! Must never ask more than every few seconds, nor hold up a scrape for long.
//! Called by admin.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use prometheus::{GaugeVec, Opts, Registry, TextEncoder};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::database::Database;
use crate::jsonb::Jsonb;

const METRICS: &str = "select name, labels, value from ucrm.metrics()";
const FRESH: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(1);

/// One gauge: its name, its labels, its value.
type Gauge = (String, BTreeMap<String, String>, f64);

/// The last answer, and when it was asked for.
#[derive(Default)]
pub struct Gauges(Mutex<Option<(Instant, String)>>);

impl Gauges {
    /// Prometheus text; empty where the database does not answer.
    pub async fn text(&self, database: &Database) -> String {
        let mut last = self.0.lock().await;
        if let Some((asked, text)) = &*last
            && asked.elapsed() < FRESH
        {
            return text.clone();
        }
        let text = match timeout(PATIENCE, fetch(database)).await {
            Ok(Some(gauges)) => render(gauges),
            _ => String::new(),
        };
        *last = Some((Instant::now(), text.clone()));
        text
    }
}

async fn fetch(database: &Database) -> Option<Vec<Gauge>> {
    let mut lease = database.calls.lease().await.ok()?;
    let rows = lease.all(METRICS).await.ok()?;
    let gauges = rows.iter().map(|row| {
        let labels: Option<Jsonb<'_>> = row.try_get(1).ok()?;
        let labels = labels.map_or(&b"{}"[..], |labels| labels.0);
        Some((
            row.try_get(0).ok()?,
            serde_json::from_slice(labels).ok()?,
            row.try_get(2).ok()?,
        ))
    });
    Some(gauges.flatten().collect())
}

// A scratch registry: what the database stops naming is gone at once.
fn render(gauges: Vec<Gauge>) -> String {
    let registry = Registry::new();
    let mut families: HashMap<(String, Vec<String>), Option<GaugeVec>> = HashMap::new();
    for (name, labels, value) in gauges {
        let keys: Vec<String> = labels.keys().cloned().collect();
        let family = families
            .entry((name.clone(), keys.clone()))
            .or_insert_with(|| {
                let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                let opts = Opts::new(name.as_str(), "From ucrm.metrics().");
                let family = GaugeVec::new(opts, &keys).ok()?;
                registry.register(Box::new(family.clone())).ok()?;
                Some(family)
            });
        match family {
            Some(family) => {
                let values: Vec<&str> = labels.values().map(String::as_str).collect();
                family.with_label_values(&values).set(value);
            }
            None => tracing::warn!(name, "ucrm.metrics() names a gauge Prometheus cannot take"),
        }
    }
    TextEncoder::new()
        .encode_to_string(&registry.gather())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauges_keep_their_labels_and_a_bad_name_hurts_nobody_else() {
        let label = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        let text = render(vec![
            ("ucrm_window_slots".to_owned(), label("window", "api"), 3.0),
            (
                "ucrm_window_slots".to_owned(),
                label("window", "login"),
                4.0,
            ),
            ("not a name".to_owned(), BTreeMap::new(), 1.0),
            ("ucrm_outbox_lag_seconds".to_owned(), BTreeMap::new(), 0.5),
        ]);
        assert!(text.contains(r#"ucrm_window_slots{window="api"} 3"#));
        assert!(text.contains(r#"ucrm_window_slots{window="login"} 4"#));
        assert!(text.contains("ucrm_outbox_lag_seconds 0.5"));
        assert!(!text.contains("not a name"));
    }
}
