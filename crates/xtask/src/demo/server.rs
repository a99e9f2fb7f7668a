//! The server of the demo, started for it and stopped afterwards.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::workspace::Workspace;
use crate::{process, report};

/// The key of the demo's server, which listens on loopback only.
pub(super) const API_KEY: &str = "demo-enterprise-api-key";

/// What the server logs when it is ready, before its address.
const READY: &str = "listening on ";

/// The longest time that loading the demo's models may take.
const TIMEOUT: Duration = Duration::from_secs(300);

/// A running `facegen serve`, killed when it is dropped.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// Starts the server on a free port, forwards its log, and waits until it is ready.
    pub(super) fn start(workspace: &Workspace, data_dir: &Path) -> Result<Self> {
        Self::launch("", &mut command(workspace, data_dir))
    }

    /// Starts a server by this command. The lines of its log begin with `name`, if it has one.
    pub(super) fn launch(name: &str, command: &mut Command) -> Result<Self> {
        let mut child = process::start(command)?;
        let name = match name {
            "" => String::new(),
            name => format!("{name:<8} | "),
        };
        let log = child.stderr.take().context("the server has no log")?;
        let (ready, address) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(log).lines().map_while(Result::ok) {
                report::line(format_args!("{name}{line}"));
                if let Some((_, address)) = line.split_once(READY) {
                    // Only the first line is awaited.
                    let _ = ready.send(address.trim().to_owned());
                }
            }
        });
        let mut server = Self {
            child,
            address: String::new(),
        };
        server.address = address
            .recv_timeout(TIMEOUT)
            .context("the server did not start")?;
        Ok(server)
    }

    /// Posts `body` and returns the response, whatever its status.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let url = format!("{}{path}", self.address);
        report::line(format_args!("$ curl --json @request.json {url}"));
        let mut response = ureq::post(&url)
            .config()
            .http_status_as_error(false)
            .build()
            .content_type("application/json")
            .send(body.to_string())?;
        let text = response.body_mut().read_to_string()?;
        serde_json::from_str(&text).with_context(|| format!("{url} answered {text}"))
    }

    /// Returns the bytes of a link.
    pub(super) fn download(&self, link: &str) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut body = ureq::get(link).call()?.into_body();
        body.as_reader().read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Stops the server and waits for its end.
    pub(super) fn stop(mut self) -> Result<()> {
        let id = self.child.id().to_string();
        process::run(Command::new("kill").args(["-TERM", &id]))?;
        let status = self.child.wait()?;
        process::success("facegen serve", status)
    }
}

/// Returns the command of a server with the demo preset.
pub(super) fn command(workspace: &Workspace, data_dir: &Path) -> Command {
    let mut command = Command::new(workspace.target.join("debug").join("facegen"));
    command.args(["serve", "--preset", "demo", "--listen", "127.0.0.1:0"]);
    command.arg("--data-dir").arg(data_dir);
    command
        .env("FACEGEN_API_KEY", API_KEY)
        .current_dir(&workspace.root)
        .stderr(Stdio::piped());
    command
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail when it has already stopped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
