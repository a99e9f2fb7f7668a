//! Signals, a second server, hand-back.

use std::thread;

use anyhow::{Context, Result, anyhow};
use serde_json::json;

use super::client::{request, request_with};
use super::process::Site;

#[test]
fn a_stopped_server_hands_its_jobs_to_the_next() -> Result<()> {
    let mut site = Site::new()?.with("FACEGEN__SERVER__SYNC_WAIT_SECONDS", "0");
    site.set("FACEGEN__SERVER__SHUTDOWN_GRACE_SECONDS", "0");
    let first = site.start()?;
    let mut ids = Vec::new();
    for seed in 0..12 {
        let (status, answer) = first.client.make(&request_with("seed", json!(seed)))?;
        assert_eq!(
            (status, &answer["status"]),
            (200, &json!("processing")),
            "{answer}"
        );
        ids.push(answer["id"].as_u64().context("no id")?);
    }
    assert!(first.terminate()?.success());

    let second = site.start()?;
    for id in ids {
        let answer = second.client.result(id)?;
        assert_eq!(answer["status"], "success", "{answer}");
        second.client.picture(&answer)?;
    }
    Ok(())
}

#[test]
fn a_caller_who_waits_is_told_the_id_when_the_server_stops() -> Result<()> {
    let site = Site::new()?.with("FACEGEN__SERVER__SHUTDOWN_GRACE_SECONDS", "0");
    let server = site.start()?;
    let client = server.client.clone();
    // The largest picture there is, far from ready when the server stops.
    let mut largest = request();
    largest["width"] = json!(768);
    largest["height"] = json!(512);
    largest["num_inference_steps"] = json!(41);
    largest["samples"] = json!(2);
    let caller = thread::spawn(move || client.make(&largest));
    while server.client.fetch(1)?.0 != 200 {
        thread::yield_now();
    }
    server.terminate()?;
    let (status, answer) = caller.join().map_err(|_| anyhow!("panicked"))??;
    assert_eq!(
        (status, &answer["status"]),
        (200, &json!("processing")),
        "{answer}"
    );
    assert_eq!(answer["id"], 1);
    Ok(())
}

#[test]
fn a_data_folder_has_one_server() -> Result<()> {
    let site = Site::new()?;
    let _first = site.start()?;
    let second = site.launch()?;
    assert_eq!(second.end()?.code(), Some(1));
    Ok(())
}

#[test]
fn a_port_that_is_taken_is_named() -> Result<()> {
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let site = Site::new()?;
    let output = site.command(&["serve", "--listen", &address])?.output()?;
    let text = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text.contains(&format!("cannot listen on {address}")),
        "{text}"
    );
    Ok(())
}
