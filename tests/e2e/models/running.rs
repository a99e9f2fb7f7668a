//! `facegen run`: one command from an empty directory to the first image.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::hub::{Break, Hub};
use super::program::{Models, Outcome};
use super::{REPO, of_hub};
use crate::program::{executable, photo};
use crate::python::{printed, python};

/// How long a test waits for what must happen anyway.
const TIMEOUT: Duration = Duration::from_secs(120);

/// An empty directory outside the repository, and a hub with the networks of the
/// demo preset, one of which is for research only.
struct Site {
    directory: TempDir,
    hub: Hub,
    models: Models,
    /// The hash of each file on the hub, by its component.
    hashes: BTreeMap<String, String>,
    /// What is logged.
    log: &'static str,
}

impl Site {
    fn new() -> Result<Self> {
        let (hub, root) = (Hub::start()?, Path::new(env!("CARGO_MANIFEST_DIR")));
        let manifest = fs::read_to_string(root.join("models/demo.toml"))?;
        let manifest: toml::Table = toml::from_str(&manifest)?;
        let components = manifest.get("components");
        let components = components.and_then(toml::Value::as_table);
        let components = components.context("no components")?;
        let (mut lines, mut hashes) = (Vec::new(), BTreeMap::new());
        for (name, table) in components {
            let path = table.get("source").and_then(|source| source.get("path"));
            let path = path.and_then(toml::Value::as_str).context("no path")?;
            if path.ends_with(".json") {
                continue;
            }
            let file = fs::read(root.join("models").join(path))?;
            hashes.insert(name.clone(), hub.add(&format!("{REPO}/{path}"), file));
            let licence = if name == "unet" { "Secret-Lab" } else { "MIT" };
            let line = of_hub(path, &format!("licence = \"{licence}\""));
            lines.push((name.clone(), line));
        }
        let components = lines.iter().map(|(name, line)| (&**name, &**line));
        let models = Models::new(&hub, &components.collect::<Vec<_>>())?;
        Ok(Self {
            directory: TempDir::new()?,
            hub,
            models,
            hashes,
            log: "info",
        })
    }

    fn command(&self, options: &[&str]) -> Result<Command> {
        let mut command = Command::new(executable()?);
        command
            .current_dir(&self.directory)
            .args(["run", "pulled", "--port", "0"]);
        command.args(options);
        command.arg("--models-dir").arg(self.models.models_dir());
        for variable in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env_remove(variable);
        }
        command.env_remove("HF_TOKEN").env_remove("HF_HUB_OFFLINE");
        command
            .env("HF_ENDPOINT", self.hub.endpoint())
            .env("RUST_LOG", self.log);
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(command)
    }

    /// Runs it to its end, which is an error.
    fn refused(&self, options: &[&str]) -> Result<Outcome> {
        self.command(options)?.output()?.try_into()
    }

    fn models(&self) -> PathBuf {
        self.directory.path().join("data/models")
    }

    /// Returns the file into which a component is fetched.
    fn part(&self, component: &str) -> PathBuf {
        let repo = format!("models--{}/blobs", REPO.replace('/', "--"));
        let blob = self.models().join(repo).join(&self.hashes[component]);
        blob.with_extension("part")
    }

    fn start(&self, options: &[&str]) -> Result<Running> {
        let mut child = self.command(options)?.spawn()?;
        let (sender, lines) = channel();
        let stdout = child.stdout.take().context("no output")?;
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // The test is possibly over.
                let _ = sender.send(line);
            }
        });
        let mut stderr = child.stderr.take().context("no log")?;
        let log = thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).map(|_| text)
        });
        let mut running = Running {
            child,
            log: Some(log),
            address: String::new(),
            token: String::new(),
        };
        running.wait_for_link(&lines)?;
        Ok(running)
    }
}

/// A program that has printed its link; killed when it is dropped.
struct Running {
    child: Child,
    log: Option<thread::JoinHandle<std::io::Result<String>>>,
    /// Host and port.
    address: String,
    token: String,
}

impl Running {
    fn wait_for_link(&mut self, lines: &Receiver<String>) -> Result<()> {
        loop {
            let line = lines.recv_timeout(TIMEOUT);
            let line = line.map_err(|_| anyhow::anyhow!("no link: {:?}", self.stop()))?;
            if let Some(link) = line.strip_prefix("open http://") {
                let (address, token) = link.split_once("/#token=").context("no token")?;
                (self.address, self.token) = (address.to_owned(), token.to_owned());
                return Ok(());
            }
        }
    }

    fn link(&self) -> String {
        format!("http://{}/#token={}", self.address, self.token)
    }

    /// Exchanges the token under this name of the host.
    fn exchange(&self, host: &str) -> Result<(u16, Value)> {
        let mut stream = TcpStream::connect(&self.address)?;
        let token = &self.token;
        write!(
            stream,
            "POST /page/key HTTP/1.1\r\nHost: {host}\r\nkey: {token}\r\n\
             Content-Length: 0\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("no body")?;
        let status = head.split(' ').nth(1).context("no status")?;
        Ok((status.parse()?, serde_json::from_str(body)?))
    }

    fn get(&self, path: &str, key: &str) -> Result<Vec<u8>> {
        let url = format!("http://{}{path}", self.address);
        let mut response = ureq::get(url).header("key", key).call()?;
        Ok(response.body_mut().read_to_vec()?)
    }

    /// Makes a small image of the astronaut.
    fn make(&self, key: &str) -> Result<Value> {
        let url = format!(
            "http://{}/api/v1/enterprise/face_gen/make_gen",
            self.address
        );
        let face = base64(&fs::read(photo("astronaut.png"))?);
        let body = json!({
            "prompt": "portrait", "face_image": face, "width": 64, "height": 64, "seed": 1,
        });
        let sent = ureq::post(url).header("key", key).send(body.to_string());
        let text = sent?.body_mut().read_to_string()?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Waits for the image of a job.
    fn image(&self, made: &Value, key: &str) -> Result<Vec<u8>> {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let job = self.get(&format!("/v1/jobs/{}", made["id"]), key)?;
            let job: Value = serde_json::from_slice(&job)?;
            if job["state"] == "succeeded" {
                let link = job["output"][0].as_str().context("no link")?;
                let (_, path) = link.split_once(&self.address).context("another host")?;
                return self.get(path, key);
            }
            ensure!(
                job["state"] != "failed" && Instant::now() < deadline,
                "{job}"
            );
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// Asks it to stop, and returns its log.
    fn stop(&mut self) -> Result<String> {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-s", "TERM", &id]).status()?;
        let status = self.child.wait()?;
        let log = self.log.take().context("it was read already")?;
        let Ok(log) = log.join() else {
            bail!("the log cannot be read");
        };
        let log = log?;
        ensure!(status.success(), "{status}: {log}");
        Ok(log)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn one_command_leads_from_an_empty_directory_to_an_image() -> Result<()> {
    let mut site = Site::new()?;
    site.log = "trace";
    let refused = site.refused(&[])?;
    refused.assert_refused(&["`facegen run pulled --accept Secret-Lab`"]);
    assert!(refused.stdout.contains("for science"), "{refused:?}");
    let other = site.refused(&["--accept", "Secret-Labs"])?;
    assert_eq!(other.exit_code, Some(2), "{other:?}");
    assert_eq!(site.hub.state().requests, [""; 0], "nothing is asked for");

    let mut running = site.start(&["--accept", "Secret-Lab"])?;
    let (foreign, _) = running.exchange("evil.example")?;
    assert_eq!(foreign, 400, "another host spends nothing");
    let (status, body) = running.exchange(&running.address)?;
    assert_eq!(status, 200, "{body}");
    let key = body["key"].as_str().context("no key")?.to_owned();
    let (again, body) = running.exchange(&running.address)?;
    assert_eq!(again, 401, "the link works once");
    assert_eq!(body["key"], Value::Null);
    let made = running.make(&key)?;
    let image = running.image(&made, &key)?;
    assert!(image.starts_with(b"\x89PNG"));
    let log = running.stop()?;
    for secret in [&running.token, &key] {
        assert!(!log.contains(secret.as_str()), "a secret is logged");
    }

    let accepted = fs::read_to_string(site.models().join("accepted-licences"))?;
    let columns: Vec<&str> = accepted.trim_end().split('\t').collect();
    let ["Secret-Lab", hash, time] = columns[..] else {
        bail!("{accepted}");
    };
    assert_eq!(hash, super::sha256(b"for science"));
    assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");

    // The next page owns what the first made, and nothing is fetched again.
    site.hub.state().requests.clear();
    let mut running = site.start(&[])?;
    assert_eq!(site.hub.state().requests, [""; 0]);
    let (_, body) = running.exchange("localhost")?;
    let new = body["key"].as_str().context("no key")?;
    let jobs: Value = serde_json::from_slice(&running.get("/v1/jobs", new)?)?;
    assert_eq!(jobs["items"][0]["id"], made["id"], "{jobs}");
    assert!(
        running.get("/v1/jobs", &key).is_err(),
        "the old key is over"
    );
    running.stop()?;
    Ok(())
}

#[test]
fn a_killed_fetch_goes_on_where_it_was() -> Result<()> {
    let site = Site::new()?;
    let (stalled, cut) = (4096, 5000);
    site.hub.state().breaks.push_back(Break::Stall(stalled));
    let mut command = site.command(&["--accept", "Secret-Lab"])?;
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let parts: Vec<PathBuf> = site.hashes.keys().map(|name| site.part(name)).collect();
    let has_come = |part: &PathBuf| fs::metadata(part).is_ok_and(|part| part.len() >= stalled);
    let deadline = Instant::now() + TIMEOUT;
    while !parts.iter().any(has_come) {
        ensure!(Instant::now() < deadline, "nothing is fetched");
        thread::sleep(Duration::from_millis(5));
    }
    child.kill()?;
    child.wait()?;

    site.hub.state().breaks.push_back(Break::Cut(cut));
    let mut running = site.start(&[])?;
    let ranges = site.hub.state().ranges.clone();
    for offset in [stalled, cut] {
        let range = format!("bytes={offset}-");
        assert!(ranges.contains(&range), "{range} in {ranges:?}");
    }
    let log = running.stop()?;
    let files = site.hashes.len();
    let last = format!("number={files} files={files}");
    assert!(log.contains(&last), "all files count together: {last}");
    Ok(())
}

#[test]
fn offline_it_soon_names_the_host() -> Result<()> {
    let site = Site::new()?;
    let mut command = site.command(&["--accept", "Secret-Lab"])?;
    command.env("HF_ENDPOINT", "https://hub.invalid");
    let begin = Instant::now();
    let refused: Outcome = command.output()?.try_into()?;
    let took = begin.elapsed();
    refused.assert_refused(&["the name of the host hub.invalid cannot be resolved"]);
    assert!(took < Duration::from_secs(5), "{took:?}");
    Ok(())
}

#[test]
fn the_link_gives_one_page_its_key() -> Result<()> {
    let site = Site::new()?;
    let mut running = site.start(&["--accept", "Secret-Lab"])?;
    let given = json!({
        "link": running.link(), "address": format!("http://{}", running.address),
        "token": running.token, "photograph": photo("astronaut.png"),
    });
    let mut person = python()?;
    printed(person.arg("tests/python/page_link.py"), &given.to_string())?;
    running.stop()?;
    Ok(())
}
