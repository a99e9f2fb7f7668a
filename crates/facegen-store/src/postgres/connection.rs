//! Where the database is, and how it is spoken to.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use facegen_core::store::StoreError;
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use thiserror::Error;

/// Where a PostgreSQL database is, and what opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresSource {
    /// `postgres://USER@HOST:PORT/DATABASE`, without a password. Parameters as
    /// libpq has them may follow; `sslrootcert` names a file with the
    /// certificates of an own authority.
    pub url: String,
    /// A file whose first line is the password.
    pub password_file: Option<PathBuf>,
}

/// Why a database cannot be asked for. No text quotes the URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UrlError {
    /// It is the URL of something else.
    #[error("the url of the database does not begin with postgres://")]
    Scheme,
    /// It is no URL, or has a parameter that it cannot have.
    #[error("the url of the database cannot be read")]
    Unreadable,
    /// It holds a password.
    #[error("the password of the database belongs into a file of its own, not into the url")]
    Password,
    /// It asks for a connection to another host that anyone could intercept.
    #[error("sslmode must be verify-full or verify-ca where the database is on another host")]
    Unverified,
}

impl From<UrlError> for StoreError {
    fn from(error: UrlError) -> Self {
        Self::Database(Box::new(error))
    }
}

impl PostgresSource {
    /// Checks the URL, without asking for the database.
    ///
    /// # Errors
    /// It cannot be read, or names a password or a connection that is not
    /// verified.
    pub fn check(&self) -> Result<(), UrlError> {
        self.parsed().map(drop)
    }

    /// Returns how each connection is opened.
    ///
    /// # Errors
    /// As [`PostgresSource::check`], or the password cannot be read.
    pub(crate) fn options(&self) -> Result<PgConnectOptions, StoreError> {
        let options = self.parsed()?;
        match &self.password_file {
            Some(path) => Ok(options.password(&password(path)?)),
            None => Ok(options),
        }
    }

    fn parsed(&self) -> Result<PgConnectOptions, UrlError> {
        let schemes = ["postgres://", "postgresql://"];
        if !schemes.iter().any(|scheme| self.url.starts_with(scheme)) {
            return Err(UrlError::Scheme);
        }
        if has_password(&self.url) {
            return Err(UrlError::Password);
        }
        // What the parser says could quote the url.
        let options = PgConnectOptions::from_str(&self.url).map_err(|_| UrlError::Unreadable)?;
        let options = verified(options)?;
        Ok(options
            .application_name("facegen")
            .disable_statement_logging())
    }
}

fn has_password(url: &str) -> bool {
    let (_, rest) = url.split_once("://").unwrap_or_default();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    user.is_some_and(|user| user.contains(':'))
        || rest.contains("?password=")
        || rest.contains("&password=")
}

/// With TLS whose certificate is verified, unless the connection stays on this
/// host.
fn verified(options: PgConnectOptions) -> Result<PgConnectOptions, UrlError> {
    if stays_here(&options) {
        return Ok(options);
    }
    match options.get_ssl_mode() {
        PgSslMode::VerifyCa | PgSslMode::VerifyFull => Ok(options),
        // It is what is meant when nothing is said.
        PgSslMode::Prefer => Ok(options.ssl_mode(PgSslMode::VerifyFull)),
        PgSslMode::Disable | PgSslMode::Allow | PgSslMode::Require => Err(UrlError::Unverified),
    }
}

fn stays_here(options: &PgConnectOptions) -> bool {
    let host = options.get_host().trim_matches(['[', ']']);
    let address = host.parse::<IpAddr>();
    options.get_socket().is_some()
        || host.starts_with('/')
        || host.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|address| address.is_loopback())
}

fn password(path: &Path) -> Result<String, StoreError> {
    let text = std::fs::read_to_string(path).map_err(|source| StoreError::File {
        path: path.to_owned(),
        source,
    })?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(url: &str) -> PostgresSource {
        PostgresSource {
            url: url.into(),
            password_file: None,
        }
    }

    fn mode(url: &str) -> Result<String, String> {
        let options = source(url).options();
        let mode = options.map(|options| format!("{:?}", options.get_ssl_mode()));
        mode.map_err(|error| error.to_string())
    }

    #[test]
    fn another_host_is_verified() {
        for url in [
            "postgres://facegen@db.example/facegen",
            "postgresql://facegen@db.example:6432/facegen?sslmode=prefer",
            "postgres://facegen@10.0.0.1/facegen?sslmode=verify-full&sslrootcert=/etc/ca.pem",
        ] {
            assert_eq!(mode(url).unwrap(), "VerifyFull", "{url}");
        }
        let own = "postgres://facegen@db.example/facegen?sslmode=verify-ca";
        assert_eq!(mode(own).unwrap(), "VerifyCa");
        for weak in ["disable", "allow", "require"] {
            let error = mode(&format!("postgres://a@db.example/b?sslmode={weak}")).unwrap_err();
            assert!(error.contains("sslmode must be"), "{error}");
        }
    }

    #[test]
    fn this_host_needs_no_tls() {
        for url in [
            "postgres://facegen@localhost/facegen?sslmode=disable",
            "postgres://facegen@127.0.0.1:5433/facegen?sslmode=disable",
            "postgres://facegen@[::1]/facegen?sslmode=disable",
            "postgres://facegen@%2Fvar%2Frun%2Fpostgresql/facegen?sslmode=disable",
            "postgres:///facegen?host=/var/run/postgresql&sslmode=disable",
        ] {
            assert_eq!(mode(url).unwrap(), "Disable", "{url}");
        }
    }

    #[test]
    fn no_url_with_a_password_is_taken_or_quoted() {
        for url in [
            "postgres://facegen:hunter2@localhost/facegen",
            "postgres://facegen@localhost/facegen?password=hunter2",
            "postgres://facegen@localhost/facegen?sslmode=disable&password=hunter2",
            "postgres://facegen@local host:hunter2/facegen",
            "mysql://hunter2@localhost/facegen",
        ] {
            let error = mode(url).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn the_password_is_the_first_line_of_its_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "a word\n").unwrap();
        assert_eq!(password(file.path()).unwrap(), "a word");
        let error = password(Path::new("/nonexistent/password")).unwrap_err();
        assert!(matches!(error, StoreError::File { .. }), "{error:?}");
    }
}
