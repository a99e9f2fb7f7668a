//! `cargo xtask demo --scale`: several nodes, on a PostgreSQL database and a bucket that
//! are started for them.

mod bucket;
mod database;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use self::bucket::Bucket;
use self::database::Database;
use super::server::{self, Server};
use super::{check, result_of};
use crate::report;
use crate::workspace::Workspace;

/// How many images are made.
const IMAGES: u32 = 4;

/// The key that all nodes share: 32 bytes of 7.
const MASTER_KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

/// What the nodes share.
struct Shared<'a> {
    workspace: &'a Workspace,
    directory: PathBuf,
    database: Database,
    bucket: Bucket,
}

impl Shared<'_> {
    /// Starts a node of this role, with a directory of its own.
    fn node(&self, role: &str, name: &str) -> Result<Server> {
        let mut command = server::command(self.workspace, &self.directory.join(name));
        self.bucket.configure(&mut command);
        command
            .env("FACEGEN__SERVER__ROLE", role)
            .env("FACEGEN__SERVER__SYNC_WAIT_SECONDS", "0")
            .env("FACEGEN__DATABASE__URL", &self.database.url)
            .env("FACEGEN_MASTER_KEY", MASTER_KEY);
        Server::launch(name, &mut command)
    }
}

/// Has two workers make what one `api` node accepts, and ends with the line `pictures: PATHS`.
pub(super) fn run(workspace: &Workspace, request: &Value) -> Result<()> {
    let directory = workspace.target.join("demo").join("scale");
    if directory.exists() {
        // Files of an earlier run must not be taken for this run's images.
        fs::remove_dir_all(&directory)?;
    }
    fs::create_dir_all(&directory)?;
    report::heading("start a database and a bucket");
    let shared = Shared {
        workspace,
        database: Database::start()?,
        bucket: Bucket::start(workspace, &directory.join("bucket"))?,
        directory: directory.clone(),
    };
    report::heading("start a node that answers, and two that make images");
    let api = shared.node("api", "api")?;
    let workers = [
        shared.node("worker", "worker-1")?,
        shared.node("worker", "worker-2")?,
    ];
    report::heading("ask for four images");
    let images = images(&api, request, &directory)?;
    report::heading("stop all of them");
    for worker in workers {
        worker.stop()?;
    }
    api.stop()?;
    drop(shared);
    let paths = images.iter().map(|path| workspace.relative(path).display());
    let paths: Vec<String> = paths.map(|path| path.to_string()).collect();
    report::line(format_args!("pictures: {}", paths.join(" ")));
    Ok(())
}

/// Requests all images at once, and returns their files.
fn images(api: &Server, request: &Value, directory: &Path) -> Result<Vec<PathBuf>> {
    let seed = request["seed"].as_u64().unwrap_or_default();
    let mut replies = Vec::new();
    for index in 0..IMAGES {
        let mut one = request.clone();
        one["seed"] = json!(seed + u64::from(index));
        replies.push(api.post(super::MAKE_GEN, &one)?);
    }
    let mut paths = Vec::new();
    for (reply, number) in replies.into_iter().zip(1..) {
        let reply = result_of(api, reply)?;
        let link = reply["output"][0].as_str().context("there is no link")?;
        let path = directory.join(format!("picture-{number}.png"));
        fs::write(&path, api.download(link)?)?;
        check(&path)?;
        paths.push(path);
    }
    Ok(paths)
}
