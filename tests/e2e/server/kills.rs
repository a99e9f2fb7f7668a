//! `kill -9` at every point of a job's life: no job is lost, none is visible
//! twice, and one that kills its process fails after three attempts.

use std::thread;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::client::{Client, PROMPT, request_with};
use super::process::Site;

const POINTS: [&str; 8] = [
    "accepted",
    "inserted",
    "enqueued",
    "claimed",
    "denoising",
    "encoded",
    "stored",
    "finishing",
];

/// The prompt of the job during which the server dies.
const VICTIM: &str = "portrait of a person in a storm";

#[test]
fn no_job_is_lost_wherever_the_server_is_killed() -> Result<()> {
    POINTS.iter().try_for_each(|point| survive(point))
}

#[test]
#[ignore = "takes minutes: `cargo xtask verify kill`"]
fn no_job_is_lost_three_times_over() -> Result<()> {
    for round in 1..=3 {
        for point in POINTS {
            survive(point).with_context(|| format!("round {round}, killed at {point}"))?;
        }
    }
    Ok(())
}

/// Kills a server at `point` of a job between two others, and has the next
/// server finish all accepted jobs.
fn survive(point: &str) -> Result<()> {
    let mut site = Site::new()?.with("FACEGEN__SERVER__SYNC_WAIT_SECONDS", "0");
    site.set("FACEGEN__TESTING__HALT_AT", point);
    site.set("FACEGEN__TESTING__PROMPT", VICTIM);
    let first = site.start()?;
    let before = promised(&first.client, PROMPT)?;
    // The response to this one may never come.
    let client = first.client.clone();
    let victim = thread::spawn(move || promised(&client, VICTIM));
    first.wait_for(&format!("halted at {point}"))?;
    // A request that is sent now may be answered or cut off.
    let client = first.client.clone();
    let after = thread::spawn(move || promised(&client, PROMPT));
    let is_taken_in = !["accepted", "inserted", "enqueued"].contains(&point);
    let mut ids = vec![before];
    if is_taken_in {
        // Its response came before the worker claimed it.
        ids.extend(victim.join().map_err(|_| anyhow::anyhow!("panicked"))?);
        ids.extend(after.join().map_err(|_| anyhow::anyhow!("panicked"))?);
        first.kill()?;
    } else {
        first.kill()?;
        // A response that came in time is a promise like every other.
        ids.extend(victim.join().ok().and_then(Result::ok));
        ids.extend(after.join().ok().and_then(Result::ok));
    }

    site.set("FACEGEN__TESTING__HALT_AT", "");
    let second = site.start()?;
    for id in &ids {
        let answer = second.client.result(*id)?;
        assert_eq!(answer["status"], "success", "{point}: {answer}");
    }
    // A written job is finished, whether or not its caller got the response: a
    // caller whose request reached the database has exactly one job.
    let succeeded = all_succeeded(&second.client)?;
    let written = if point == "accepted" { 1..=2 } else { 2..=3 };
    assert!(written.contains(&succeeded.len()), "{point}: {succeeded:?}");
    assert!(ids.iter().all(|id| succeeded.contains(id)));
    for id in succeeded {
        let answer = second.client.result(id)?;
        assert_eq!(second.client.image(&answer)?.get(1..4), Some(&b"PNG"[..]));
    }
    Ok(())
}

/// Returns the jobs, of which every one has succeeded. Ids count up from 1.
fn all_succeeded(client: &Client) -> Result<Vec<u64>> {
    let mut ids = Vec::new();
    for id in 1.. {
        if client.fetch(id)?.0 != 200 {
            break;
        }
        let answer = client.result(id)?;
        assert_eq!(answer["status"], "success", "{answer}");
        ids.push(id);
    }
    Ok(ids)
}

fn promised(client: &Client, prompt: &str) -> Result<u64> {
    let (_, answer) = client.make(&request_with("prompt", json!(prompt)))?;
    id(&answer)
}

fn id(answer: &Value) -> Result<u64> {
    answer["id"].as_u64().with_context(|| answer.to_string())
}

#[test]
fn a_job_that_kills_the_server_fails_and_its_neighbours_finish() -> Result<()> {
    let mut site = Site::new()?.with("FACEGEN__SERVER__SYNC_WAIT_SECONDS", "0");
    site.set("FACEGEN__TESTING__HALT_AT", "claimed");
    site.set("FACEGEN__TESTING__PROMPT", VICTIM);
    let first = site.start()?;
    let poison = promised(&first.client, VICTIM)?;
    first.wait_for("halted at claimed")?;
    let neighbours = [
        promised(&first.client, PROMPT)?,
        promised(&first.client, PROMPT)?,
    ];
    // The engine did not have it yet: this kill is not counted against the job.
    first.kill()?;

    site.set("FACEGEN__TESTING__HALT_AT", "");
    site.set("FACEGEN__TESTING__ABORT_AT", "denoising");
    for _ in 1..=3 {
        assert!(!site.launch()?.end()?.success());
    }
    let last = site.start()?;
    let answer = last.client.result(poison)?;
    assert_eq!(answer["status"], "failed", "{answer}");
    for neighbour in neighbours {
        assert_eq!(last.client.result(neighbour)?["status"], "success");
    }
    Ok(())
}

#[test]
fn a_job_during_which_the_server_is_killed_three_times_succeeds() -> Result<()> {
    let mut site = Site::new()?.with("FACEGEN__SERVER__SYNC_WAIT_SECONDS", "0");
    site.set("FACEGEN__TESTING__HALT_AT", "denoising");
    site.set("FACEGEN__TESTING__PROMPT", VICTIM);
    let first = site.start()?;
    let victim = promised(&first.client, VICTIM)?;
    first.wait_for("halted at denoising")?;
    let behind = promised(&first.client, PROMPT)?;
    first.kill()?;
    for _ in 2..=3 {
        let next = site.launch()?;
        next.wait_for("halted at denoising")?;
        next.kill()?;
    }
    site.set("FACEGEN__TESTING__HALT_AT", "");
    let last = site.start()?;
    for job in [victim, behind] {
        assert_eq!(last.client.result(job)?["status"], "success");
    }
    Ok(())
}
