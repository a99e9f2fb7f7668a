//! SeaweedFS as a process: a real server that speaks S3. Tests and the demo of many
//! machines share it, so it knows nothing of this project.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A bucket whose objects are publicly readable.
pub(crate) const PUBLIC: &str = "public-images";

/// The secret of the only key.
pub(crate) const SECRET: &str = "the secret of the bucket";

/// The id of the only key.
pub(crate) const KEY_ID: &str = "facegen";

/// The file of its log, in its directory.
pub(crate) const LOG: &str = "log";

/// What has a port of its own; the first one speaks S3, the second one knows the others.
const PARTS: [&str; 8] = [
    "s3.port",
    "master.port",
    "s3.port.grpc",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
];

/// A running server, killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Weed {
    /// Where it speaks S3.
    pub(crate) address: SocketAddr,
    /// Where its parts find each other.
    pub(crate) master: SocketAddr,
    process: Child,
}

impl Weed {
    /// Starts the program in an empty directory.
    ///
    /// # Errors
    /// The program is missing, or the directory cannot be written.
    pub(crate) fn spawn(program: &Path, directory: &Path) -> io::Result<Self> {
        let config = directory.join("s3.json");
        fs::write(&config, identities())?;
        let ports = free_ports()?;
        let mut command = Command::new(program);
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
        for (part, port) in PARTS.iter().zip(&ports) {
            command.arg(format!("-{part}={port}"));
        }
        let log = File::create(directory.join(LOG))?;
        let at = |index: usize| SocketAddr::from((Ipv4Addr::LOCALHOST, ports[index]));
        Ok(Self {
            address: at(0),
            master: at(1),
            process: command.stdout(Stdio::null()).stderr(log).spawn()?,
        })
    }

    /// Returns whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> io::Result<bool> {
        Ok(self.process.try_wait()?.is_some())
    }
}

impl Drop for Weed {
    fn drop(&mut self) {
        // It may have exited by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn identities() -> String {
    format!(
        r#"{{"identities": [
            {{"name": "facegen", "credentials": [{{"accessKey": "{KEY_ID}", "secretKey": "{SECRET}"}}],
              "actions": ["Admin", "Read", "Write", "List"]}},
            {{"name": "anonymous", "actions": ["Read:{PUBLIC}"]}}
        ]}}"#
    )
}

/// Returns ports on which no process listens at this time.
fn free_ports() -> io::Result<Vec<u16>> {
    // All at once, so that no two are the same.
    let listeners = PARTS.map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    let port = |listener: io::Result<TcpListener>| Ok(listener?.local_addr()?.port());
    listeners.into_iter().map(port).collect()
}
