//! A PostgreSQL server: that of `FACEGEN_TEST_POSTGRES`, else one of Debian's
//! package, which ends with this process.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

/// The URL of a database of a running server, whose role may create databases,
/// as of the compilation.
const OTHER: Option<&str> = option_env!("FACEGEN_TEST_POSTGRES");

/// Where Debian has the programs of every version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// Whom the server runs as when the tests run as root, which it refuses.
const UNPRIVILEGED: u32 = 65534;

/// How long the server may take to start.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Runs the server until its input ends, which it does with this process.
const RUN: &str = r#"
"$1/postgres" -D "$2/data" -k "$2" -p "$3" </dev/null >>"$2/log" 2>&1 &
read -r _
kill -INT $!
wait
"#;

/// Nothing has to outlast the test.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
max_connections = 200
shared_buffers = 32MB
fsync = off
full_page_writes = off
synchronous_commit = off
";

/// A running server, and its new databases.
#[derive(Debug)]
pub(super) struct Postgres {
    /// The URL of its first database.
    url: String,
    databases: AtomicU32,
    running: Option<(Child, TempDir)>,
}

impl Postgres {
    /// Starts a server, or takes the one of the environment.
    pub(super) fn start() -> Result<Self> {
        if let Some(url) = OTHER {
            return Ok(Self {
                url: url.to_owned(),
                databases: AtomicU32::new(0),
                running: None,
            });
        }
        let (programs, user) = (programs()?, user()?);
        let directory = TempDir::new()?;
        let own = |path: &Path| user.map_or(Ok(()), |user| chown(path, Some(user), Some(user)));
        own(directory.path())?;
        let data = directory.path().join("data");
        let mut initdb = as_user(programs.join("initdb"), user);
        initdb.args(["--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]);
        initdb.args(["--no-sync", "--username=postgres", "-D"]);
        let made = initdb.arg(&data).output()?;
        ensure!(
            made.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        let settings = data.join("postgresql.auto.conf");
        fs::write(&settings, SETTINGS)?;
        own(&settings)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut server = as_user("sh", user);
        server.args(["-c", RUN, "sh"]).arg(programs);
        server.arg(directory.path()).arg(port.to_string());
        // Signals for the tests are none for the server.
        let running = server.process_group(0).stdin(Stdio::piped()).spawn()?;
        let postgres = Self {
            url: format!("postgres://postgres@127.0.0.1:{port}/postgres"),
            databases: AtomicU32::new(0),
            running: Some((running, directory)),
        };
        postgres.wait()?;
        Ok(postgres)
    }

    fn wait(&self) -> Result<()> {
        let deadline = Instant::now() + TIMEOUT;
        let mut is_ready = Command::new("pg_isready");
        is_ready.args(["--quiet", "--dbname", &self.url]);
        while !is_ready.status()?.success() {
            ensure!(Instant::now() < deadline, "PostgreSQL does not start");
            sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Creates an empty database, and returns its URL.
    pub(super) fn create(&self) -> Result<String> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("facegen_e2e_{}_{number}", std::process::id());
        let mut create = Command::new("createdb");
        create.args(["--encoding", "UTF8", "--template", "template0"]);
        create.args(["--maintenance-db", &self.url, &name]);
        let created = create.output()?;
        ensure!(
            created.status.success(),
            "createdb: {}",
            String::from_utf8_lossy(&created.stderr)
        );
        let (server, _) = self
            .url
            .rsplit_once('/')
            .context("the URL has no database")?;
        Ok(format!("{server}/{name}"))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some((running, _directory)) = &mut self.running {
            drop(running.stdin.take());
            // It ends in any case, only its directory may be left.
            let _ = running.wait();
        }
    }
}

/// Returns the programs of the latest version.
fn programs() -> Result<PathBuf> {
    let versions = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let programs = versions.map(|version| version.path().join("bin"));
    let found = programs.filter(|path| path.join("initdb").exists()).max();
    found.context(
        "this test needs Debian's package postgresql, or the URL of a running server in \
         FACEGEN_TEST_POSTGRES, e.g. postgres://postgres@127.0.0.1:5432/postgres",
    )
}

fn user() -> Result<Option<u32>> {
    use std::os::unix::fs::MetadataExt as _;
    let is_root = fs::metadata("/proc/self")?.uid() == 0;
    Ok(is_root.then_some(UNPRIVILEGED))
}

fn as_user(program: impl AsRef<std::ffi::OsStr>, user: Option<u32>) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/");
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    command
}
