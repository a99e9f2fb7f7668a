//! Two workers and an `api` node while nodes, the database and connections fail.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use super::proxy::Proxy;
use super::shared::{LEASE, SLACK, Shared, id};
use crate::server::client::{Client, PROMPT, request, request_with};
use crate::server::process::{Server, Site};

/// How many jobs there are.
const JOBS: usize = 200;

/// The time after which jobs that do not end are lost.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Ended jobs, and how many milliseconds the lease of a running one is over.
const PROGRESS: &str = include_str!("progress.sql");

/// Cuts all connections but the one that asks.
const CUT: &str = include_str!("cut.sql");

/// The states that there are.
const STATES: &str = include_str!("states.sql");

/// Where the `api` node halts, and where the worker does.
const AT_API: [&str; 3] = ["accepted", "inserted", "enqueued"];
const AT_WORKER: [&str; 5] = ["claimed", "denoising", "encoded", "stored", "finishing"];

/// The prompt of the job during which a node dies.
const VICTIM: &str = "portrait of a person in a storm";

impl Shared {
    /// Returns a directory for an `api` node that never waits for jobs.
    pub(super) fn api(&self) -> Result<Site> {
        Ok(self
            .site("api")?
            .with("FACEGEN__SERVER__SYNC_WAIT_SECONDS", "0")
            .with("FACEGEN__QUEUE__LIMIT", "1000"))
    }

    /// Returns the answer of the database.
    pub(super) fn ask(&self, statement: &str) -> Result<String> {
        self.ask_as(&self.database_at(self.postgres.port()), statement)
    }

    /// Returns the answer of the database at this URL.
    pub(super) fn ask_as(&self, url: &str, statement: &str) -> Result<String> {
        let mut psql = Command::new("psql");
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"]);
        psql.args(["--command", statement]);
        let output = psql.arg(url).output()?;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "psql: {error}");
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }
}

/// Watches the jobs, and for how long leases are over.
struct Watch<'a> {
    shared: &'a Shared,
    longest: Duration,
}

impl Watch<'_> {
    /// Returns how many jobs have ended; `None` while the database is down.
    fn look(&mut self) -> Result<Option<usize>> {
        let Ok(answer) = self.shared.ask(PROGRESS) else {
            return Ok(None);
        };
        let (ended, late) = answer.split_once(' ').context("one column")?;
        let late = Duration::from_millis(late.parse::<i64>()?.try_into().unwrap_or(0));
        ensure!(late < SLACK, "a lease is over for {late:?}");
        self.longest = self.longest.max(late);
        Ok(Some(ended.parse()?))
    }

    /// Waits until so many jobs have ended.
    fn until(&mut self, jobs: usize) -> Result<()> {
        let begin = Instant::now();
        loop {
            let ended = self.look()?;
            if ended.is_some_and(|ended| ended >= jobs) {
                return Ok(());
            }
            ensure!(
                begin.elapsed() < TIMEOUT,
                "{ended:?} of {jobs} jobs have ended"
            );
            sleep(Duration::from_millis(100));
        }
    }

    /// Watches for a while.
    fn during(&mut self, time: Duration) -> Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < time {
            self.look()?;
            sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

#[test]
#[ignore = "takes minutes: `cargo xtask verify nodes`"]
fn every_job_ends_once_while_nodes_database_and_connections_fail() -> Result<()> {
    let shared = Shared::start()?;
    let proxy = Proxy::start(shared.postgres.port())?;
    let api = shared.api()?.start()?;
    let begin = Instant::now();
    let jobs = (0..JOBS)
        .map(|_| id(&api.client.make(&request())?.1))
        .collect::<Result<Vec<_>>>()?;
    let killed = shared.site("worker")?.start()?;
    let other = shared
        .site("worker")?
        .with("FACEGEN__DATABASE__URL", &shared.database_at(proxy.port()))
        .start()?;
    let mut watch = Watch {
        shared: &shared,
        longest: Duration::ZERO,
    };
    watch.until(20)?;
    killed.kill()?;
    let _next = shared.site("worker")?.start()?;
    watch.until(50)?;
    other.send("STOP")?;
    watch.during(LEASE + LEASE)?;
    other.send("CONT")?;
    watch.until(80)?;
    shared.postgres.crash();
    watch.until(120)?;
    shared.ask(CUT)?;
    watch.until(150)?;
    proxy.set_silent(true);
    watch.during(LEASE + LEASE)?;
    proxy.set_silent(false);
    watch.until(JOBS)?;
    let took = begin.elapsed().as_secs();
    let attempts = results(&api.client, &jobs)?;
    println!(
        "nodes: {JOBS} jobs in {took} s, by attempts {attempts:?}, a lease was over for {:?} at most",
        watch.longest
    );
    Ok(())
}

/// Checks that each job has one image, the same for all, and counts how many took so many attempts.
pub(super) fn results(client: &Client, jobs: &[u64]) -> Result<BTreeMap<u64, usize>> {
    let (mut links, mut images) = (BTreeSet::new(), BTreeSet::new());
    let mut attempts = BTreeMap::new();
    for job in jobs {
        let result = client.result(*job)?;
        assert_eq!(result["status"], "success", "{result}");
        let output = result["output"].as_array().context("no links")?;
        assert_eq!(output.len(), 1, "{result}");
        links.insert(output[0].to_string());
        images.insert(client.image(&result)?);
        let attempt = client.job(*job)?["attempt"].as_u64();
        *attempts.entry(attempt.context("no attempt")?).or_default() += 1;
    }
    assert_eq!((links.len(), images.len()), (jobs.len(), 1));
    Ok(attempts)
}

#[test]
#[ignore = "takes minutes: `cargo xtask verify nodes`"]
fn no_job_is_lost_wherever_a_node_is_killed() -> Result<()> {
    let shared = Shared::start()?;
    let mut kills = 0;
    for round in 1..=3 {
        for point in AT_API.iter().chain(&AT_WORKER) {
            survive(&shared, point).with_context(|| format!("round {round}, killed at {point}"))?;
            kills += 1;
        }
    }
    println!("nodes: {kills} kills with two workers: nothing lost, nothing twice");
    Ok(())
}

/// Kills a node at `point` of a job, while another of its kind goes on.
fn survive(shared: &Shared, point: &str) -> Result<()> {
    let halting = |site: Site| {
        site.with("FACEGEN__TESTING__HALT_AT", point)
            .with("FACEGEN__TESTING__PROMPT", VICTIM)
    };
    let (api, worker) = (shared.api()?, shared.site("worker")?);
    let (api, worker) = if AT_API.contains(&point) {
        (halting(api).start()?, worker.start()?)
    } else {
        (api.start()?, halting(worker).start()?)
    };
    let before = promised(&api.client, PROMPT)?;
    // The response to this one may never come.
    let client = api.client.clone();
    let victim = spawn(move || promised(&client, VICTIM));
    let halted = if AT_API.contains(&point) {
        &api
    } else {
        &worker
    };
    halted.wait_for(&format!("halted at {point}"))?;
    let (_second, asked) = (shared.site("worker")?.start()?, shared.api()?.start()?);
    let after = promised(&asked.client, PROMPT)?;
    let _left: Server = if AT_API.contains(&point) {
        api.kill()?;
        worker
    } else {
        worker.kill()?;
        api
    };
    let answered = victim.join().ok().and_then(Result::ok);
    for job in [before, after].into_iter().chain(answered) {
        let result = asked.client.result(job)?;
        assert_eq!(result["status"], "success", "{result}");
        ensure!(
            asked.client.image(&result)?.starts_with(b"\x89PNG"),
            "no PNG"
        );
    }
    all_succeed(shared)
}

/// Waits until no job is left, also none whose caller got no response.
fn all_succeed(shared: &Shared) -> Result<()> {
    let begin = Instant::now();
    while begin.elapsed() < TIMEOUT {
        match shared.ask(STATES)?.as_str() {
            "succeeded" => return Ok(()),
            states if states.contains("failed") => bail!("{states}"),
            _ => sleep(Duration::from_millis(100)),
        }
    }
    bail!("a job is lost")
}

fn promised(client: &Client, prompt: &str) -> Result<u64> {
    id(&client.make(&request_with("prompt", json!(prompt)))?.1)
}
