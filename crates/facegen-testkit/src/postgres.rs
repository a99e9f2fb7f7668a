//! A PostgreSQL server of Debian's package, which ends with the process that started it.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Where Debian has the programs of every version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// Whom the server runs as when this process is root's, which it refuses.
const UNPRIVILEGED: u32 = 65534;

/// How long the server may take to begin.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Runs the server until the input ends, which it does when this process is gone, in whatever
/// way. The directory goes with it. Until then each line lets the server crash and begin again.
const RUN: &str = r#"
serve() {
    "$1/postgres" -D "$2/data" -k "$2" -p "$3" </dev/null >>"$2/log" 2>&1 &
}
serve "$@"
while read -r _; do
    kill -QUIT $!
    wait
    serve "$@"
done
kill -INT $!
wait
rm -rf "$2"
"#;

/// Nothing has to outlast a test.
pub const FAST: &str = "
fsync = off
full_page_writes = off
autovacuum = off
";

/// A server that listens at a socket and at a port of this host.
#[derive(Debug)]
pub struct Postgres {
    directory: PathBuf,
    programs: PathBuf,
    port: u16,
    databases: AtomicU32,
    running: Mutex<Child>,
}

impl Postgres {
    /// Returns whether there is a PostgreSQL that can be started.
    #[must_use]
    pub fn is_installed() -> bool {
        find_programs().is_some()
    }

    /// Starts a server with these settings and those that a test needs. Clients need no
    /// password.
    ///
    /// # Panics
    /// Panics where there is no PostgreSQL, or it does not start.
    pub fn start(settings: &str) -> Self {
        Self::start_prepared(settings, |_, _| ())
    }

    /// Starts a server as [`Postgres::start`] does, once `prepare` has added files to its
    /// directory of data, for the user that the server needs.
    ///
    /// # Panics
    /// Panics where there is no PostgreSQL, or it does not start.
    pub fn start_prepared(settings: &str, prepare: impl FnOnce(&Path, Option<u32>)) -> Self {
        let (programs, user) = (programs(), user());
        let directory = tempfile::tempdir().expect("a directory").keep();
        if let Some(user) = user {
            chown(&directory, Some(user), Some(user)).expect("the directory is its user's");
        }
        let data = directory.join("data");
        let mut make = as_user(programs.join("initdb"), user);
        make.args(["--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]);
        make.args(["--no-sync", "--username=postgres", "-D"])
            .arg(&data);
        run(&mut make);
        prepare(&data, user);
        let listen = "listen_addresses = '127.0.0.1'\nmax_connections = 200\n";
        // It is written as root; the server only reads it.
        fs::write(
            data.join("postgresql.conf"),
            format!("{listen}{settings}\n"),
        )
        .expect("settings are written");
        let port = free_port();
        let mut server = as_user("sh", user);
        server.args(["-c", RUN, "sh"]).arg(&programs);
        server.arg(&directory).arg(port.to_string());
        // Signals for this process are none for the server.
        let server = server.process_group(0).stdin(Stdio::piped());
        let postgres = Self {
            running: Mutex::new(server.spawn().expect("the server starts")),
            databases: AtomicU32::new(0),
            directory,
            programs,
            port,
        };
        postgres.wait();
        postgres
    }

    /// Returns the URL of a database over the socket.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let (port, directory) = (self.port, self.directory.display());
        format!("postgres://postgres@localhost:{port}/{database}?host={directory}")
    }

    /// Returns the URL of a database over the port, for a user.
    #[must_use]
    pub fn tcp_url(&self, user: &str, database: &str) -> String {
        let port = self.port;
        format!("postgres://{user}@127.0.0.1:{port}/{database}?sslmode=disable")
    }

    /// Returns the directory of the server's data.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// Returns the port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Lets the server crash and begin again.
    ///
    /// # Panics
    /// Panics when the server has ended.
    pub fn crash(&self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let input = running.stdin.as_mut().expect("the input is open");
        input.write_all(b"\n").expect("the server runs");
    }

    /// Creates an empty database and returns its name.
    ///
    /// # Panics
    /// Panics when the server refuses it.
    pub fn create(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("facegen_{number}");
        self.ask("postgres", &format!("CREATE DATABASE {name}"));
        name
    }

    /// Runs statements and returns what they answer, columns separated by tabs.
    ///
    /// # Panics
    /// Panics when one fails.
    pub fn ask(&self, database: &str, statements: &str) -> String {
        let mut ask = Command::new(self.programs.join("psql"));
        ask.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"]);
        ask.args(["--field-separator=\t", "--set=ON_ERROR_STOP=1", "--command"]);
        ask.arg(statements).arg(self.url(database));
        run(&mut ask).trim_end().to_owned()
    }

    /// Returns the process that the server began with.
    ///
    /// # Panics
    /// Panics when the server has ended.
    #[must_use]
    pub fn process(&self) -> u32 {
        let file = fs::read_to_string(self.directory.join("data/postmaster.pid"));
        let file = file.expect("the server runs");
        let line = file.lines().next().and_then(|line| line.parse().ok());
        line.expect("the file names the process")
    }

    fn wait(&self) {
        let deadline = Instant::now() + TIMEOUT;
        let ready = || {
            let mut ready = Command::new(self.programs.join("pg_isready"));
            let ready = ready.args(["--quiet", "--dbname", &self.url("postgres")]);
            ready.status().is_ok_and(|status| status.success())
        };
        while !ready() {
            let log = || fs::read_to_string(self.directory.join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "no server begins: {}", log());
            sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let running = self
            .running
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        drop(running.stdin.take());
        // It is on its way, whatever comes of it.
        let _ = running.wait();
    }
}

/// The programs of the latest version.
fn programs() -> PathBuf {
    find_programs().expect("it needs Debian's package postgresql")
}

fn find_programs() -> Option<PathBuf> {
    let versions = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let programs = versions.map(|version| version.path().join("bin"));
    programs.filter(|path| path.join("initdb").exists()).max()
}

/// The user that the server needs, `None` for that of this process.
fn user() -> Option<u32> {
    let own = fs::metadata("/proc/self").expect("the process has a directory");
    (own.uid() == 0).then_some(UNPRIVILEGED)
}

/// Returns a command of another user.
#[must_use]
pub fn as_user(program: impl AsRef<Path>, user: Option<u32>) -> Command {
    let mut command = Command::new(program.as_ref());
    command.current_dir("/");
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    command
}

/// Runs a command to its end, and returns what it prints.
///
/// # Panics
/// Panics when it fails.
pub fn run(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, error) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}: {out}{error}");
    out
}

/// A port that is free again.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("it has an address").port()
}
