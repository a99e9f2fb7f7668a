//! Nodes with parts of the work, as processes on one PostgreSQL database and one
//! bucket.

mod answers;
mod faults;
mod lost;
mod proxy;
mod rights;
mod rolling;
mod shared;
mod together;

use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use self::shared::{MASTER_KEY, Shared, id, long, wait_for, wait_for_metric};
use super::client::{Client, keep_file_secret, keep_secret, photo_uri, request, request_with};
use super::process::{API_KEY, Server, Site};

const ENDPOINT: &str = "/api/v1/enterprise/face_gen";

#[test]
fn a_node_that_lacks_what_the_others_share_refuses_to_start() -> Result<()> {
    for role in ["api", "worker"] {
        let mut site = Site::new()?.with("FACEGEN__SERVER__ROLE", role);
        for (missing, name, value) in [
            (
                "database.url",
                "DATABASE__URL",
                "postgres://localhost:1/facegen",
            ),
            ("storage.s3.bucket", "STORAGE__S3__BUCKET", "faces"),
            (
                "storage.s3.access_key_id",
                "STORAGE__S3__ACCESS_KEY_ID",
                "id",
            ),
            (
                "storage.s3.secret_access_key",
                "STORAGE__S3__SECRET_ACCESS_KEY",
                "a secret",
            ),
            (
                "storage.s3.public_url",
                "STORAGE__S3__PUBLIC_URL",
                "http://localhost:1/faces",
            ),
            ("FACEGEN_MASTER_KEY_FILE", "", ""),
        ] {
            let refused = site.launch()?;
            refused.wait_for(missing)?;
            ensure!(!refused.end()?.success(), "{role} starts without {missing}");
            if !name.is_empty() {
                site.set(&format!("FACEGEN__{name}"), value);
            }
        }
    }
    Ok(())
}

#[test]
fn workers_make_what_an_api_node_accepts() -> Result<()> {
    let shared = Shared::start()?;
    let api = shared.site("api")?.start()?;
    // Ready without any engine, and also without any worker.
    assert_eq!(api.client.get("/readyz")?.0, 200);
    let workers = [
        shared.site("worker")?.start()?,
        shared.site("worker")?.start()?,
    ];
    wait_for_metric(&api, r#"facegen_nodes{role="worker"} 2"#)?;
    wait_for_metric(&api, r#"facegen_nodes{role="api"} 1"#)?;
    only_supervisors_are_answered(&workers[0])?;
    faces_are_not_searched_for_without_an_engine(&api)?;
    a_caller_waits_for_another_node(&shared, &api)?;
    an_uploaded_photo_reaches_the_worker(&api)?;
    progress_and_cancel_cross_nodes(&api, &workers)?;
    an_idempotency_key_makes_one_job(&shared, &api)?;
    orders_reach_every_worker(&api, &workers)?;
    nodes_with_another_master_key_are_refused(&shared)?;
    the_check_shows_the_nodes(&shared)?;
    Ok(())
}

fn only_supervisors_are_answered(worker: &Server) -> Result<()> {
    assert_eq!(worker.client.get("/healthz")?.0, 200);
    assert_eq!(worker.client.get("/readyz")?.0, 200);
    assert_eq!(worker.client.get("/openapi.json")?.0, 404);
    let (status, answer) = worker.client.make(&request())?;
    assert_eq!(status, 404, "{answer}");
    Ok(())
}

/// The page asks for them, and goes on without.
fn faces_are_not_searched_for_without_an_engine(api: &Server) -> Result<()> {
    let search = json!({"key": API_KEY, "face_image": photo_uri()});
    let (status, answer) = api.client.post("/v1/faces", &search)?;
    assert_eq!(status, 501, "{answer}");
    let message = answer["message"].as_str().unwrap_or_default();
    ensure!(message.contains("no engine"), "{answer}");
    assert_eq!(answer["retry_after"], Value::Null, "{answer}");
    Ok(())
}

fn a_caller_waits_for_another_node(shared: &Shared, api: &Server) -> Result<()> {
    let (status, answer) = api.client.make(&request())?;
    assert_eq!(
        (status, &answer["status"]),
        (200, &json!("success")),
        "{answer}"
    );
    let link = answer["output"][0].as_str().context("no link")?;
    keep_secret(link);
    ensure!(
        link.starts_with(&shared.links()),
        "{link} is not in the bucket"
    );
    let image = api.client.image(&answer)?;
    ensure!(image.starts_with(b"\x89PNG"), "not a PNG");
    Ok(())
}

/// The photo of a request is a link to a file that only the bucket has.
fn an_uploaded_photo_reaches_the_worker(api: &Server) -> Result<()> {
    let upload = json!({"key": API_KEY, "init_image": photo_uri()});
    let (status, answer) = api.client.post("/api/v6/base64_to_url", &upload)?;
    assert_eq!(status, 200, "{answer}");
    let link = answer["output"][0].as_str().context("no link")?;
    ensure!(
        link.starts_with(api.client.address()),
        "{link} is not at the node"
    );
    keep_secret(link);
    keep_file_secret(&api.client.image(&answer)?);
    let (_, made) = api.client.make(&request_with("face_image", json!(link)))?;
    assert_eq!(made["status"], "success", "{made}");
    Ok(())
}

fn progress_and_cancel_cross_nodes(api: &Server, workers: &[Server]) -> Result<()> {
    let client = api.client.clone();
    let asked = thread::spawn(move || client.make(&long()));
    let job = newest(api)?;
    let running = wait_for(&api.client, job, |view| view["step"].as_u64() > Some(0))?;
    assert_eq!(running["state"], "running", "{running}");
    assert_eq!(running["steps"], 21, "{running}");
    let stops = || -> usize {
        let stop = "attempt stopped, job was claimed by another attempt";
        workers.iter().map(|worker| worker.count(stop)).sum()
    };
    let stopped_before = stops();
    let begin = Instant::now();
    let erased = ureq::delete(format!("{}/v1/jobs/{job}", api.client.address()))
        .header("key", API_KEY)
        .call()?;
    ensure!(erased.status().is_success(), "{}", erased.status());
    while stops() == stopped_before {
        ensure!(
            begin.elapsed() < Duration::from_secs(10),
            "the worker goes on"
        );
        sleep(Duration::from_millis(20));
    }
    let (status, answer) = asked.join().map_err(|_| anyhow::anyhow!("panicked"))??;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(api.client.job(job)?["state"], "cancelled");
    Ok(())
}

/// Waits for a job that has not ended, and returns its id.
fn newest(api: &Server) -> Result<u64> {
    for _ in 0..600 {
        let mut listed = ureq::get(format!("{}/v1/jobs?limit=1", api.client.address()))
            .header("key", API_KEY)
            .call()?;
        let listed: Value = serde_json::from_str(&listed.body_mut().read_to_string()?)?;
        let job = &listed["items"][0];
        if ["queued", "running"].contains(&job["state"].as_str().unwrap_or_default()) {
            return id(job);
        }
        sleep(Duration::from_millis(20));
    }
    bail!("no job runs")
}

fn an_idempotency_key_makes_one_job(shared: &Shared, api: &Server) -> Result<()> {
    let second = shared.site("api")?.start()?;
    let clients: Vec<Client> = (0..8)
        .map(|index| [api, &second][index % 2].client.clone())
        .collect();
    let ask = |client: Client| {
        thread::spawn(move || -> Result<u64> {
            let mut response = ureq::post(format!("{}{ENDPOINT}/make_gen", client.address()))
                .header("Idempotency-Key", "raced on two nodes")
                .content_type("application/json")
                .send(&request().to_string())?;
            id(&serde_json::from_str(
                &response.body_mut().read_to_string()?,
            )?)
        })
    };
    let asked: Vec<_> = clients.into_iter().map(ask).collect();
    let mut ids = Vec::new();
    for asked in asked {
        ids.push(asked.join().map_err(|_| anyhow::anyhow!("panicked"))??);
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    ensure!(second.terminate()?.success(), "it does not stop");
    Ok(())
}

fn orders_reach_every_worker(api: &Server, workers: &[Server]) -> Result<()> {
    let networks = api.client.post(
        &format!("{ENDPOINT}/system_details"),
        &json!({ "key": API_KEY }),
    )?;
    assert_eq!(networks.1["model_count"], 14, "{}", networks.1);
    for (order, line) in [
        ("restart_server", "models reloaded"),
        ("update_server", "config reloaded"),
    ] {
        let path = format!("{ENDPOINT}/{order}");
        let (status, answer) = api.client.post(&path, &json!({ "key": API_KEY }))?;
        assert_eq!(status, 200, "{answer}");
        for worker in workers {
            worker.wait_for(line)?;
        }
    }
    let (_, answer) = api.client.make(&request())?;
    assert_eq!(answer["status"], "success", "{answer}");
    for worker in workers {
        assert_eq!(worker.count("models reloaded"), 1, "once for each order");
    }
    Ok(())
}

fn nodes_with_another_master_key_are_refused(shared: &Shared) -> Result<()> {
    let other = MASTER_KEY.replace("Bwc", "Aws");
    for role in ["api", "worker", "all"] {
        let refused = shared
            .site(role)?
            .with("FACEGEN_MASTER_KEY", &other)
            .launch()?;
        refused.wait_for("the master key is not the one that the nodes on this database share")?;
        ensure!(!refused.end()?.success(), "{role} starts");
    }
    Ok(())
}

fn the_check_shows_the_nodes(shared: &Shared) -> Result<()> {
    let check = |site: Site| -> Result<(bool, String)> {
        let output = site.bare_command(&["db", "check"])?.output()?;
        Ok((output.status.success(), String::from_utf8(output.stdout)?))
    };
    let (works, text) = check(shared.site("api")?)?;
    ensure!(works, "{text}");
    for line in [
        "tables",
        "master key      the one that the nodes share",
        "node api",
        "cpu for",
    ] {
        ensure!(text.contains(line), "no {line} in {text}");
    }
    assert_eq!(text.matches("node worker").count(), 2, "{text}");
    let other = MASTER_KEY.replace("Bwc", "Aws");
    let (works, text) = check(shared.site("api")?.with("FACEGEN_MASTER_KEY", &other))?;
    ensure!(
        !works && text.contains("it is not the one that the nodes share"),
        "{text}"
    );
    Ok(())
}
