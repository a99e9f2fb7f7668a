//! How many jobs workers claim and finish a second, and how soon:
//! `cargo bench --profile dev --bench queue`, with `-- --store sqlite` or `postgres` for one.
//! With `-- --soak`, two workers make 20,000 jobs on PostgreSQL instead.
//!
//! No engine computes anything, so that only the queue is measured.
//!
//! - rates: 1, 2, 4 and 8 workers that each claim a job, note that the engine has it, and finish
//!   it, again and again, of a queue of 2,000 jobs of one key, and of 100,000 of 1,000 keys. In
//!   PostgreSQL each worker has connections of its own, as a process has; SQLite has one
//!   process, whose workers share them. Each job names its preset, as those of `api` nodes do.
//! - latency: one job at a time, accepted by one node, until another has claimed it, and until
//!   the engine of that has it.
//! - what a request costs while 100,000 jobs wait.
//!
//! Both databases write to the disk as a server lets them.

mod database;
mod latency;
mod node;
mod soak;

use std::env;
use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use facegen_core::job::{Outcome, Stages};
use facegen_core::store::{ClaimScope, ImageLocation, Node, NodeRole, Stores, Success, WorkerId};
use facegen_core::{Clock as _, SystemClock};
use facegen_testkit::postgres::Postgres;

use database::{Database, PRESET, ROOM, key, new_job};
use latency::latency;

const WORKERS: [usize; 4] = [1, 2, 4, 8];

/// Keys and jobs of a queue.
const QUEUES: [(i64, i64); 2] = [(1, 2_000), (1_000, 100_000)];

/// How long each rate is measured.
const MEASURED: Duration = Duration::from_secs(4);

/// How many requests are tried while many jobs wait.
const REQUESTS: usize = 20;

const LEASE: Duration = Duration::from_secs(30);

fn main() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words
        .iter()
        .map(String::as_str)
        .filter(|word| *word != "--bench")
        .collect();
    let stores: &[&str] = match words[..] {
        ["--soak"] => return runtime.block_on(soak::soak()),
        [] => &["sqlite", "postgres"],
        ["--store", "sqlite"] => &["sqlite"],
        ["--store", "postgres"] => &["postgres"],
        _ => bail!("expected --store sqlite, --store postgres or nothing"),
    };
    for store in stores {
        // The settings of a new installation.
        let server = (*store == "postgres").then(|| Postgres::start(""));
        runtime.block_on(measure(server.as_ref()))?;
    }
    Ok(())
}

async fn measure(server: Option<&Postgres>) -> Result<()> {
    let name = if server.is_some() {
        "postgres"
    } else {
        "sqlite"
    };
    for (keys, jobs) in QUEUES {
        for workers in WORKERS {
            let database = Database::new(server).await?;
            let template = database.template().await?;
            database.queue(keys, jobs, template).await;
            let words = format!("{name}, {jobs} jobs of {keys} keys wait, {workers} workers");
            rates(&words, &database, workers).await?;
        }
    }
    let database = Database::new(server).await?;
    let template = database.template().await?;
    let (keys, jobs) = QUEUES[1];
    database.queue(keys, jobs, template).await;
    requests(
        &format!("{name}, {jobs} jobs of {keys} keys wait"),
        &database,
    )
    .await?;
    let stores = database.stores().await?;
    stores
        .nodes
        .heartbeat(&node(&WorkerId::new("plan")))
        .await?;
    if let Some(plan) = database.plan_of_claim().await {
        print(&plan)?;
    }
    let nodes: &[usize] = if server.is_some() { &WORKERS } else { &[1] };
    for workers in nodes {
        let database = Database::new(server).await?;
        latency(&format!("{name}, {workers} workers"), &database, *workers).await?;
    }
    Ok(())
}

/// Prints how many jobs so many workers claim and finish, and how long a claim takes.
async fn rates(words: &str, database: &Database, workers: usize) -> Result<()> {
    let mut stores = Vec::new();
    for _ in 0..workers {
        stores.push(database.stores().await?);
    }
    let started = Instant::now();
    let running = stores.into_iter().enumerate();
    let running = running.map(|(number, stores)| tokio::spawn(work(stores, number)));
    let running: Vec<_> = running.collect();
    let mut claims = Vec::new();
    for worker in running {
        claims.extend(worker.await??);
    }
    let rate = claims.len() as f64 / started.elapsed().as_secs_f64();
    let (median, slow) = quantiles(&mut claims);
    print(&format!(
        "{words}: {rate:.0} claimed and finished a second; a claim takes {median:.1} ms, \
         99 % of them {slow:.1} ms"
    ))
}

/// Claims and finishes jobs, and returns how long each claim took.
async fn work(stores: Stores, number: usize) -> Result<Vec<Duration>> {
    let worker = WorkerId::new(format!("bench {number}"));
    // A claim compares the preset of each job that it looks at with that of its worker.
    stores.nodes.heartbeat(&node(&worker)).await?;
    let (mut claims, started) = (Vec::new(), Instant::now());
    while started.elapsed() < MEASURED {
        let now = SystemClock.now();
        let asked = Instant::now();
        let claim = stores
            .jobs
            .claim(ClaimScope::Any, &worker, now, now + LEASE);
        let Some(claim) = claim.await? else { break };
        claims.push(asked.elapsed());
        ensure!(stores.jobs.enter(claim.fence).await?, "the job is gone");
        let finished = stores.jobs.finish(claim.fence, &success()).await?;
        ensure!(finished, "the job is gone");
    }
    Ok(claims)
}

fn node(worker: &WorkerId) -> Node {
    let now = SystemClock.now();
    Node {
        id: worker.clone(),
        role: NodeRole::Worker,
        name: worker.as_str().to_owned(),
        preset: PRESET.to_owned(),
        engines: Vec::new(),
        models: 0,
        version: String::new(),
        draining: false,
        started_at: now,
        seen_at: now,
    }
}

fn success() -> Success {
    let now = SystemClock.now();
    Success {
        now,
        location: ImageLocation::Bucket {
            link_base: "https://images.example.com/".to_owned(),
        },
        warnings: Vec::new(),
        outcome: Outcome {
            generation_time: Duration::from_secs(1),
            stages: Stages::default(),
            images: Vec::new(),
            engine: None,
        },
    }
}

/// Prints what the statements of a request take.
async fn requests(words: &str, database: &Database) -> Result<()> {
    let stores = database.stores().await?;
    let key = key(&stores).await?;
    let (mut inserts, mut loads) = (Vec::new(), Vec::new());
    for _ in 0..REQUESTS {
        let started = Instant::now();
        let job = stores.jobs.insert(&new_job(key), ROOM).await?;
        inserts.push(started.elapsed());
        let job = job.ok().context("there is no room")?;
        let started = Instant::now();
        stores.jobs.load_before(job.id).await?;
        loads.push(started.elapsed());
    }
    let (insert, load) = (quantiles(&mut inserts).0, quantiles(&mut loads).0);
    print(&format!(
        "{words}: accepting one more takes {insert:.1} ms, and what comes before it {load:.1} ms"
    ))
}

/// Returns the median and what 99 % are within, in milliseconds.
fn quantiles(times: &mut [Duration]) -> (f64, f64) {
    times.sort_unstable();
    let at = |hundredths: usize| {
        let place = (times.len() * hundredths / 100).min(times.len().saturating_sub(1));
        times.get(place).map_or(f64::NAN, Duration::as_secs_f64) * 1e3
    };
    (at(50), at(99))
}

fn print(line: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
