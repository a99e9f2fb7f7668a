//! `restart_server`, `clear_queue` and `update_server`.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::{request, request_with};
use super::process::{API_KEY, Server, Site};
use super::receiver::Receiver;
use crate::program::PRESETS;

const ENDPOINT: &str = "/api/v1/enterprise/face_gen";

/// Sends the server a command with the admin key.
fn tell(server: &Server, name: &str) -> Result<(u16, Value)> {
    let path = format!("{ENDPOINT}/{name}");
    server.client.post(&path, &json!({ "key": API_KEY }))
}

/// Submits a job that takes a while.
fn submit_long(server: &Server) -> Result<u64> {
    let mut long = request_with("width", json!(512));
    long["height"] = json!(256);
    let (_, answer) = server.client.make(&long)?;
    answer["id"].as_u64().with_context(|| answer.to_string())
}

fn submit(server: &Server, request: &Value) -> Result<u64> {
    let (_, answer) = server.client.make(request)?;
    ensure!(answer["status"] == "processing", "{answer}");
    answer["id"].as_u64().context("no id")
}

fn readiness(server: &Server) -> Result<Value> {
    Ok(serde_json::from_slice(&server.client.get("/readyz")?.1)?)
}

/// Waits until the server reports this status.
fn wait_until(server: &Server, status: &str) -> Result<Value> {
    for _ in 0..1200 {
        let readiness = readiness(server)?;
        if readiness["status"] == status {
            return Ok(readiness);
        }
        sleep(Duration::from_millis(100));
    }
    anyhow::bail!("the server never becomes {status}")
}

#[test]
fn a_restarted_server_runs_the_waiting_jobs() -> Result<()> {
    let site = Site::new()?.with("FACEGEN__SERVER__SYNC_WAIT_SECONDS", "0");
    let server = site.start()?;
    let networks = tell(&server, "system_details")?.1["model_count"].clone();
    assert_eq!(networks, 7);
    let mut jobs = vec![submit_long(&server)?];
    for seed in 0..3 {
        jobs.push(submit(&server, &request_with("seed", json!(seed)))?);
    }

    let expected = json!({
        "status": "success",
        "message": "server restarting",
        "server_status": "restarting",
    });
    // The second one has no other effect than its answer.
    for _ in 0..2 {
        assert_eq!(tell(&server, "restart_server")?, (200, expected.clone()));
    }
    assert_eq!(readiness(&server)?["status"], "loading");
    let details = tell(&server, "system_details")?.1;
    assert_eq!(details["model_count"], 0);
    server.wait_for("models reloaded")?;
    assert_eq!(readiness(&server)?["status"], "ready");
    for job in jobs {
        assert_eq!(server.client.result(job)?["status"], "success");
    }
    assert_eq!(server.count("reloading models"), 1);
    Ok(())
}

#[test]
fn models_that_cannot_be_reloaded_are_reported_and_can_be_repaired() -> Result<()> {
    let models = TempDir::new()?;
    copy(Path::new(PRESETS), models.path())?;
    let mut site = Site::new()?.with("FACEGEN__SERVER__SYNC_WAIT_SECONDS", "0");
    site.set(
        "FACEGEN__ENGINE__MODELS_DIR",
        &models.path().display().to_string(),
    );
    let server = site.start()?;
    let tokenizer = models.path().join("demo/tokenizer/tokenizer.json");
    let sound = fs::read(&tokenizer)?;
    fs::write(&tokenizer, "damaged")?;
    tell(&server, "restart_server")?;
    let broken = wait_until(&server, "broken")?;
    let reason = "the models could not be loaded again, the log says why";
    assert_eq!(broken, json!({"status": "broken", "reason": reason}));
    server.wait_for("tokenizer.json")?;
    let job = submit(&server, &request())?;
    assert_eq!(server.client.fetch(job)?.1["status"], "processing");

    fs::write(&tokenizer, sound)?;
    tell(&server, "restart_server")?;
    wait_until(&server, "ready")?;
    assert_eq!(server.client.result(job)?["status"], "success");
    Ok(())
}

#[test]
fn a_cleared_queue_notifies_the_receiver_and_keeps_running_jobs() -> Result<()> {
    let receiver = Receiver::new()?;
    let mut site = Site::new()?.with("FACEGEN__SERVER__SYNC_WAIT_SECONDS", "0");
    site.set("FACEGEN__OUTBOUND__ALLOW_NETWORKS", "[\"127.0.0.0/8\"]");
    let server = site.start()?;
    let running = submit_long(&server)?;
    let ahead = submit(&server, &request())?;
    let waiting = submit(&server, &request_with("webhook", json!(receiver.url()?)))?;
    let cleared = json!({"status": "success", "message": "Queue cleared"});
    assert_eq!(tell(&server, "clear_queue")?, (200, cleared));
    let webhook_body = receiver.next()?;
    assert_eq!(webhook_body["id"], waiting);
    assert_eq!(webhook_body["status"], "failed");
    assert_eq!(webhook_body["message"], "the request was cancelled");
    assert_eq!(server.client.fetch(waiting)?.1["status"], "failed");
    assert_eq!(server.client.result(running)?["status"], "success");
    server.client.result(ahead)?;
    Ok(())
}

#[test]
fn an_update_applies_what_it_can_and_names_the_rest() -> Result<()> {
    let directory = TempDir::new()?;
    let file = directory.path().join("facegen.toml");
    fs::write(&file, "")?;
    let site = Site::new()?.with("FACEGEN_CONFIG", &file.display().to_string());
    let server = site.start()?;
    assert_eq!(server.client.fetch(77)?.0, 404);

    fs::write(
        &file,
        "[server]\nlegacy_http_200 = true\n[log]\nformat = \"json\"",
    )?;
    let updated = json!({"status": "success", "message": "server updating"});
    assert_eq!(tell(&server, "update_server")?, (200, updated.clone()));
    assert_eq!(server.client.fetch(77)?.0, 200);
    let line = server.wait_for("need a restart")?;
    assert!(line.contains("log.format"), "{line}");

    for (text, culprit) in [
        ("[queue]\nlimit = 0", "queue.limit"),
        ("[safety]\nmandatory = true", "it has no safety checker"),
        (
            "[engine]\ndevice = \"metal:7\"",
            "metal device 7 cannot be used",
        ),
        (
            "[engine]\ndevice = \"cuda:77\"",
            "cuda device 77 cannot be used",
        ),
    ] {
        fs::write(&file, text)?;
        let refused = tell(&server, "update")?;
        // As before: nothing has changed.
        assert_eq!((refused.0, &refused.1["status"]), (200, &json!("error")));
        server.wait_for(culprit)?;
        assert!(!refused.1.to_string().contains(culprit), "{}", refused.1);
    }
    assert_eq!(readiness(&server)?["status"], "ready");
    assert_eq!(server.count("reloading models"), 0);

    fs::write(&file, "[models]\naccept = [\"something\"]")?;
    assert_eq!(tell(&server, "update")?, (200, updated));
    server.wait_for("models reloaded")?;
    let line = server.wait_for("unknown licences")?;
    assert!(line.contains("something"), "{line}");
    assert_eq!(server.client.fetch(77)?.0, 404);
    assert_eq!(server.client.make(&request())?.1["status"], "success");
    Ok(())
}

/// Copies a directory with all that is in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        // Links to directories are copied as well.
        if entry.path().is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
