//! 20,000 jobs by two workers: whether they stall, and what grows.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use facegen_core::{KeyId, KeyRole};
use facegen_jobs::{JobError, JobService};
use facegen_testkit::memory::resident_kilobytes;
use facegen_testkit::postgres::Postgres;
use tokio::time::sleep;

use crate::database::Database;
use crate::latency::submission;
use crate::node::{Watchers, open, start};
use crate::print;

const JOBS: usize = 20_000;

/// How many clients wait for one job after the other.
const CLIENTS: usize = 16;

/// How long no job may end.
const STALL: Duration = Duration::from_secs(10);

/// What a quarter of the jobs may add to the memory, in megabytes.
const GROWTH: u64 = 16;

/// What there is after so many jobs.
#[derive(Debug, Clone, Copy)]
struct Sample {
    jobs: usize,
    megabytes: u64,
    connections: i64,
}

/// Runs it and prints a line of results.
pub(crate) async fn soak() -> Result<()> {
    let server = Postgres::start("");
    let database = Database::new(Some(&server)).await?;
    let watchers = Watchers::default();
    let workers = [
        start(&database, &watchers).await?,
        start(&database, &watchers).await?,
    ];
    let api = open(&database, &watchers).await?;
    let key = api.keys().create("soak", KeyRole::Plain).await?.0.id;
    let (begun, ended) = (Arc::default(), Arc::default());
    let started = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (begun, ended) = (Arc::clone(&begun), Arc::clone(&ended));
            tokio::spawn(client(api.clone(), key, begun, ended))
        })
        .collect();
    let samples = watch(&database, &ended).await?;
    for client in clients {
        client.await??;
    }
    let seconds = started.elapsed().as_secs_f64();
    for (_, running) in workers {
        running.shutdown(Duration::ZERO).await;
    }
    report(&database, &samples, seconds).await
}

/// Sends one job after the other, and waits for its images.
async fn client(
    api: JobService,
    key: KeyId,
    begun: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
) -> Result<()> {
    while begun.fetch_add(1, Ordering::Relaxed) < JOBS {
        let job = loop {
            match api.submit(submission(key)).await {
                Err(JobError::QueueFull { .. }) => sleep(Duration::from_millis(20)).await,
                submitted => break submitted?,
            }
        };
        let job = api.wait(job.id, STALL).await?;
        ensure!(job.state.is_final(), "job {} is {}", job.id, job.state);
        ended.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Takes a sample after each quarter, and fails when nothing ends for too long.
async fn watch(database: &Database, ended: &AtomicUsize) -> Result<Vec<Sample>> {
    let Database::Postgres(rows, _) = database else {
        return Ok(Vec::new());
    };
    let (mut samples, mut last, mut since) = (Vec::new(), 0, Instant::now());
    while samples.len() < 4 {
        sleep(Duration::from_millis(100)).await;
        let jobs = ended.load(Ordering::Relaxed);
        if jobs > last {
            (last, since) = (jobs, Instant::now());
        }
        ensure!(since.elapsed() < STALL, "no job ended after {jobs}");
        if jobs >= (samples.len() + 1) * JOBS / 4 {
            samples.push(Sample {
                jobs,
                megabytes: resident()?,
                connections: rows.connections().await,
            });
        }
    }
    Ok(samples)
}

async fn report(database: &Database, samples: &[Sample], seconds: f64) -> Result<()> {
    let Database::Postgres(rows, _) = database else {
        return Ok(());
    };
    let succeeded = rows.jobs_in("succeeded").await;
    ensure!(succeeded == JOBS as i64, "{succeeded} jobs succeeded");
    let [first, .., last] = samples else {
        anyhow::bail!("there are too few samples");
    };
    let megabytes: Vec<_> = samples.iter().map(|sample| sample.megabytes).collect();
    let connections: Vec<_> = samples.iter().map(|sample| sample.connections).collect();
    let sizes: Vec<String> = rows
        .vacuum()
        .await
        .into_iter()
        .filter(|size| ["generations", "photos", "keys"].contains(&&*size.table))
        .map(|size| {
            let [rows, indexes] = [size.rows, size.indexes].map(|bytes| bytes / 1000);
            format!("{} {rows} kB and indexes {indexes} kB", size.table)
        })
        .collect();
    print(&format!(
        "soak: {JOBS} jobs by two workers in {seconds:.0} s; after each quarter {megabytes:?} MB \
         of memory and {connections:?} connections; after vacuum {}",
        sizes.join(", ")
    ))?;
    let quarters = (last.jobs - first.jobs) as u64 * 4 / JOBS as u64;
    ensure!(
        last.megabytes <= first.megabytes + quarters * GROWTH,
        "the memory grows"
    );
    ensure!(
        last.connections <= first.connections + 2,
        "connections are not closed"
    );
    Ok(())
}

/// Returns the resident memory of this process, in megabytes.
fn resident() -> Result<u64> {
    Ok(resident_kilobytes(std::process::id())? / 1000)
}
