//! The bucket of the demo: a real server that speaks S3, in a directory of its own.

#[path = "../../../../facegen-outbound/tests/s3/weed.rs"]
mod weed;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use self::weed::{KEY_ID, LOG, PUBLIC, SECRET, Weed};
use crate::tools;
use crate::workspace::Workspace;

/// How long it may take to begin.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A bucket until this is dropped.
#[derive(Debug)]
pub(super) struct Bucket {
    weed: Weed,
}

impl Bucket {
    /// Starts the server, and waits until its parts have found each other.
    pub(super) fn start(workspace: &Workspace, directory: &Path) -> Result<Self> {
        let program = tools::seaweed(workspace)?;
        fs::create_dir_all(directory)?;
        let mut bucket = Self {
            weed: Weed::spawn(&program, directory)?,
        };
        let begin = Instant::now();
        while !bucket.works() {
            if begin.elapsed() > TIMEOUT || bucket.weed.has_ended()? {
                let log = fs::read_to_string(directory.join(LOG)).unwrap_or_default();
                bail!("the bucket does not start: {log}");
            }
            sleep(Duration::from_millis(200));
        }
        Ok(bucket)
    }

    /// Adds what a node has to know of it to the environment of its command.
    pub(super) fn configure(&self, command: &mut Command) {
        let at = self.weed.address;
        for (name, value) in [
            ("BUCKET", PUBLIC.to_owned()),
            ("REGION", "us-east-1".to_owned()),
            ("ENDPOINT_URL", format!("http://{at}")),
            ("IMAGE_DIRECTORY", "demo".to_owned()),
            ("ACCESS_KEY_ID", KEY_ID.to_owned()),
            ("SECRET_ACCESS_KEY", SECRET.to_owned()),
            ("PUBLIC_URL", format!("http://{at}/{PUBLIC}/demo")),
        ] {
            command.env(format!("FACEGEN__STORAGE__S3__{name}"), value);
        }
    }

    /// Whether it says where an object could be stored, and also speaks S3.
    fn works(&self) -> bool {
        let (master, at) = (self.weed.master, self.weed.address);
        let assigned = ureq::get(format!("http://{master}/dir/assign")).call();
        let any = ureq::get(format!("http://{at}/{PUBLIC}/none"));
        let any = any.config().http_status_as_error(false).build().call();
        assigned.is_ok() && any.is_ok_and(|response| response.status().as_u16() < 500)
    }
}
