//! The files for Kubernetes and systemd match each other and the program.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use facegen_store::{PostgresSource, PostgresStore};
use facegen_testkit::postgres::{FAST, Postgres};
use serde::Deserialize as _;
use serde_yaml::Value;

use crate::program::executable;

const KUBERNETES: &str = "deploy/kubernetes";
const SYSTEMD: &str = "deploy/systemd";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn text(name: &str) -> Result<String> {
    fs::read_to_string(path(name)).with_context(|| name.to_owned())
}

fn documents(name: &str) -> Result<Vec<Value>> {
    let text = text(name)?;
    let documents = serde_yaml::Deserializer::from_str(&text);
    Ok(documents
        .map(Value::deserialize)
        .collect::<Result<_, _>>()?)
}

/// Returns every object of the directory.
fn objects() -> Result<Vec<Value>> {
    let kustomization = kustomization()?;
    let mut objects = Vec::new();
    for resource in strings(&kustomization["resources"]) {
        objects.extend(documents(&format!("{KUBERNETES}/{resource}"))?);
    }
    Ok(objects)
}

fn kustomization() -> Result<Value> {
    let mut documents = documents(&format!("{KUBERNETES}/kustomization.yaml"))?;
    documents.pop().context("it is empty")
}

fn list(value: &Value) -> &[Value] {
    value.as_sequence().map_or(&[], Vec::as_slice)
}

fn strings(value: &Value) -> Vec<&str> {
    list(value).iter().filter_map(Value::as_str).collect()
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |object| object["kind"] == kind)
}

/// Returns the names and the pods of everything that has pods.
fn pods(objects: &[Value]) -> Vec<(&str, &Value)> {
    let with_pods = of_kind(objects, "Deployment").chain(of_kind(objects, "Job"));
    with_pods
        .filter_map(|object| {
            let name = object["metadata"]["name"].as_str()?;
            Some((name, &object["spec"]["template"]))
        })
        .collect()
}

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    let spec = &pod["spec"];
    list(&spec["initContainers"])
        .iter()
        .chain(list(&spec["containers"]))
}

/// Returns the labels of a pod as they are applied.
fn labels(pod: &Value) -> BTreeMap<&str, &str> {
    let labels = pod["metadata"]["labels"].as_mapping().into_iter().flatten();
    let own = labels.filter_map(|(name, value)| Some((name.as_str()?, value.as_str()?)));
    let common = [("app.kubernetes.io/name", "facegen")];
    common.into_iter().chain(own).collect()
}

fn selects(selector: &Value, labels: &BTreeMap<&str, &str>) -> bool {
    let wanted = selector["matchLabels"].as_mapping().into_iter().flatten();
    let mut wanted = wanted.filter_map(|(name, value)| Some((name.as_str()?, value.as_str()?)));
    let expressions = list(&selector["matchExpressions"]);
    wanted.all(|(name, value)| labels.get(name) == Some(&value))
        && expressions.iter().all(|expression| {
            let key = expression["key"].as_str().unwrap_or_default();
            let values = strings(&expression["values"]);
            labels.get(key).is_some_and(|value| values.contains(value))
        })
}

/// Returns whether the config has a setting of this variable.
fn is_setting(variable: &str) -> Result<bool> {
    let Some(setting) = variable.strip_prefix("FACEGEN__") else {
        let known = ["FACEGEN_API_KEY_FILE", "FACEGEN_MASTER_KEY_FILE"];
        return Ok(known.contains(&variable));
    };
    let defaults: toml::Table = text("config/default.toml")?.parse()?;
    let defaults = toml::Value::Table(defaults);
    let setting = setting.to_lowercase();
    let found = |setting: &str| {
        let mut parts = setting.split("__");
        parts.try_fold(&defaults, |at, part| at.get(part)).is_some()
    };
    Ok(found(&setting) || setting.strip_suffix("_file").is_some_and(found))
}

fn grace() -> Result<i64> {
    let defaults: toml::Table = text("config/default.toml")?.parse()?;
    let grace = defaults["server"]["shutdown_grace_seconds"].as_integer();
    grace.context("there is no grace")
}

#[test]
fn every_file_is_applied() -> Result<()> {
    let kustomization = kustomization()?;
    let mut applied = BTreeSet::from(["kustomization.yaml"]);
    applied.extend(strings(&kustomization["resources"]));
    for generated in list(&kustomization["configMapGenerator"]) {
        applied.extend(strings(&generated["files"]));
    }
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(path(KUBERNETES))? {
        found.insert(entry?.file_name().into_string().unwrap_or_default());
    }
    assert_eq!(found, applied.into_iter().map(str::to_owned).collect());
    Ok(())
}

#[test]
fn what_refers_to_pods_finds_them() -> Result<()> {
    let objects = objects()?;
    let pods = pods(&objects);
    let selected = |selector: &Value| {
        let pods = pods
            .iter()
            .filter(|(_, pod)| selects(selector, &labels(pod)));
        pods.map(|(name, _)| *name).collect::<Vec<_>>()
    };
    for kind in ["Deployment", "PodDisruptionBudget"] {
        for object in of_kind(&objects, kind) {
            let name = object["metadata"]["name"].as_str().context("no name")?;
            assert_eq!(selected(&object["spec"]["selector"]), [name]);
        }
    }
    for policy in of_kind(&objects, "NetworkPolicy") {
        assert!(!selected(&policy["spec"]["podSelector"]).is_empty());
    }
    let service = of_kind(&objects, "Service").next().context("no service")?;
    let selector = serde_yaml::to_value(BTreeMap::from([(
        "matchLabels",
        &service["spec"]["selector"],
    )]))?;
    assert_eq!(selected(&selector), ["facegen-api"]);
    for (kind, target) in [
        ("HorizontalPodAutoscaler", "facegen-api"),
        ("ScaledObject", "facegen-worker"),
    ] {
        let scaler = of_kind(&objects, kind).next().context("no scaler")?;
        assert_eq!(scaler["spec"]["scaleTargetRef"]["name"], target);
        // What scales it would be undone by each `apply`.
        let mut deployments = of_kind(&objects, "Deployment");
        let scaled = deployments.find(|object| object["metadata"]["name"] == target);
        assert!(scaled.context("no target")?["spec"]["replicas"].is_null());
    }
    Ok(())
}

#[test]
fn containers_are_confined_and_have_what_they_name() -> Result<()> {
    let (objects, kustomization) = (objects()?, kustomization()?);
    let images = list(&kustomization["images"]).iter();
    let images: Vec<&Value> = images.map(|image| &image["name"]).collect();
    let mut variables = 0;
    for (name, pod) in pods(&objects) {
        let spec = &pod["spec"];
        assert_eq!(spec["automountServiceAccountToken"], false, "{name}");
        assert_eq!(spec["securityContext"]["runAsNonRoot"], true, "{name}");
        let volumes = list(&spec["volumes"]);
        let secrets: BTreeSet<String> = volumes
            .iter()
            .flat_map(|volume| list(&volume["secret"]["items"]))
            .filter_map(|item| Some(format!("/run/secrets/facegen/{}", item["path"].as_str()?)))
            .collect();
        for container in containers(pod) {
            let security = &container["securityContext"];
            assert_eq!(security["readOnlyRootFilesystem"], true, "{name}");
            assert_eq!(security["allowPrivilegeEscalation"], false, "{name}");
            assert_eq!(strings(&security["capabilities"]["drop"]), ["ALL"]);
            assert!(!container["resources"]["limits"]["memory"].is_null());
            assert!(images.contains(&&container["image"]), "{name}");
            for mount in list(&container["volumeMounts"]) {
                let mut volumes = volumes.iter();
                assert!(volumes.any(|volume| volume["name"] == mount["name"]));
            }
            for variable in list(&container["env"]) {
                let variable_name = variable["name"].as_str().context("no name")?;
                assert!(is_setting(variable_name)?, "{variable_name}");
                let value = variable["value"].as_str().context("no value")?;
                assert!(
                    !variable_name.ends_with("_FILE") || secrets.contains(value),
                    "{name} {variable_name}"
                );
                variables += 1;
            }
        }
    }
    assert!(variables > 10);
    Ok(())
}

#[test]
fn nodes_that_answer_name_the_device_of_the_workers() -> Result<()> {
    let objects = objects()?;
    let mut devices = BTreeMap::new();
    for (name, pod) in pods(&objects) {
        let mut variables = containers(pod).flat_map(|container| list(&container["env"]));
        let device = variables.find(|variable| variable["name"] == "FACEGEN__ENGINE__DEVICE");
        devices.insert(name, device.and_then(|variable| variable["value"].as_str()));
    }
    assert!(devices["facegen-worker"].is_some());
    assert_eq!(devices["facegen-api"], devices["facegen-worker"]);
    Ok(())
}

#[test]
fn nodes_are_watched_and_stop_in_time() -> Result<()> {
    let objects = objects()?;
    let grace = grace()?;
    for (name, pod) in pods(&objects) {
        if name == "facegen-migrate" {
            continue;
        }
        let container = &pod["spec"]["containers"][0];
        for (probe, address) in [
            ("startupProbe", "/healthz"),
            ("livenessProbe", "/healthz"),
            ("readinessProbe", "/readyz"),
        ] {
            assert_eq!(container[probe]["httpGet"]["path"], address, "{name}");
        }
        let pause = &container["lifecycle"]["preStop"]["sleep"]["seconds"];
        let needed = grace + pause.as_i64().unwrap_or(0) + 5;
        let given = pod["spec"]["terminationGracePeriodSeconds"].as_i64();
        assert!(given > Some(needed), "{name}: {given:?}, not over {needed}");
        let gpus = &container["resources"]["limits"]["nvidia.com/gpu"];
        assert_eq!(gpus.as_i64(), (name == "facegen-worker").then_some(1));
    }
    Ok(())
}

#[test]
fn the_settings_of_the_cluster_are_accepted() -> Result<()> {
    let file = path(&format!("{KUBERNETES}/facegen.toml"));
    let mut print = Command::new(executable()?);
    print.args(["config", "print", "--config"]).arg(&file);
    print.env("FACEGEN__STORAGE__S3__ACCESS_KEY_ID", "id");
    print.env("FACEGEN__STORAGE__S3__SECRET_ACCESS_KEY", "secret");
    let output = print.output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{error}");
    let printed: toml::Table = String::from_utf8(output.stdout)?.parse()?;
    let given: toml::Table = fs::read_to_string(&file)?.parse()?;
    assert_eq!(printed["queue"]["limit"], given["queue"]["limit"]);
    // The models that the workers fetch are those of the preset.
    let objects = objects()?;
    let workers = pods(&objects);
    let (_, worker) = workers
        .iter()
        .find(|(name, _)| *name == "facegen-worker")
        .context("no worker")?;
    let fetched = strings(&worker["spec"]["initContainers"][0]["args"]);
    assert_eq!(fetched.last().copied(), given["engine"]["preset"].as_str());
    Ok(())
}

/// The role of the scaler as the guide creates it, and its statements on a real database.
#[tokio::test]
async fn the_scaler_counts_what_waits_with_the_rights_of_its_role() -> Result<()> {
    let server = tokio::task::spawn_blocking(|| Postgres::start(FAST)).await?;
    let database = server.create();
    let source = PostgresSource {
        url: server.url(&database),
        password_file: None,
    };
    drop(PostgresStore::open(&source).await?);
    let guide = text("docs/guides/deploy.md")?;
    let role = guide
        .split_once("```text\nCREATE ROLE")
        .context("no role")?
        .1;
    let role = role.split_once("```").context("no end")?.0;
    server.ask(&database, &format!("CREATE ROLE{role}"));
    let waiting = fs::read_to_string(path("tests/e2e/waiting.sql"))?;
    server.ask(&database, &waiting);
    let objects = objects()?;
    let scaler = of_kind(&objects, "ScaledObject").next().context("none")?;
    let mut found = BTreeMap::new();
    for trigger in list(&scaler["spec"]["triggers"]) {
        assert_eq!(trigger["type"], "postgresql");
        let metadata = &trigger["metadata"];
        let user = metadata["userName"].as_str().context("no user")?;
        let query = metadata["query"].as_str().context("no query")?;
        let name = trigger["name"].as_str().context("no name")?;
        let value = server.ask(&database, &format!("SET ROLE {user}; {query}"));
        found.insert(name, value.parse::<f64>()?);
    }
    assert_eq!(found["depth"], 3.0);
    assert!((90.0..120.0).contains(&found["wait"]), "{found:?}");
    Ok(())
}

/// Returns the values of a key in a unit.
fn values<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    let lines = unit.lines().filter_map(|line| line.split_once('='));
    lines
        .filter(|(name, _)| *name == key)
        .map(|(_, value)| value)
        .collect()
}

/// Drivers call their devices by different names in `/proc/devices`.
#[test]
fn a_worker_may_use_the_devices_of_every_driver() -> Result<()> {
    let unit = text(&format!("{SYSTEMD}/facegen-worker@.service"))?;
    let allowed = values(&unit, "DeviceAllow");
    for device in ["nvidia-frontend", "nvidia", "nvidiactl", "nvidia-uvm"] {
        let line = format!("char-{device} rw");
        assert!(allowed.contains(&line.as_str()), "{line}");
    }
    Ok(())
}

/// Fields of KEDA's objects that came later than its first version, and with which.
#[test]
fn the_guide_asks_for_a_scaler_that_knows_its_fields() -> Result<()> {
    let guide = text("docs/guides/deploy.md")?;
    let stated = guide.split_once("[KEDA](https://keda.sh) 2.");
    let stated = stated.and_then(|(_, rest)| rest.split_once(' '));
    let stated: u32 = stated.context("no version of keda")?.0.parse()?;
    let objects = objects()?;
    let scaler = of_kind(&objects, "ScaledObject").next().context("none")?;
    let fallback = &scaler["spec"]["fallback"];
    assert!(fallback["behavior"].is_null() || stated >= 17);
    Ok(())
}

#[test]
fn units_name_settings_credentials_and_a_timeout_that_suffices() -> Result<()> {
    let grace = grace()?;
    for entry in fs::read_dir(path(SYSTEMD))? {
        let unit = fs::read_to_string(entry?.path())?;
        let credentials = values(&unit, "LoadCredential").into_iter();
        let credentials: BTreeSet<String> = credentials
            .filter_map(|credential| Some(format!("%d/{}", credential.split_once(':')?.0)))
            .collect();
        let mut used = BTreeSet::new();
        for variable in values(&unit, "Environment") {
            let (name, value) = variable.split_once('=').context("no value")?;
            assert!(is_setting(name)?, "{name}");
            used.extend(value.starts_with("%d/").then(|| value.to_owned()));
        }
        assert_eq!(used, credentials);
        let timeout = values(&unit, "TimeoutStopSec").concat().parse::<i64>()?;
        assert!(timeout > grace + 5);
        assert_eq!(values(&unit, "Restart"), ["always"]);
        assert_eq!(values(&unit, "ProtectSystem"), ["strict"]);
        // The name of the host is in /proc/sys.
        assert!(values(&unit, "ProcSubset").is_empty());
    }
    Ok(())
}
