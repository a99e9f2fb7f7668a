//! Workers that are killed, freeze or stop while they have a job.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::shared::{LEASE, SLACK, Shared, id, long, wait_for, wait_for_metric};
use crate::server::process::Server;

#[test]
fn the_job_of_a_worker_that_is_lost_is_done_by_the_other() -> Result<()> {
    let shared = Shared::start()?;
    let api = shared
        .site("api")?
        .with("FACEGEN__SERVER__SYNC_WAIT_SECONDS", "0");
    let api = api.start()?;
    for lose in [kill, freeze] {
        let lost = shared.site("worker")?.start()?;
        let job = id(&api.client.make(&long())?.1)?;
        wait_for(&api.client, job, |view| view["step"].as_u64() > Some(0))?;
        let other = shared.site("worker")?.start()?;
        let thaw = lose(lost)?;
        let begin = Instant::now();
        wait_for(&api.client, job, |view| view["attempt"] == 2)?;
        let waited = begin.elapsed();
        ensure!(waited < LEASE + SLACK, "lost for {waited:?}");
        let result = api.client.result(job)?;
        assert_eq!(result["status"], "success", "{result}");
        assert_eq!(api.client.job(job)?["attempt"], 2);
        let image = api.client.image(&result)?;
        if let Some(frozen) = thaw {
            frozen.send("CONT")?;
            frozen.wait_for("attempt stopped, job was claimed by another attempt")?;
            assert_eq!(api.client.image(&result)?, image);
        }
        ensure!(other.terminate()?.success(), "it does not stop");
    }
    Ok(())
}

/// Loses a worker for good.
fn kill(worker: Server) -> Result<Option<Server>> {
    worker.kill()?;
    Ok(None)
}

/// Loses a worker that may come back.
fn freeze(worker: Server) -> Result<Option<Server>> {
    worker.send("STOP")?;
    Ok(Some(worker))
}

#[test]
fn a_stopped_worker_hands_its_job_to_the_other() -> Result<()> {
    let shared = Shared::start()?;
    let api = shared
        .site("api")?
        .with("FACEGEN__SERVER__SYNC_WAIT_SECONDS", "0");
    let api = api.start()?;
    let stopping = shared
        .site("worker")?
        .with("FACEGEN__SERVER__SHUTDOWN_GRACE_SECONDS", "0");
    let stopping = stopping.start()?;
    let job = id(&api.client.make(&long())?.1)?;
    wait_for(&api.client, job, |view| view["step"].as_u64() > Some(0))?;
    let begin = Instant::now();
    ensure!(stopping.terminate()?.success(), "it does not stop");
    let took = begin.elapsed();
    ensure!(took < Duration::from_secs(30), "it stops after {took:?}");
    let view = api.client.job(job)?;
    assert_eq!(view["state"], "queued", "{view}");
    wait_for_metric(&api, r#"facegen_nodes{role="worker"} 0"#)?;

    let _other = shared.site("worker")?.start()?;
    let result = api.client.result(job)?;
    assert_eq!(result["status"], "success", "{result}");
    Ok(())
}
