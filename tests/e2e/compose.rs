//! The compose file is valid, and fits what it starts.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use compose_spec::{Compose, Identifier, ShortOrLong};

#[test]
fn the_compose_file_is_valid_and_names_what_is_there() -> Result<()> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("docker");
    let text = fs::read_to_string(directory.join("compose.yaml"))?;
    let compose: Compose = serde_yaml::from_str(&text)?;
    compose.validate_all()?;

    let server = compose.services.get(&Identifier::new("server")?);
    let server = server.context("there is no server")?;
    let Some(ShortOrLong::Long(build)) = &server.build else {
        anyhow::bail!("the server is not built");
    };
    let dockerfile = format!("{:?}", build.dockerfile);
    assert!(dockerfile.contains("docker/Dockerfile"), "{dockerfile}");

    // The bucket that the server is given is one that everybody may read.
    let bucket = compose.services.get(&Identifier::new("bucket")?);
    bucket.context("there is no bucket")?;
    let settings = [
        "S3__BUCKET: facegen\n",
        "S3__ENDPOINT_URL: http://bucket:8333\n",
    ];
    for setting in settings {
        assert!(text.contains(setting), "{setting}");
    }
    assert!(text.contains("\"Read:facegen\""));

    // A server that stops takes its grace and a few seconds more.
    let defaults = fs::read_to_string(directory.join("../config/default.toml"))?;
    let grace = defaults
        .lines()
        .find_map(|line| line.strip_prefix("shutdown_grace_seconds = "))
        .context("there is no grace")?;
    let grace = Duration::from_secs(grace.parse()?);
    assert!(server.stop_grace_period > Some(grace + Duration::from_secs(5)));
    Ok(())
}
