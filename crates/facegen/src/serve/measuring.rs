//! The metrics of the process.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use facegen_api::MetricsRenderer;
use metrics::{Unit, counter, describe_counter};
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::telemetry::LostLines;

/// The buckets of the histograms, in seconds: everything measured is a time,
/// from a database statement to an image on a slow processor.
const BUCKETS: [f64; 14] = [
    0.001, 0.005, 0.02, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0,
];

/// How often measured times are moved into their buckets. Until then each is
/// kept in memory, whether or not metrics are scraped.
const UPKEEP: Duration = Duration::from_secs(5);

/// Log lines that could not be written.
const LOST_LINES: &str = "facegen_log_lines_lost_total";

/// Installs the recorder for the lifetime of the process. Must be called before
/// anything records or describes a metric.
pub(super) fn start(lost: LostLines) -> Result<MetricsRenderer> {
    let metrics = PrometheusBuilder::new()
        .set_buckets(&BUCKETS)
        .and_then(PrometheusBuilder::install_recorder)
        .context("cannot start measuring")?;
    let kept = metrics.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            kept.run_upkeep();
        }
    });
    describe_counter!(
        LOST_LINES,
        Unit::Count,
        "lines of the log that could not be written"
    );
    Ok(Arc::new(move || {
        counter!(LOST_LINES).absolute(lost.count());
        metrics.render()
    }))
}
