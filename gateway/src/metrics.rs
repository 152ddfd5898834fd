//! What the gateway counts, for Prometheus.
//! Must never use a label that a client can make up: routes are templates, codes are refusals.
//! Called by gateway, listener, database, mail and webhook; shown by admin.

use std::time::Duration;

use prometheus::{
    Error, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

// Seconds: from a list out of the cache to what is about to time out.
const LATENCIES: [f64; 14] = [
    0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.0, 4.0, 16.0,
];

/// Every series the gateway keeps itself.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    latency: HistogramVec,
    in_flight: IntGauge,
    connections: IntGauge,
    pool_wait: Histogram,
    pool_failures: IntCounterVec,
    pool_size: IntGaugeVec,
    mails: IntCounterVec,
    deliveries: IntCounterVec,
}

impl Metrics {
    /// Registers them.
    ///
    /// # Errors
    /// A name or label that Prometheus does not take: a mistake in this file.
    pub fn new() -> Result<Self, Error> {
        let registry = Registry::new();
        let metrics = Self {
            requests: IntCounterVec::new(
                Opts::new("ucrm_gateway_requests_total", "Requests answered."),
                &["method", "route", "status", "code"],
            )?,
            latency: HistogramVec::new(
                HistogramOpts::new(
                    "ucrm_gateway_request_duration_seconds",
                    "Time from a request's head to its reply's head.",
                )
                .buckets(LATENCIES.to_vec()),
                &["route"],
            )?,
            in_flight: IntGauge::new(
                "ucrm_gateway_requests_in_flight",
                "Requests being answered.",
            )?,
            connections: IntGauge::new("ucrm_gateway_connections", "Open HTTP connections.")?,
            pool_wait: Histogram::with_opts(
                HistogramOpts::new(
                    "ucrm_gateway_pool_wait_seconds",
                    "Time a request waited for a database connection.",
                )
                .buckets(LATENCIES.to_vec()),
            )?,
            pool_failures: IntCounterVec::new(
                Opts::new(
                    "ucrm_gateway_pool_failures_total",
                    "Requests that got no database connection.",
                ),
                &["reason"],
            )?,
            pool_size: IntGaugeVec::new(
                Opts::new(
                    "ucrm_gateway_pool_connections",
                    "Database connections by pool and state.",
                ),
                &["pool", "state"],
            )?,
            mails: IntCounterVec::new(
                Opts::new(
                    "ucrm_gateway_mails_total",
                    "Attempts to send a mail, by whose sender and outcome.",
                ),
                &["sender", "outcome"],
            )?,
            deliveries: IntCounterVec::new(
                Opts::new(
                    "ucrm_gateway_deliveries_total",
                    "Attempts to deliver a webhook, by outcome.",
                ),
                &["outcome"],
            )?,
            registry,
        };
        let build = IntGaugeVec::new(
            Opts::new("ucrm_gateway_build_info", "Always 1."),
            &["version"],
        )?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        for reason in ["exhausted", "unreachable"] {
            metrics.pool_failures.with_label_values(&[reason]);
        }
        for outcome in ["sent", "retry", "failed"] {
            metrics.mails.with_label_values(&["platform", outcome]);
        }
        for outcome in ["delivered", "answered", "refused", "unreachable"] {
            metrics.deliveries.with_label_values(&[outcome]);
        }
        let registry = &metrics.registry;
        registry.register(Box::new(metrics.requests.clone()))?;
        registry.register(Box::new(metrics.latency.clone()))?;
        registry.register(Box::new(metrics.in_flight.clone()))?;
        registry.register(Box::new(metrics.connections.clone()))?;
        registry.register(Box::new(metrics.pool_wait.clone()))?;
        registry.register(Box::new(metrics.pool_failures.clone()))?;
        registry.register(Box::new(metrics.pool_size.clone()))?;
        registry.register(Box::new(metrics.mails.clone()))?;
        registry.register(Box::new(metrics.deliveries.clone()))?;
        registry.register(Box::new(build))?;
        Ok(metrics)
    }

    /// One request was answered.
    pub fn answered(&self, method: &str, route: &str, status: &str, code: &str, took: Duration) {
        self.requests
            .with_label_values(&[method, route, status, code])
            .inc();
        self.latency
            .with_label_values(&[route])
            .observe(took.as_secs_f64());
    }

    /// Counts a request as in flight until dropped.
    pub fn in_flight(&self) -> Held {
        Held::of(&self.in_flight)
    }

    /// Counts an HTTP connection as open until dropped.
    pub fn connection(&self) -> Held {
        Held::of(&self.connections)
    }

    /// How long a request waited for a database connection.
    pub fn pool_wait(&self, waited: Duration) {
        self.pool_wait.observe(waited.as_secs_f64());
    }

    /// A request got no database connection.
    pub fn pool_failure(&self, reason: &str) {
        self.pool_failures.with_label_values(&[reason]).inc();
    }

    /// Open and idle connections of a pool.
    pub fn pool_state(&self, pool: &str, (open, idle): (usize, usize)) {
        for (state, count) in [("open", open), ("idle", idle)] {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.pool_size.with_label_values(&[pool, state]).set(count);
        }
    }

    /// An attempt to send a mail is over.
    pub fn mail(&self, sender: &str, outcome: &str) {
        self.mails.with_label_values(&[sender, outcome]).inc();
    }

    /// An attempt to deliver a webhook is over.
    pub fn delivery(&self, outcome: &str) {
        self.deliveries.with_label_values(&[outcome]).inc();
    }

    /// Prometheus text, version 0.0.4.
    ///
    /// # Errors
    /// None in practice; the encoder's own.
    pub fn text(&self) -> Result<String, Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

/// Something that counts as long as it lives.
pub struct Held(IntGauge);

impl Held {
    fn of(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_shown_and_what_is_held_is_let_go() {
        let metrics = Metrics::new().unwrap();
        let held = metrics.in_flight();
        metrics.answered("GET", "/api/v1/{resource}", "200", "", Duration::ZERO);
        let text = metrics.text().unwrap();
        assert!(text.contains("ucrm_gateway_requests_in_flight 1"));
        assert!(text.contains(
            r#"ucrm_gateway_requests_total{code="",method="GET",route="/api/v1/{resource}",status="200"} 1"#
        ));
        drop(held);
        assert!(
            metrics
                .text()
                .unwrap()
                .contains("ucrm_gateway_requests_in_flight 0")
        );
    }
}
