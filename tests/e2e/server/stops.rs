//! Signals, a second server, requeued jobs, and servers that do not start.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::json;
use tempfile::TempDir;

use super::client::{request, request_with};
use super::process::{API_KEY, Site};
use super::requests::readiness;

#[test]
fn a_stopped_server_leaves_its_jobs_to_the_next() -> Result<()> {
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
        second.client.image(&answer)?;
    }
    Ok(())
}

#[test]
fn a_hangup_reloads_the_config_and_stops_nothing() -> Result<()> {
    let directory = TempDir::new()?;
    let file = directory.path().join("facegen.toml");
    fs::write(&file, "")?;
    let site = Site::new()?.with("FACEGEN_CONFIG", &file.display().to_string());
    let server = site.start()?;
    assert_eq!(server.client.fetch(77)?.0, 404);
    fs::write(&file, "[server]\nlegacy_http_200 = true")?;
    server.send("HUP")?;
    server.wait_for("config reloaded")?;
    assert_eq!(server.client.fetch(77)?.0, 200);
    fs::write(&file, "[queue]\nlimit = 0")?;
    server.send("HUP")?;
    server.wait_for("failed to reload config, keeping the old one")?;
    assert_eq!(server.client.make(&request())?.1["status"], "success");
    assert!(server.terminate()?.success());
    Ok(())
}

/// Another process that locks the database, until it is dropped.
struct Holder(Child);

impl Holder {
    fn of(database: &Path) -> Result<Self> {
        let script = "import sqlite3, sys\n\
                      held = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
                      held.execute('BEGIN EXCLUSIVE')\n\
                      print('held', flush=True)\n\
                      sys.stdin.read()";
        let mut command = Command::new("python3");
        command.args(["-c", script]).arg(database);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = Self(command.spawn()?);
        let mut line = [0; 4];
        let out = holder.0.stdout.as_mut().context("it says nothing")?;
        out.read_exact(&mut line)?;
        ensure!(&line == b"held");
        Ok(holder)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_database_that_another_process_locks_is_reported_within_seconds() -> Result<()> {
    let site = Site::new()?;
    let server = site.start()?;
    let database = site.directory().join("facegen.db");
    let holder = Holder::of(&database)?;
    let began = Instant::now();
    let state = readiness(&server, 503)?;
    // A second until the next check, and three until SQLite times out.
    ensure!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(state["status"], "broken", "{state}");
    let began = Instant::now();
    assert_eq!(server.client.make(&request())?.0, 503);
    ensure!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    drop(holder);
    readiness(&server, 200)?;
    assert_eq!(server.client.make(&request())?.1["status"], "success");
    assert!(server.terminate()?.success());

    // One that starts meanwhile reports it as well, and works once the database is free.
    let holder = Holder::of(&database)?;
    let server = site.start()?;
    let state = readiness(&server, 503)?;
    assert_eq!(state["status"], "broken", "{state}");
    drop(holder);
    readiness(&server, 200)?;
    assert_eq!(server.client.make(&request())?.1["status"], "success");
    assert!(server.terminate()?.success());
    Ok(())
}

#[test]
fn an_admin_key_that_can_be_guessed_is_refused() -> Result<()> {
    let mut site = Site::new()?.with("FACEGEN_API_KEY", "a");
    let output = site
        .command(&["serve", "--preset", "random", "--listen", "127.0.0.1:0"])?
        .output()?;
    let text = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("keys.allow_short_admin_key"), "{text}");
    site.set("FACEGEN__KEYS__ALLOW_SHORT_ADMIN_KEY", "true");
    site.set("FACEGEN_APIKEY", "b");
    let server = site.start()?;
    assert!(
        server
            .wait_for("FACEGEN_APIKEY")?
            .contains("no such environment variable")
    );
    Ok(())
}

#[test]
fn a_waiting_caller_gets_the_id_when_the_server_stops() -> Result<()> {
    let site = Site::new()?.with("FACEGEN__SERVER__SHUTDOWN_GRACE_SECONDS", "0");
    let server = site.start()?;
    let client = server.client.clone();
    // The largest image there is, far from ready when the server stops.
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
fn a_server_whose_engine_hangs_ends_and_the_next_one_makes_the_image() -> Result<()> {
    let mut site = Site::new()?.with("FACEGEN__SERVER__SYNC_WAIT_SECONDS", "0");
    // Accepting a photo is a step as well, and takes long on a slow machine.
    site.set("FACEGEN__ENGINE__STEP_TIMEOUT_SECONDS", "15");
    site.set("FACEGEN__TESTING__ENGINE_HANGS", "cpu");
    let first = site.start()?;
    let (_, answer) = first.client.make(&request())?;
    let id = answer["id"].as_u64().context("no id")?;
    first.wait_for("engine timed out, this process must be restarted")?;
    assert_eq!(first.end()?.code(), Some(6));

    site.set("FACEGEN__TESTING__ENGINE_HANGS", "");
    site.set("FACEGEN__ENGINE__STEP_TIMEOUT_SECONDS", "300");
    let second = site.start()?;
    assert_eq!(second.client.result(id)?["status"], "success");
    Ok(())
}

#[test]
fn a_hanging_engine_that_is_to_be_replaced_ends_the_server() -> Result<()> {
    let mut site = Site::new()?.with("FACEGEN__SERVER__SYNC_WAIT_SECONDS", "0");
    site.set("FACEGEN__ENGINE__STEP_TIMEOUT_SECONDS", "15");
    site.set("FACEGEN__TESTING__ENGINE_HANGS", "cpu");
    let server = site.start()?;
    server.client.make(&request())?;
    server.wait_for("the engine hangs on purpose")?;
    let restart = "/api/v1/enterprise/face_gen/restart_server";
    let (status, answer) = server.client.post(restart, &json!({"key": API_KEY}))?;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(server.end()?.code(), Some(6));
    Ok(())
}

#[test]
fn a_data_directory_has_one_server() -> Result<()> {
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
    let output = site
        .command(&["serve", "--preset", "random", "--listen", &address])?
        .output()?;
    let text = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text.contains(&format!("cannot listen on {address}")),
        "{text}"
    );
    Ok(())
}
