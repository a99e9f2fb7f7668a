//! The compose file is valid, closed to other hosts by default, and matches the
//! program.

mod scale;
mod variables;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use compose_spec::{Compose, Identifier};
use serde_yaml::Value;

/// Each profile, and the service that it starts.
const PROFILES: [(&str, &str); 5] = [
    ("s3", "bucket"),
    ("models", "models"),
    ("models-cuda", "models-cuda"),
    ("cpu", "server"),
    ("cuda", "server-cuda"),
];
const SERVERS: [&str; 2] = ["server", "server-cuda"];
const SECRETS: [&str; 3] = ["api_key", "s3_access_key_id", "s3_secret_access_key"];
/// The variables without a file of settings.
const NOTHING: &[(&str, &str)] = &[];
/// The variables of an operator with a bucket and all keys.
const EVERYTHING: &[(&str, &str)] = &[
    ("FACEGEN_API_KEY_FILE", "./secrets/api_key"),
    ("FACEGEN_S3_ACCESS_KEY_ID_FILE", "./secrets/id"),
    ("FACEGEN_S3_SECRET_ACCESS_KEY_FILE", "./secrets/secret"),
    (
        "FACEGEN_S3_PUBLIC_URL",
        "http://faces.example:8333/facegen/generations",
    ),
    ("FACEGEN_PUBLIC_URL", "http://faces.example:8080"),
    ("FACEGEN_BIND", "0.0.0.0"),
    ("FACEGEN_CPUS", "3.5"),
    ("FACEGEN_GPUS", "2"),
];

/// The compose file as Docker Compose reads it.
struct File(Value);

impl File {
    fn read(set: &[(&str, &str)]) -> Result<Self> {
        Self::of("docker/compose.yaml", set)
    }

    fn of(path: &str, set: &[(&str, &str)]) -> Result<Self> {
        let mut file: Value = serde_yaml::from_str(&text(path)?)?;
        // What is merged may merge another part.
        loop {
            let before = file.clone();
            file.apply_merge()?;
            if file == before {
                break;
            }
        }
        variables::replace(&mut file, set)?;
        Ok(Self(file))
    }

    fn services(&self) -> impl Iterator<Item = (&str, &Value)> {
        let services = self.0["services"].as_mapping().into_iter().flatten();
        services.filter_map(|(name, service)| Some((name.as_str()?, service)))
    }
}

fn text(path: &str) -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).with_context(|| path.display().to_string())
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_sequence().into_iter().flatten()
}

fn strings(value: &Value) -> Vec<&str> {
    list(value).filter_map(Value::as_str).collect()
}

/// Returns the variables of a service's containers.
fn environment(service: &Value) -> impl Iterator<Item = (&str, &str)> {
    let variables = service["environment"].as_mapping().into_iter().flatten();
    variables.filter_map(|(name, value)| Some((name.as_str()?, value.as_str()?)))
}

#[test]
fn the_compose_file_is_valid() -> Result<()> {
    for set in [NOTHING, EVERYTHING] {
        let compose: Compose = serde_yaml::from_value(File::read(set)?.0)?;
        compose.validate_all()?;
    }
    Ok(())
}

#[test]
fn a_profile_starts_one_service() -> Result<()> {
    let file = File::read(NOTHING)?;
    let found: Vec<_> = file
        .services()
        .map(|(name, service)| (strings(&service["profiles"]), name))
        .collect();
    assert_eq!(found, PROFILES.map(|(profile, name)| (vec![profile], name)));
    // A dependency in another profile must be optional.
    for (name, service) in file.services() {
        let dependencies = service["depends_on"].as_mapping().into_iter().flatten();
        for (_, dependency) in dependencies {
            assert_eq!(dependency["required"], false, "{name}");
        }
    }
    Ok(())
}

#[test]
fn services_are_confined() -> Result<()> {
    let file = File::read(NOTHING)?;
    for (name, service) in file.services() {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(strings(&service["cap_drop"]), ["ALL"], "{name}");
        let options = strings(&service["security_opt"]);
        assert_eq!(options, ["no-new-privileges:true"], "{name}");
        for key in [
            "cap_add",
            "devices",
            "ipc",
            "network_mode",
            "pid",
            "privileged",
        ] {
            assert!(service[key].is_null(), "{name} {key}");
        }
        let limits = &service["deploy"]["resources"]["limits"];
        assert!(
            limits["memory"].is_string() && limits["cpus"].is_string(),
            "{name}"
        );
        // No directory of the host.
        for volume in strings(&service["volumes"]) {
            let (volume, _) = volume.split_once(':').context("no name")?;
            assert!(file.0["volumes"].get(volume).is_some(), "{name} {volume}");
        }
    }
    Ok(())
}

#[test]
fn ports_are_open_to_this_machine_unless_a_variable_says_otherwise() -> Result<()> {
    for (set, address) in [(NOTHING, "127.0.0.1"), (EVERYTHING, "0.0.0.0")] {
        let file = File::read(set)?;
        let mut ports = Vec::new();
        for (name, service) in file.services() {
            for port in list(&service["ports"]) {
                assert_eq!(port["host_ip"], address, "{name}");
                ports.push((name, port["target"].as_u64()));
            }
        }
        let expected = [("bucket", 8333), ("server", 8080), ("server-cuda", 8080)];
        assert_eq!(ports, expected.map(|(name, port)| (name, Some(port))));
    }
    Ok(())
}

#[test]
fn secrets_are_files_that_may_be_missing() -> Result<()> {
    let (without, with) = (File::read(NOTHING)?, File::read(EVERYTHING)?);
    for name in SECRETS {
        assert_eq!(without.0["secrets"][name]["file"], "/dev/null");
        let file = with.0["secrets"][name]["file"].as_str();
        assert!(
            file.is_some_and(|file| file.starts_with("./secrets/")),
            "{name}"
        );
    }
    for (name, service) in without.services() {
        let mut files = environment(service).filter(|(name, _)| name.ends_with("_FILE"));
        assert!(files.all(|(_, path)| path.is_empty()), "{name}");
    }
    for (name, service) in with.services() {
        let is_secret = |name: &str| {
            ["KEY", "SECRET", "TOKEN"]
                .iter()
                .any(|it| name.contains(it))
        };
        for (variable, path) in environment(service).filter(|(name, _)| is_secret(name)) {
            assert!(variable.ends_with("_FILE"), "{name} {variable}");
            let secret = path.strip_prefix("/run/secrets/").context("no secret")?;
            assert!(
                strings(&service["secrets"]).contains(&secret),
                "{name} {secret}"
            );
        }
    }
    Ok(())
}

#[test]
fn variables_of_containers_are_settings() -> Result<()> {
    let defaults: toml::Table = text("config/default.toml")?.parse()?;
    let defaults = toml::Value::Table(defaults);
    let file = File::read(NOTHING)?;
    let mut count = 0;
    for (_, service) in file.services() {
        for (variable, _) in environment(service) {
            if let Some(setting) = variable.strip_prefix("FACEGEN__") {
                let setting = setting.trim_end_matches("_FILE").to_lowercase();
                let found = setting
                    .split("__")
                    .try_fold(&defaults, |at, part| at.get(part));
                assert!(found.is_some(), "{variable}");
                count += 1;
            }
        }
    }
    assert!(count > 0);
    Ok(())
}

/// Checks that the server's bucket is the one that is started, and publicly readable.
#[test]
fn the_bucket_is_used_once_its_public_url_is_set() -> Result<()> {
    const S3: &str = "FACEGEN__STORAGE__S3__";
    let (without, with) = (File::read(NOTHING)?, File::read(EVERYTHING)?);
    for name in SERVERS {
        let server = &without.0["services"][name];
        let mut settings = environment(server).filter(|(name, _)| name.starts_with(S3));
        assert!(settings.all(|(_, value)| value.is_empty()), "{name}");

        let server = &with.0["services"][name];
        let setting = |name: &str| &server["environment"][format!("{S3}{name}")];
        assert_eq!(*setting("BUCKET"), "facegen");
        assert_eq!(*setting("ENDPOINT_URL"), "http://bucket:8333");
        assert_eq!(
            *setting("CHECK_URL"),
            "http://bucket:8333/facegen/generations"
        );
        assert_eq!(*setting("IMAGE_DIRECTORY"), "generations");
    }
    let bucket = &with.0["services"]["bucket"];
    let start = strings(&bucket["command"]).concat();
    assert!(start.contains("\"Read:facegen\""), "{start}");
    for secret in strings(&bucket["secrets"]) {
        assert!(
            start.contains(&format!("$(cat /run/secrets/{secret})")),
            "{start}"
        );
    }
    Ok(())
}

#[test]
fn only_the_service_for_gpus_reserves_gpus() -> Result<()> {
    let file = File::read(NOTHING)?;
    for (name, service) in file.services() {
        let devices = &service["deploy"]["resources"]["reservations"]["devices"];
        if name == "server-cuda" {
            assert_eq!(list(devices).count(), 1);
            assert_eq!(devices[0]["driver"], "nvidia");
            assert_eq!(devices[0]["count"], "all");
            assert_eq!(strings(&devices[0]["capabilities"]), ["gpu"]);
        } else {
            assert!(devices.is_null(), "{name}");
        }
    }
    Ok(())
}

#[test]
fn images_are_built_from_the_dockerfiles() -> Result<()> {
    let file = File::read(NOTHING)?;
    for (name, service) in file.services().filter(|(name, _)| *name != "bucket") {
        let kind = if name.ends_with("-cuda") {
            "cuda"
        } else {
            "cpu"
        };
        assert_eq!(service["image"], format!("facegen:{kind}"));
        assert_eq!(service["pull_policy"], "never");
        let build = &service["build"];
        assert_eq!(build["context"], "..");
        let dockerfile = text(build["dockerfile"].as_str().context("no Dockerfile")?)?;
        assert_eq!(dockerfile.contains("FROM nvidia/cuda:"), kind == "cuda");
        for (argument, default) in build["args"].as_mapping().into_iter().flatten() {
            let (argument, default) = (argument.as_str(), default.as_str());
            let line = argument.zip(default).context("no text")?;
            let line = format!("\nARG {}={}\n", line.0, line.1);
            assert!(dockerfile.contains(&line), "{line}");
        }
        // A volume gets its owner from the directory of the image.
        for volume in strings(&service["volumes"]) {
            let (_, directory) = volume.split_once(':').context("no directory")?;
            let is_made = |line: &str| line.contains("install --directory --owner=facegen");
            let mut lines = dockerfile.lines().filter(|line| is_made(line));
            assert!(
                lines.any(|line| line.split(' ').any(|word| word == directory)),
                "{directory}"
            );
        }
    }
    Ok(())
}

#[test]
fn servers_are_watched_and_stop_in_time() -> Result<()> {
    let file = File::read(NOTHING)?;
    for (name, service) in file.services() {
        let is_one_shot = name.starts_with("models");
        assert_eq!(
            service["healthcheck"]["disable"] == true,
            is_one_shot,
            "{name}"
        );
        assert_eq!(
            !service["healthcheck"]["test"].is_null(),
            !is_one_shot,
            "{name}"
        );
        let restart = if is_one_shot { "no" } else { "unless-stopped" };
        assert_eq!(service["restart"], restart, "{name}");
    }
    // A server that stops takes its grace period and a few seconds more.
    let defaults: toml::Table = text("config/default.toml")?.parse()?;
    let grace = defaults["server"]["shutdown_grace_seconds"].as_integer();
    let grace = Duration::from_secs(u64::try_from(grace.context("there is no grace")?)?);
    let compose: Compose = serde_yaml::from_value(file.0)?;
    for name in SERVERS {
        let server = compose.services.get(&Identifier::new(name)?);
        let server = server.context("there is no server")?;
        assert!(server.stop_grace_period > Some(grace + Duration::from_secs(5)));
    }
    Ok(())
}

#[test]
fn every_variable_of_the_file_is_documented() -> Result<()> {
    let file = text("docker/compose.yaml")?;
    let guide = text("docs/guides/run.md")?;
    for name in BTreeSet::from_iter(variables::names(&file)) {
        assert!(guide.contains(&format!("`{name}`")), "{name}");
    }
    Ok(())
}
