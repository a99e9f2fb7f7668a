use std::path::Path;

use super::*;

fn load(environment: &Environment) -> Result<Config> {
    Config::load(&ConfigArguments::default(), environment)
}

fn refusal(environment: &Environment) -> String {
    format!("{:#}", load(environment).unwrap_err())
}

#[test]
fn the_defaults_are_complete() {
    let config = load(&Environment::from([])).unwrap();
    assert_eq!(config.server.listen, "127.0.0.1:8080");
    assert_eq!(config.storage.keep_pictures_hours.get(), 24);
}

#[test]
fn every_default_is_explained() {
    let lines: Vec<&str> = DEFAULT.lines().collect();
    for pair in lines.windows(2) {
        let is_setting = pair[1].contains(" = ") && !pair[1].starts_with('#');
        assert!(!is_setting || pair[0].starts_with("# "), "{}", pair[1]);
    }
}

#[test]
fn what_is_printed_can_be_read_again() {
    let config = load(&Environment::from([])).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("facegen.toml");
    std::fs::write(&path, config.to_toml().unwrap()).unwrap();
    let environment = Environment::from([("FACEGEN_CONFIG", path.to_str().unwrap())]);
    assert_eq!(load(&environment).unwrap(), config);
}

#[test]
fn the_production_file_is_valid() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/production.toml");
    let arguments = ConfigArguments {
        config: Some(path),
        ..ConfigArguments::default()
    };
    let config = Config::load(&arguments, &Environment::from([])).unwrap();
    assert_eq!(config.log.format, sections::LogFormat::Json);
    assert!(config.safety.mandatory);
}

#[test]
fn the_stronger_layer_takes_precedence() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("facegen.toml");
    let file = "[queue]\nlimit = 7\nmax_attempts = 5\n[server]\nlisten = \"a:1\"";
    std::fs::write(&path, file).unwrap();
    let arguments = ConfigArguments {
        config: Some(path),
        listen: Some("b:2".to_owned()),
        ..ConfigArguments::default()
    };
    let environment = Environment::from([
        ("FACEGEN__QUEUE__LIMIT", "8"),
        ("FACEGEN__SERVER__LISTEN", "c:3"),
        ("FACEGEN__SERVER__LEGACY_HTTP_200", "true"),
        ("FACEGEN__OUTBOUND__ALLOW_NETWORKS", "[\"10.0.0.0/8\"]"),
    ]);
    let config = Config::load(&arguments, &environment).unwrap();
    assert_eq!(config.queue.max_attempts.get(), 5);
    assert_eq!(config.queue.limit.get(), 8);
    assert_eq!(config.server.listen, "b:2");
    assert!(config.server.legacy_http_200);
    let networks = config.outbound.allow_networks;
    assert_eq!(networks, ["10.0.0.0/8".parse().unwrap()]);
}

#[test]
fn a_node_with_a_part_of_the_work_needs_what_the_others_share() {
    for role in ["api", "worker"] {
        let mut environment = Environment::from([("FACEGEN__SERVER__ROLE", role)]);
        let refused = refusal(&environment);
        assert!(refused.contains("database.url"), "{refused}");
        assert!(refused.contains(&format!("\"{role}\"")), "{refused}");
        environment = environment.with("FACEGEN__DATABASE__URL", "postgres://localhost/a");
        let refused = refusal(&environment);
        assert!(refused.contains("storage.s3.bucket"), "{refused}");
        for (name, value) in [
            ("BUCKET", "faces"),
            ("ACCESS_KEY_ID", "id"),
            ("SECRET_ACCESS_KEY", "secret"),
            ("PUBLIC_URL", "https://cdn.example/faces"),
        ] {
            environment = environment.with(&format!("FACEGEN__STORAGE__S3__{name}"), value);
        }
        assert_eq!(load(&environment).unwrap().server.role.as_str(), role);
    }
    let unknown = refusal(&Environment::from([("FACEGEN__SERVER__ROLE", "boss")]));
    assert!(unknown.contains("server.role"), "{unknown}");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_cannot_be_used_is_named() {
    for (variable, value, culprits) in [
        ("FACEGEN__QUEUE__LIMITS", "1", ["limits", "lease_seconds"]),
        (
            "FACEGEN__QUEUE__LIMIT",
            "0",
            ["\"queue.limit\"", "FACEGEN__QUEUE__LIMIT"],
        ),
        (
            "FACEGEN__QUEUE__LIMIT",
            "many",
            ["\"queue.limit\"", "FACEGEN__QUEUE__LIMIT"],
        ),
        (
            "FACEGEN__ENGINE__DEVICE",
            "gpu",
            ["engine.device", "cuda:NUMBER"],
        ),
        (
            "FACEGEN__ENGINE__DEVICES",
            "[\"cpu\", \"gpu\"]",
            ["engine.devices", "cuda:NUMBER"],
        ),
        (
            "FACEGEN__ENGINE__DEVICES",
            "[\"cpu\", \"cuda:0\"]",
            ["engine.devices", "of one kind"],
        ),
        (
            "FACEGEN__ENGINE__DEVICES",
            "[\"auto\"]",
            ["engine.devices", "auto is none"],
        ),
        (
            "FACEGEN__ENGINE__BATCH_LIMIT",
            "0",
            ["engine.batch_limit", "auto or a number from 1 to 64"],
        ),
        (
            "FACEGEN__ENGINE__BATCH_LIMIT",
            "65",
            ["engine.batch_limit", "from 1 to 64"],
        ),
        (
            "FACEGEN__ENGINE__BATCH_LIMIT",
            "many",
            ["engine.batch_limit", "auto or a number"],
        ),
        (
            "FACEGEN__SERVER__PUBLIC_URL",
            "example.com",
            ["server.public_url", "https://"],
        ),
        (
            "FACEGEN__SERVER__PUBLIC_URL",
            "https://a/b",
            ["server.public_url", "without a path"],
        ),
        (
            "FACEGEN__SERVER__PUBLIC_URL",
            "http://[",
            ["server.public_url", "and a host"],
        ),
        (
            "FACEGEN__SERVER__PUBLIC_URL",
            "http://:80",
            ["server.public_url", "and a host"],
        ),
        (
            "FACEGEN__SERVER__PUBLIC_URL",
            "http://...",
            ["server.public_url", "and a host"],
        ),
        (
            "FACEGEN__SERVER__PUBLIC_URL",
            "http://a:99999",
            ["server.public_url", "and a host"],
        ),
        (
            "FACEGEN__SERVER__ALLOW_ORIGINS",
            "[\"https://a.example\", \"*\"]",
            ["server.allow_origins", "name each origin"],
        ),
        (
            "FACEGEN__SERVER__ALLOW_ORIGINS",
            "[\"https://a.example/\"]",
            ["server.allow_origins", "https://a.example, without"],
        ),
        (
            "FACEGEN__STORAGE__DATA_DIR",
            "\"\"",
            ["storage.data_dir", "name of a directory"],
        ),
        (
            "FACEGEN__DATABASE__URL",
            "postgres://facegen:hunter2@localhost/facegen",
            ["database.url", "a file of its own"],
        ),
        ("FACEGEN__", "1", ["FACEGEN__", "names no setting"]),
        (
            "FACEGEN__QUEUE__LEASE_SECONDS",
            "20",
            ["heartbeat_seconds", "half"],
        ),
        (
            "FACEGEN_CONFIG",
            "/no/such/file",
            ["cannot read", "/no/such/file"],
        ),
    ] {
        let text = refusal(&Environment::from([(variable, value)]));
        for culprit in culprits {
            assert!(text.contains(culprit), "{variable}={value}: {text}");
        }
    }
}

#[test]
fn the_api_key_comes_from_a_variable_or_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    std::fs::write(&path, "from-file\n").unwrap();
    let path = path.to_str().unwrap();
    let key = |environment: &Environment| environment.api_key(true).unwrap();
    let file = key(&Environment::from([("FACEGEN_API_KEY_FILE", path)]));
    assert_eq!(file.unwrap().expose(), "from-file");
    let variable = key(&Environment::from([("FACEGEN_API_KEY", "direct")]));
    assert_eq!(variable.unwrap().expose(), "direct");
    assert!(key(&Environment::from([("FACEGEN_API_KEY", "")])).is_none());

    let both = [("FACEGEN_API_KEY", "a"), ("FACEGEN_API_KEY_FILE", path)];
    assert!(Environment::from(both).api_key(true).is_err());
    std::fs::write(path, " \n").unwrap();
    let empty = Environment::from([("FACEGEN_API_KEY_FILE", path)]);
    assert!(empty.api_key(true).is_err());
}

#[test]
fn an_admin_key_that_can_be_guessed_is_refused_unless_that_is_allowed() {
    for short in ["a", "null", "nineteen characters"] {
        let environment = Environment::from([("FACEGEN_API_KEY", short)]);
        let text = format!("{:#}", environment.api_key(false).unwrap_err());
        assert!(text.contains("fewer than 20 characters"), "{text}");
        assert!(text.contains("keys.allow_short_admin_key"), "{text}");
        assert!(text.len() > 100 || !text.contains(short), "{text}");
        assert!(environment.api_key(true).unwrap().is_some());
    }
    let environment = Environment::from([("FACEGEN_API_KEY", "twenty characters it")]);
    assert!(environment.api_key(false).unwrap().is_some());
    assert!(
        !load(&Environment::from([]))
            .unwrap()
            .keys
            .allow_short_admin_key
    );
}

#[test]
fn variables_that_mean_nothing_are_named() {
    let environment = Environment::from([
        ("FACEGEN_API_KEY", "a"),
        ("FACEGEN_MASTER_KEY_FILE", "b"),
        ("FACEGEN_CONFIG", "c"),
        ("FACEGEN__QUEUE__LIMIT", "1"),
        ("FACEGEN_SERVICE_HOST", "10.0.0.1"),
        ("FACEGEN_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
        ("FACEGENERATOR", "d"),
        ("FACEGEN_APIKEY", "e"),
        ("FACEGEN_SERVER__LISTEN", "f"),
        ("FACEGEN_", "g"),
    ]);
    let unknown = environment.unknown();
    assert_eq!(
        unknown,
        ["FACEGEN_", "FACEGEN_APIKEY", "FACEGEN_SERVER__LISTEN"]
    );
}

const BUCKET: [(&str, &str); 4] = [
    ("FACEGEN__STORAGE__S3__BUCKET", "pictures"),
    ("FACEGEN__STORAGE__S3__ACCESS_KEY_ID", "1234"),
    ("FACEGEN__STORAGE__S3__SECRET_ACCESS_KEY", "987654321"),
    ("FACEGEN__STORAGE__S3__PUBLIC_URL", "https://cdn.example/a"),
];

#[test]
fn a_bucket_is_complete_or_not_there() {
    let none = load(&Environment::from([])).unwrap();
    assert!(none.storage.s3.settings().is_none());
    let config = load(&Environment::from(BUCKET)).unwrap();
    let settings = config.storage.s3.settings().unwrap();
    assert_eq!(settings.bucket, "pictures");
    assert_eq!(settings.access_key_id.expose(), "1234");
    assert_eq!(settings.secret_access_key.expose(), "987654321");
    assert!(settings.endpoint_url.is_none() && settings.check_url.is_none());
    assert!(settings.public_read_acl);
    for (missing, culprit) in [
        (0, "storage.s3.bucket is not"),
        (1, "storage.s3.access_key_id must be"),
        (2, "storage.s3.secret_access_key must be"),
        (3, "storage.s3.public_url must be"),
    ] {
        let mut variables = BUCKET;
        variables[missing].1 = "";
        let text = refusal(&Environment::from(variables));
        assert!(text.contains(culprit), "{text}");
    }
}

#[test]
fn the_parts_of_a_bucket_are_checked() {
    for (setting, value) in [
        ("BUCKET", "a/b"),
        ("ENDPOINT_URL", "storage.example.com"),
        ("PUBLIC_URL", "https://"),
        ("PUBLIC_URL", "https://cdn.example/?a="),
        ("CHECK_URL", "https://user:pw@cdn.example/"),
        ("PUBLIC_URL", "http://[/a"),
        ("ENDPOINT_URL", "http://:9000"),
        ("IMAGE_DIRECTORY", "a b"),
    ] {
        let variable = format!("FACEGEN__STORAGE__S3__{setting}");
        let environment = Environment::from(BUCKET).with(&variable, value);
        let text = refusal(&environment);
        assert!(text.contains(&setting.to_lowercase()), "{text}");
    }
}

#[test]
fn the_secret_of_a_bucket_is_printed_nowhere_and_may_come_from_a_file() {
    let config = load(&Environment::from(BUCKET)).unwrap();
    let printed = format!("{config:?}{}", config.to_toml().unwrap());
    assert!(!printed.contains("987654321"), "{printed}");

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    std::fs::write(&path, "from-file\n").unwrap();
    let mut variables = BUCKET;
    variables[2] = (
        "FACEGEN__STORAGE__S3__SECRET_ACCESS_KEY_FILE",
        path.to_str().unwrap(),
    );
    let config = load(&Environment::from(variables)).unwrap();
    let settings = config.storage.s3.settings().unwrap();
    assert_eq!(settings.secret_access_key.expose(), "from-file");
}

#[test]
fn a_syntax_error_in_a_file_shows_no_secret() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.toml");
    let arguments = ConfigArguments {
        config: Some(path.clone()),
        ..ConfigArguments::default()
    };
    for (line, culprit) in [
        (
            "secret_access_key = \"987654321",
            "is not valid: line 2: invalid basic string",
        ),
        (
            "secret_access_key = 987654321",
            "storage.s3.secret_access_key",
        ),
        ("secret_access_key = 987654321x", "is not valid: line 2: "),
    ] {
        std::fs::write(&path, format!("[storage.s3]\n{line}\n[queue]\n")).unwrap();
        let error = Config::load(&arguments, &Environment::from([])).unwrap_err();
        let text = format!("{error:#} {error:?}");
        assert!(text.contains(culprit), "{text}");
        assert!(!text.contains("987654321"), "{text}");
    }
}

#[test]
fn the_environment_prints_no_value() {
    let environment = Environment::from([("FACEGEN_API_KEY", "secret")]);
    assert_eq!(format!("{environment:?}"), "{\"FACEGEN_API_KEY\"}");
}

#[test]
fn the_contact_that_is_set_is_in_the_user_agent() {
    let product = Guard::USER_AGENT;
    let contact = ("FACEGEN__OUTBOUND__CONTACT", "me@example.com");
    let public_url = ("FACEGEN__SERVER__PUBLIC_URL", "https://faces.example");
    let agent = ("FACEGEN__OUTBOUND__USER_AGENT", "Mozilla/5.0 (me)");
    for (variables, expected) in [
        (vec![], product.to_owned()),
        (vec![contact], format!("{product} (me@example.com)")),
        (
            vec![public_url],
            format!("{product} (https://faces.example)"),
        ),
        (
            vec![public_url, contact],
            format!("{product} (me@example.com)"),
        ),
        (vec![public_url, contact, agent], agent.1.to_owned()),
    ] {
        let with = |environment: Environment, (name, value)| environment.with(name, value);
        let environment = variables.into_iter().fold(Environment::from([]), with);
        assert_eq!(load(&environment).unwrap().user_agent(), expected);
    }
    for wrong in ["a\nb", "é", "a\u{7f}"] {
        let error = refusal(&Environment::from([("FACEGEN__OUTBOUND__CONTACT", wrong)]));
        assert!(error.contains("outbound.contact"), "{error}");
    }
}
