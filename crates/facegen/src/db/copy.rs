//! `facegen db copy`: from SQLite to PostgreSQL.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use facegen_store::PostgresSource;
use facegen_store::copy::{CopiedTable, copy};

use super::images::{self, Images, Moved};
use crate::config::Config;
use crate::failure::Failure;
use crate::output;
use crate::serve::IMAGES;

/// From where to where.
#[derive(Debug, clap::Args)]
pub(crate) struct CopyArguments {
    /// The database to copy: facegen.db of a data directory. It is brought up to
    /// date first, and otherwise left as it is.
    #[arg(long, value_name = "sqlite:PATH", value_parser = parse_sqlite)]
    from: PathBuf,
    /// The database to copy to, which has to be empty:
    /// postgres://USER@HOST:PORT/DATABASE, without a password.
    #[arg(long, value_name = "URL")]
    to: String,
    /// A file whose first line is the password; that of database.password_file
    /// when absent.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Leave the images in the data directory, for one server that goes on with
    /// it. Otherwise they move to the bucket of the config.
    #[arg(long)]
    keep_images: bool,
}

fn parse_sqlite(text: &str) -> Result<PathBuf, String> {
    match text.strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() => Ok(PathBuf::from(path)),
        Some(_) | None => Err("expected sqlite: and the path of a file".to_owned()),
    }
}

/// Copies, and prints what is there then.
pub(super) async fn run(arguments: &CopyArguments, config: &Config) -> Result<(), Failure> {
    let source = PostgresSource {
        url: arguments.to.clone(),
        password_file: arguments.password_file.clone().or_else(|| {
            let file = &config.database.password_file;
            (!file.as_os_str().is_empty()).then(|| file.clone())
        }),
    };
    let checked = source.check().context("--to cannot be used");
    checked.map_err(Failure::Usage)?;
    let directory = images_of(&arguments.from);
    let images = match (arguments.keep_images, config.storage.s3.settings()) {
        (true, _) => Destination::DataDirectory,
        (false, Some(settings)) => {
            Destination::Bucket(Box::new(Images::open(directory, settings)?))
        }
        (false, None) => {
            images::ensure_none(&directory).map_err(Failure::Usage)?;
            Destination::None(directory)
        }
    };
    Ok(copy_all(arguments, &source, images).await?)
}

/// Where the images are to be.
enum Destination {
    /// In the bucket, to which they are copied.
    Bucket(Box<Images>),
    /// Where they are.
    DataDirectory,
    /// Nowhere: there are none in this directory.
    None(PathBuf),
}

/// Returns the directory of images that belongs to a database.
fn images_of(database: &Path) -> PathBuf {
    database.with_file_name(IMAGES)
}

async fn copy_all(
    arguments: &CopyArguments,
    source: &PostgresSource,
    images: Destination,
) -> Result<()> {
    let copied = copy(&arguments.from, source, |table, rows| {
        tracing::info!(table, rows, "rows copied");
    });
    // It keeps servers off until the images have moved, too.
    let copied = copied.await.context("the database cannot be copied")?;
    output::print(&table_of(&copied.tables))?;
    match images {
        Destination::Bucket(images) => {
            let moved = images.copy_all().await;
            let moved = moved.context("the images cannot be copied to the bucket")?;
            output::line(&line_of(moved))
        }
        Destination::DataDirectory => Ok(()),
        // A server may have made some before it was stopped.
        Destination::None(directory) => images::ensure_none(&directory),
    }
}

fn table_of(tables: &[CopiedTable]) -> String {
    let mut text = format!("{:12} {:>9} {:>9}  sha256\n", "table", "rows", "copied");
    for table in tables {
        let copied = table.rows - table.found;
        text += &format!(
            "{:12} {:>9} {copied:>9}  {}\n",
            table.name, table.rows, table.sha256
        );
    }
    text
}

fn line_of(moved: Moved) -> String {
    format!(
        "images: {} copied to the bucket, {} there before",
        moved.copied, moved.found
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_images_are_next_to_the_database() {
        let path = parse_sqlite("sqlite:/var/lib/facegen/facegen.db").unwrap();
        assert_eq!(images_of(&path), Path::new("/var/lib/facegen/pictures"));
        for wrong in ["facegen.db", "sqlite:", "postgres://a/b"] {
            assert!(parse_sqlite(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_table_is_a_line() {
        let tables = [CopiedTable {
            name: "keys",
            rows: 12,
            found: 2,
            sha256: "ab".into(),
        }];
        assert_eq!(
            table_of(&tables),
            "table             rows    copied  sha256\nkeys                12        10  ab\n"
        );
    }
}
