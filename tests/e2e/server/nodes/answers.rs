//! How soon callers are answered whose jobs other nodes end.

use std::collections::HashMap;
use std::thread::spawn;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};

use super::shared::{Shared, id};
use crate::server::client::{Client, request};

/// Callers, each of whom waits for one job after the other.
const CALLERS: usize = 4;

/// Jobs of each.
const JOBS: usize = 10;

/// Within how many milliseconds after the end of their job 95 % of the callers have to be answered.
const LIMIT: i64 = 100;

/// The jobs that have ended, and when.
const ENDS: &str = include_str!("ends.sql");

#[test]
#[ignore = "measures times: `cargo xtask verify nodes`"]
fn callers_are_answered_soon_after_the_end_of_their_jobs() -> Result<()> {
    let shared = Shared::start()?;
    let start = |role| shared.site(role)?.with("RUST_LOG", "info").start();
    let nodes = [start("api")?, start("api")?];
    let _workers = [start("worker")?, start("worker")?];
    let wait = |number: usize| {
        let client = nodes[number % 2].client.clone();
        spawn(move || answers(&client))
    };
    let callers: Vec<_> = (0..CALLERS).map(wait).collect();
    let mut answered = HashMap::new();
    for caller in callers {
        answered.extend(caller.join().map_err(|_| anyhow::anyhow!("panicked"))??);
    }
    let ends = shared.ask(ENDS)?;
    let mut late = Vec::new();
    for line in ends.lines() {
        let (job, ended) = line.split_once(' ').context("one column")?;
        let answered = answered.get(&job.parse()?).context("an unknown job")?;
        late.push(answered - ended.parse::<i64>()?);
    }
    late.sort_unstable();
    assert_eq!(late.len(), CALLERS * JOBS);
    let (most, longest) = (late[late.len() * 95 / 100 - 1], late[late.len() - 1]);
    println!(
        "nodes: of {} callers at two nodes 95 % are answered within {most} ms of the end of their \
         jobs at two others, all within {longest} ms",
        late.len()
    );
    ensure!(most < LIMIT, "{late:?}");
    Ok(())
}

/// Requests images and waits for them, again and again, and returns when each answer came.
fn answers(client: &Client) -> Result<Vec<(u64, i64)>> {
    let mut answered = Vec::new();
    for _ in 0..JOBS {
        let (status, answer) = client.make(&request())?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        ensure!(
            status == 200 && answer["status"] == "success",
            "not waited for: {answer}"
        );
        answered.push((id(&answer)?, i64::try_from(now)?));
    }
    Ok(answered)
}
