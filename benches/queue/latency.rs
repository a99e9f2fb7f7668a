//! How soon a job gets to a worker and to its engine.

use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use facegen_core::fake::requests::{inline, request};
use facegen_core::{KeyId, KeyRole};
use facegen_jobs::Submission;

use crate::database::Database;
use crate::node::{Watchers, open, start};
use crate::{LEASE, print, quantiles};

/// Jobs of which the latency is measured, after a tenth as many to warm up.
const JOBS: usize = 100;

/// Prints how soon a job gets to a worker and to its engine, when nothing else waits.
pub(crate) async fn latency(words: &str, database: &Database, workers: usize) -> Result<()> {
    let (claimed, claims) = channel();
    let (admitted, admissions) = channel();
    let watchers = Watchers {
        claimed: Some(claimed),
        admitted: Some(admitted),
    };
    let mut nodes = Vec::new();
    for _ in 0..workers {
        nodes.push(start(database, &watchers).await?);
    }
    // One more node accepts; the only process of SQLite does both.
    let api = match database {
        Database::Sqlite { .. } => nodes.first().context("no node")?.0.clone(),
        Database::Postgres(..) => open(database, &watchers).await?,
    };
    let key = api.keys().create("bench", KeyRole::Plain).await?.0.id;
    let (mut to_claim, mut to_engine) = (Vec::new(), Vec::new());
    for round in 0..JOBS + JOBS / 10 {
        let started = Instant::now();
        let job = api.submit(submission(key)).await?;
        api.wait(job.id, LEASE).await?;
        let (claimed, admitted) = (next(&claims)?, next(&admissions)?);
        if round >= JOBS / 10 {
            to_claim.push(claimed.duration_since(started));
            to_engine.push(admitted.duration_since(claimed));
        }
    }
    let (claim, slow_claim) = quantiles(&mut to_claim);
    let (engine, slow_engine) = quantiles(&mut to_engine);
    print(&format!(
        "{words}, idle: claimed {claim:.1} ms after it was sent, 99 % within {slow_claim:.1} ms; \
         then at the engine in {engine:.1} ms, 99 % within {slow_engine:.1} ms"
    ))?;
    for (_, running) in nodes {
        running.shutdown(Duration::ZERO).await;
    }
    Ok(())
}

fn next(moments: &Receiver<Instant>) -> Result<Instant> {
    Ok(moments.recv_timeout(LEASE)?)
}

/// The smallest request.
pub(crate) fn submission(key: KeyId) -> Submission {
    Submission {
        key,
        request: request("a person in a garden"),
        face: inline(),
        base_url: String::new(),
        idempotency: None,
    }
}
