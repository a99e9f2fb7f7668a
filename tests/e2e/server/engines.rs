//! Several engines in one process, on the CPU.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::client::request_with;
use super::process::{Server, Site};

const TWO: &str = "[\"cpu\", \"cpu\"]";

fn site() -> Result<Site> {
    let site = Site::new()?.of_demo();
    Ok(site.with("FACEGEN__SERVER__SYNC_WAIT_SECONDS", "0"))
}

/// Requests an image for each of these seeds; returns the jobs.
fn submit(server: &Server, seeds: std::ops::Range<u32>) -> Result<Vec<u64>> {
    let submit = |seed| {
        let (status, answer) = server.client.make(&request_with("seed", json!(seed)))?;
        ensure!(status == 200, "{answer}");
        answer["id"].as_u64().context("no id")
    };
    seeds.map(submit).collect()
}

/// How many jobs each engine made.
type OfEngines = BTreeMap<String, usize>;

/// Returns the images of jobs, and how many each engine made.
fn results(server: &Server, ids: &[u64]) -> Result<(Vec<Vec<u8>>, OfEngines)> {
    let mut images = Vec::new();
    let mut engines = BTreeMap::new();
    for id in ids {
        let answer = server.client.result(*id)?;
        ensure!(answer["status"] == "success", "{answer}");
        images.push(server.client.image(&answer)?);
        let job = server.client.job(*id)?;
        let engine = job["engine"].as_str().context("no engine")?;
        *engines.entry(engine.to_owned()).or_default() += 1;
    }
    Ok((images, engines))
}

#[test]
fn jobs_go_to_both_engines_and_equal_those_of_one_engine() -> Result<()> {
    let mut site = site()?;
    let one = site.start()?;
    let (alone, engines) = results(&one, &submit(&one, 0..6)?)?;
    assert_eq!(engines, BTreeMap::from([("cpu".to_owned(), 6)]));
    assert!(one.terminate()?.success());

    site.set("FACEGEN__ENGINE__DEVICES", TWO);
    let two = site.start()?;
    let (images, engines) = results(&two, &submit(&two, 0..6)?)?;
    assert!(images == alone, "the same bytes");
    let names: Vec<_> = engines.keys().map(String::as_str).collect();
    assert_eq!(names, ["cpu", "cpu#2"], "{engines:?}");
    let (_, metrics) = two.client.get("/metrics")?;
    let metrics = String::from_utf8(metrics)?;
    for line in [
        "facegen_engine_ready{engine=\"cpu\"} 1",
        "facegen_engine_ready{engine=\"cpu#2\"} 1",
        "stage=\"denoising\",engine=\"cpu#2\"",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    Ok(())
}

#[test]
fn an_engine_that_hangs_does_not_stop_the_other() -> Result<()> {
    let mut site = site()?.with("FACEGEN__ENGINE__DEVICES", TWO);
    // Accepting a photo is a step as well, and takes long on a slow machine.
    site.set("FACEGEN__ENGINE__STEP_TIMEOUT_SECONDS", "15");
    site.set("FACEGEN__TESTING__ENGINE_HANGS", "cpu#2");
    let server = site.start()?;
    let ids = submit(&server, 0..4)?;
    server.wait_for("engine timed out, abandoned")?;
    let (_, engines) = results(&server, &ids)?;
    assert_eq!(engines, BTreeMap::from([("cpu".to_owned(), 4)]));
    assert_eq!(server.client.get("/readyz")?.0, 200);
    let (_, engines) = results(&server, &submit(&server, 4..6)?)?;
    assert_eq!(engines, BTreeMap::from([("cpu".to_owned(), 2)]));
    assert!(server.terminate()?.success());
    Ok(())
}

#[test]
fn a_restart_loads_each_engine_again() -> Result<()> {
    let site = site()?.with("FACEGEN__ENGINE__DEVICES", TWO);
    let server = site.start()?;
    let restart = "/api/v1/enterprise/face_gen/restart_server";
    let key = json!({"key": super::process::API_KEY});
    let (status, answer) = server.client.post(restart, &key)?;
    assert_eq!(status, 200, "{answer}");
    server.wait_for("models reloaded")?;
    let (_, engines) = results(&server, &submit(&server, 0..6)?)?;
    assert_eq!(engines.len(), 2, "{engines:?}");
    Ok(())
}
