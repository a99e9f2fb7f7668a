//! The compose file of several nodes.

use super::*;

/// The services that run the program, and what they do.
const NODES: [(&str, &[&str]); 4] = [
    ("migrate", &["migrate"]),
    ("api", &["serve", "--role", "api"]),
    ("worker", &["serve", "--role", "worker"]),
    ("worker-cuda", &["serve", "--role", "worker"]),
];

fn file() -> Result<File> {
    File::of("docker/compose.scale.yaml", NOTHING)
}

#[test]
fn it_is_valid_and_starts_one_api_node_and_two_workers() -> Result<()> {
    let file = file()?;
    let compose: Compose = serde_yaml::from_value(file.0.clone())?;
    compose.validate_all()?;
    for (name, command) in NODES {
        let service = &file.0["services"][name];
        assert_eq!(strings(&service["command"]), command, "{name}");
    }
    assert_eq!(file.0["services"]["worker"]["deploy"]["replicas"], 2);
    assert!(file.0["services"]["api"]["deploy"]["replicas"].is_null());
    Ok(())
}

#[test]
fn its_services_are_confined() -> Result<()> {
    let file = file()?;
    for (name, service) in file.services() {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(strings(&service["cap_drop"]), ["ALL"], "{name}");
        let options = strings(&service["security_opt"]);
        assert_eq!(options, ["no-new-privileges:true"], "{name}");
        let limits = &service["deploy"]["resources"]["limits"];
        assert!(limits["memory"].is_string() && limits["cpus"].is_string());
        for port in list(&service["ports"]) {
            assert_eq!(port["host_ip"], "127.0.0.1", "{name}");
        }
    }
    // The database is reached through its socket alone.
    let database = &file.0["services"]["database"];
    assert_eq!(database["network_mode"], "none");
    let command = strings(&database["command"]);
    assert!(command.contains(&"listen_addresses="), "{command:?}");
    Ok(())
}

#[test]
fn every_secret_that_a_service_names_is_a_file_of_its_own() -> Result<()> {
    let file = file()?;
    let mut count = 0;
    for (name, service) in file.services() {
        for (variable, path) in environment(service) {
            let Some(secret) = path.strip_prefix("/run/secrets/") else {
                continue;
            };
            assert!(variable.ends_with("_FILE"), "{name} {variable}");
            assert!(strings(&service["secrets"]).contains(&secret), "{name}");
            let file = file.0["secrets"][secret]["file"].as_str();
            assert_eq!(file, Some(format!("./secrets/{secret}").as_str()));
            count += 1;
        }
    }
    assert!(count > 10);
    Ok(())
}

#[test]
fn its_variables_are_settings_and_documented() -> Result<()> {
    let file = file()?;
    let defaults: toml::Table = text("config/default.toml")?.parse()?;
    let defaults = toml::Value::Table(defaults);
    let is_setting = |name: &str| {
        let mut parts = name.split("__");
        parts.try_fold(&defaults, |at, part| at.get(part)).is_some()
    };
    for (name, service) in file.services() {
        for (variable, _) in environment(service) {
            if let Some(setting) = variable.strip_prefix("FACEGEN__") {
                let setting = setting.to_lowercase();
                let without = setting.trim_end_matches("_file");
                assert!(
                    is_setting(&setting) || is_setting(without),
                    "{name} {variable}"
                );
            }
        }
    }
    let guide = text("docs/guides/deploy.md")?;
    let compose = text("docker/compose.scale.yaml")?;
    for name in BTreeSet::from_iter(variables::names(&compose)) {
        assert!(guide.contains(&format!("`{name}`")), "{name}");
    }
    Ok(())
}

#[test]
fn its_nodes_stop_in_time() -> Result<()> {
    let defaults: toml::Table = text("config/default.toml")?.parse()?;
    let grace = defaults["server"]["shutdown_grace_seconds"].as_integer();
    let grace = Duration::from_secs(u64::try_from(grace.context("there is no grace")?)?);
    let compose: Compose = serde_yaml::from_value(file()?.0)?;
    for (name, command) in NODES.iter().filter(|(_, command)| command[0] == "serve") {
        let node = compose.services.get(&Identifier::new(*name)?);
        let node = node.with_context(|| format!("{name} {command:?}"))?;
        assert!(node.stop_grace_period > Some(grace + Duration::from_secs(5)));
    }
    Ok(())
}
