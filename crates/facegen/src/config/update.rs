//! Applying a changed config to a running server.

use toml::Value;

use super::Config;

impl Config {
    /// Returns this config with the reloadable settings of `new`, and the names
    /// of other settings that differ. A setting that is not copied here needs a
    /// restart.
    pub(crate) fn with_reloadable(&self, new: &Self) -> (Self, Vec<String>) {
        let mut taken = self.clone();
        let (server, storage) = (&mut taken.server, &mut taken.storage);
        server.public_url.clone_from(&new.server.public_url);
        server.allow_origins.clone_from(&new.server.allow_origins);
        server.sync_wait_seconds = new.server.sync_wait_seconds;
        server.max_body_megabytes = new.server.max_body_megabytes;
        server.legacy_http_200 = new.server.legacy_http_200;
        server.system_status = new.server.system_status;
        server.base64_output = new.server.base64_output;
        server.shutdown_grace_seconds = new.server.shutdown_grace_seconds;
        storage.keep_pictures_hours = new.storage.keep_pictures_hours;
        storage.keep_records_hours = new.storage.keep_records_hours;
        storage.parameters_in_files = new.storage.parameters_in_files;
        taken.engine.clone_from(&new.engine);
        taken.models.clone_from(&new.models);
        taken.queue.clone_from(&new.queue);
        taken.keys.clone_from(&new.keys);
        taken.webhooks.clone_from(&new.webhooks);
        taken.face_image.clone_from(&new.face_image);
        taken.safety.clone_from(&new.safety);
        let left = taken.differences(new);
        (taken, left)
    }

    /// Returns the names of the settings that differ.
    fn differences(&self, other: &Self) -> Vec<String> {
        let mut names = Vec::new();
        let [left, right] = [self, other].map(Value::try_from);
        if let (Ok(left), Ok(right)) = (left, right) {
            compare("", &left, &right, &mut names);
        }
        // It is never serialised, so it was not compared.
        let secret = "storage.s3.secret_access_key";
        let is_bucket = |name: &String| name.starts_with("storage.s3.");
        if self.storage.s3 != other.storage.s3 && !names.iter().any(is_bucket) {
            names.push(secret.to_owned());
        }
        names
    }
}

/// Adds the names below `name` at which the two values differ.
fn compare(name: &str, left: &Value, right: &Value, names: &mut Vec<String>) {
    match (left, right) {
        (Value::Table(left), Value::Table(right)) => {
            for (key, value) in left {
                let name = match name {
                    "" => key.clone(),
                    _ => format!("{name}.{key}"),
                };
                match right.get(key) {
                    Some(other) => compare(&name, value, other, names),
                    None => names.push(name),
                }
            }
        }
        _ if left != right => names.push(name.to_owned()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::ConfigArguments;
    use super::super::environment::Environment;
    use super::*;

    fn load(variables: &[(&str, &str)]) -> Config {
        let mut environment = Environment::from([]);
        for (name, value) in variables {
            environment = environment.with(&format!("FACEGEN__{name}"), value);
        }
        Config::load(&ConfigArguments::default(), &environment).unwrap()
    }

    #[test]
    fn reloadable_settings_are_applied() {
        let old = load(&[]);
        for (name, value) in [
            ("SERVER__PUBLIC_URL", "https://faces.example"),
            ("SERVER__ALLOW_ORIGINS", "[\"https://app.example\"]"),
            ("SERVER__SYNC_WAIT_SECONDS", "1"),
            ("SERVER__MAX_BODY_MEGABYTES", "99"),
            ("SERVER__LEGACY_HTTP_200", "true"),
            ("SERVER__SYSTEM_STATUS", "ok"),
            ("SERVER__SHUTDOWN_GRACE_SECONDS", "1"),
            ("ENGINE__PRESET", "other"),
            ("ENGINE__DEVICE", "cpu"),
            ("ENGINE__DEVICES", "[\"cpu\", \"cpu\"]"),
            ("ENGINE__BATCH_LIMIT", "2"),
            ("MODELS__ACCEPT", "[\"a\"]"),
            ("STORAGE__KEEP_PICTURES_HOURS", "1"),
            ("STORAGE__KEEP_RECORDS_HOURS", "1"),
            ("STORAGE__PARAMETERS_IN_FILES", "true"),
            ("QUEUE__LIMIT", "1"),
            ("KEYS__EVENT_STREAMS", "1"),
            ("FACE_IMAGE__MAX_MEGABYTES", "1"),
            ("SAFETY__MANDATORY", "true"),
        ] {
            let new = load(&[(name, value)]);
            assert_ne!(new, old, "{name}");
            assert_eq!(old.with_reloadable(&new), (new, Vec::new()), "{name}");
        }
    }

    #[test]
    fn settings_that_need_a_restart_are_named_and_kept() {
        let bucket = [
            ("STORAGE__S3__BUCKET", "pictures"),
            ("STORAGE__S3__ACCESS_KEY_ID", "1234"),
            ("STORAGE__S3__SECRET_ACCESS_KEY", "987654321"),
            ("STORAGE__S3__PUBLIC_URL", "https://cdn.example/a"),
        ];
        let old = load(&bucket);
        for (name, value, setting) in [
            ("SERVER__LISTEN", "a:1", "server.listen"),
            (
                "SERVER__CONNECTIONS_PER_ADDRESS",
                "7",
                "server.connections_per_address",
            ),
            ("STORAGE__DATA_DIR", "elsewhere", "storage.data_dir"),
            ("DATABASE__URL", "postgres://localhost/a", "database.url"),
            (
                "OUTBOUND__ALLOW_NETWORKS",
                "[\"10.0.0.0/8\"]",
                "outbound.allow_networks",
            ),
            ("OUTBOUND__CONTACT", "me@example.com", "outbound.contact"),
            ("LOG__FORMAT", "json", "log.format"),
            ("STORAGE__S3__BUCKET", "others", "storage.s3.bucket"),
            (
                "STORAGE__S3__SECRET_ACCESS_KEY",
                "123456789",
                "storage.s3.secret_access_key",
            ),
        ] {
            let new = load(&[&bucket[..], &[(name, value), ("QUEUE__LIMIT", "7")]].concat());
            let (taken, left) = old.with_reloadable(&new);
            assert_eq!(left, [setting]);
            assert_eq!(taken.queue.limit.get(), 7);
            let rest = load(&[&bucket[..], &[("QUEUE__LIMIT", "7")]].concat());
            assert_eq!(taken, rest, "{name}");
        }
    }
}
