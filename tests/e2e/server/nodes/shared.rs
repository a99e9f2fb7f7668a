//! What all nodes share, and what tests ask of them.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use facegen_testkit::postgres::{FAST, Postgres};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::server::client::{Client, request_with};
use crate::server::process::{Server, Site};
use crate::server::seaweed::{KEY_ID, PUBLIC, SECRET, Seaweed};

/// The master key of all nodes: 32 bytes of 7.
pub(super) const MASTER_KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

/// How long a lease is here.
pub(super) const LEASE: Duration = Duration::from_secs(4);

/// How much later than its lease a lost job may be worked on again.
pub(super) const SLACK: Duration = Duration::from_secs(10);

/// What all nodes share.
pub(super) struct Shared {
    pub(super) postgres: Postgres,
    seaweed: Seaweed,
    pub(super) database: String,
    _runtime: Runtime,
}

impl Shared {
    pub(super) fn start() -> Result<Self> {
        let runtime = Runtime::new()?;
        let seaweed = runtime.block_on(Seaweed::start());
        let postgres = Postgres::start(FAST);
        Ok(Self {
            database: postgres.create(),
            postgres,
            seaweed,
            _runtime: runtime,
        })
    }

    /// Returns a directory of its own for a node of this role.
    pub(super) fn site(&self, role: &str) -> Result<Site> {
        let at = self.seaweed.address;
        let lease = LEASE.as_secs().to_string();
        Ok(Site::new()?
            .with("FACEGEN__SERVER__ROLE", role)
            .with("FACEGEN_MASTER_KEY", MASTER_KEY)
            .with(
                "FACEGEN__DATABASE__URL",
                &self.database_at(self.postgres.port()),
            )
            .with("FACEGEN__STORAGE__S3__BUCKET", PUBLIC)
            .with(
                "FACEGEN__STORAGE__S3__ENDPOINT_URL",
                &format!("http://{at}"),
            )
            .with("FACEGEN__STORAGE__S3__IMAGE_DIRECTORY", "faces")
            .with("FACEGEN__STORAGE__S3__ACCESS_KEY_ID", KEY_ID)
            .with("FACEGEN__STORAGE__S3__SECRET_ACCESS_KEY", SECRET)
            .with("FACEGEN__STORAGE__S3__PUBLIC_URL", &self.links())
            .with("FACEGEN__QUEUE__LEASE_SECONDS", &lease)
            .with("FACEGEN__QUEUE__HEARTBEAT_SECONDS", "1"))
    }

    /// Returns the URL of the database through a port of this host.
    pub(super) fn database_at(&self, port: u16) -> String {
        let database = &self.database;
        format!("postgres://postgres@127.0.0.1:{port}/{database}?sslmode=disable")
    }

    /// Returns what links to images begin with.
    pub(super) fn links(&self) -> String {
        format!("http://{}/{PUBLIC}/faces/", self.seaweed.address)
    }
}

/// Returns a request for an image that takes a while.
pub(super) fn long() -> Value {
    let mut long = request_with("width", json!(512));
    long["height"] = json!(256);
    long
}

pub(super) fn id(answer: &Value) -> Result<u64> {
    answer["id"].as_u64().with_context(|| answer.to_string())
}

/// Waits for a view of the job that `is_wanted`.
pub(super) fn wait_for(
    client: &Client,
    job: u64,
    is_wanted: impl Fn(&Value) -> bool,
) -> Result<Value> {
    for _ in 0..1200 {
        let view = client.job(job)?;
        if is_wanted(&view) {
            return Ok(view);
        }
        sleep(Duration::from_millis(50));
    }
    bail!("job {job} stays {}", client.job(job)?)
}

/// Waits until the metrics of a node contain this line.
pub(super) fn wait_for_metric(server: &Server, line: &str) -> Result<()> {
    for _ in 0..600 {
        let metrics = String::from_utf8(server.client.get("/metrics")?.1)?;
        if metrics.lines().any(|one| one == line) {
            return Ok(());
        }
        sleep(Duration::from_millis(50));
    }
    bail!("no metric is {line}")
}
