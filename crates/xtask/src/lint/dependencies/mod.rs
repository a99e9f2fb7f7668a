//! Which crates of the workspace may depend on which, and which external crates only some of them
//! may use.
//!
//! The tables are the architecture: HTTP never sees a tensor, and the model never sees a request.

#[cfg(test)]
mod tests;

use super::Finding;
use crate::workspace::{Dependency, Package};

/// The root package, which owns the tests and benches of all crates and is never shipped.
const TESTS: &str = "facegen-tests";

/// Each crate of the workspace, and those that it may depend on.
const OWN: &[(&str, &[&str])] = &[
    ("facegen-image", &[]),
    ("facegen-core", &["facegen-image"]),
    ("facegen-nn", &[]),
    ("facegen-diffusion", &["facegen-nn"]),
    (
        "facegen-vision",
        &["facegen-core", "facegen-image", "facegen-nn"],
    ),
    (
        "facegen-engine",
        &[
            "facegen-core",
            "facegen-diffusion",
            "facegen-image",
            "facegen-nn",
            "facegen-vision",
        ],
    ),
    ("facegen-hub", &["facegen-core"]),
    ("facegen-executor", &["facegen-core"]),
    ("facegen-jobs", &["facegen-core"]),
    ("facegen-store", &["facegen-core"]),
    ("facegen-outbound", &["facegen-core", "facegen-image"]),
    ("facegen-api", &["facegen-core", "facegen-jobs"]),
    (
        "facegen",
        &[
            "facegen-api",
            "facegen-core",
            "facegen-diffusion",
            "facegen-engine",
            "facegen-executor",
            "facegen-hub",
            "facegen-image",
            "facegen-jobs",
            "facegen-nn",
            "facegen-outbound",
            "facegen-store",
            "facegen-vision",
        ],
    ),
    (
        "facegen-testkit",
        &[
            "facegen-api",
            "facegen-core",
            "facegen-jobs",
            "facegen-store",
        ],
    ),
    ("xtask", &[]),
    (TESTS, &[]),
];

/// Crates that another may use in its tests only.
const FOR_TESTS: &[(&str, &str)] = &[
    ("facegen-jobs", "facegen-executor"),
    ("facegen-jobs", "facegen-store"),
];

/// External crates that only some crates may use.
struct Reserved {
    /// Names, or prefixes that end in `*`.
    names: &'static [&'static str],
    holders: &'static [&'static str],
    reason: &'static str,
}

/// The first row that matches a name counts.
const RESERVED: &[Reserved] = &[
    Reserved {
        names: &["candle-transformers"],
        holders: &[TESTS],
        reason: "its networks are a peer to measure against, not a part of the server",
    },
    Reserved {
        names: &["candle-*"],
        holders: &[
            "facegen-nn",
            "facegen-diffusion",
            "facegen-vision",
            "facegen-engine",
        ],
        reason: "only the model crates see a tensor",
    },
    Reserved {
        names: &["rten*", "imageproc", "fast_image_resize"],
        holders: &["facegen-vision"],
        reason: "faces are found and images are processed in one crate",
    },
    Reserved {
        names: &["image", "image-webp"],
        holders: &["facegen-image"],
        reason: "files are read and written in one crate",
    },
    Reserved {
        names: &["png"],
        holders: &["facegen-image", "facegen-engine"],
        reason: "files are read and written in one crate; the engine reads what its tests expect",
    },
    Reserved {
        names: &["tokenizers"],
        holders: &["facegen-engine"],
        reason: "prompts become tokens in one crate",
    },
    Reserved {
        names: &["rand*", "memmap2"],
        holders: &["facegen-nn"],
        reason: "noise and mapped weights have one source each",
    },
    Reserved {
        names: &["reqwest*", "aws-*", "hickory-*"],
        holders: &["facegen-outbound"],
        reason: "every outgoing connection passes the guard of one crate",
    },
    Reserved {
        names: &["hf-hub"],
        holders: &["facegen-hub"],
        reason: "one crate knows how the hub's tools lay files down",
    },
    Reserved {
        names: &["ureq", "rustls"],
        holders: &["facegen-hub", "xtask", TESTS],
        reason: "what callers name is fetched by one HTTP client, behind the guard; models come from the operator's hub",
    },
    Reserved {
        names: &["libsqlite3-sys", "sqlx*"],
        holders: &["facegen-store"],
        reason: "one crate owns the database, so that another can take its place",
    },
    Reserved {
        names: &["hyper"],
        holders: &["facegen-api", "facegen", "facegen-outbound"],
        reason: "HTTP ends in the api crate; outbound reads the errors of its own client",
    },
    Reserved {
        names: &["axum*", "hyper*", "multer", "tower*", "utoipa*"],
        holders: &["facegen-api", "facegen"],
        reason: "HTTP ends in the api crate",
    },
    Reserved {
        names: &["tokio*"],
        holders: &[
            "facegen-executor",
            "facegen-hub",
            "facegen-image",
            "facegen-jobs",
            "facegen-store",
            "facegen-outbound",
            "facegen-api",
            "facegen",
        ],
        reason: "the model crates are synchronous",
    },
    Reserved {
        names: &["clap*"],
        holders: &["facegen", "xtask"],
        reason: "only programs have a command line",
    },
    Reserved {
        names: &["tracing-subscriber"],
        holders: &["facegen", "facegen-jobs"],
        reason: "the subscriber belongs to the program; the tests of jobs read what it is given",
    },
    Reserved {
        names: &["figment", "indicatif", "metrics-exporter-*"],
        holders: &["facegen"],
        reason: "config, progress and metrics belong to the program, not to a library",
    },
    Reserved {
        names: &["anyhow"],
        holders: &["facegen", "xtask"],
        reason: "a library has an error type of its own",
    },
];

/// Checks all dependencies in the manifest of `package`.
pub(super) fn check(package: &Package, path: &str, manifest: &str) -> Vec<Finding> {
    let Some((_, allowed)) = OWN.iter().find(|(name, _)| *name == package.name) else {
        let reason = format!("crate {} is not in the table of crates", package.name);
        return vec![Finding::error(path, 1, reason)];
    };
    let faults = package.dependencies.iter().filter_map(|dependency| {
        let reason = fault(&package.name, allowed, dependency)?;
        Some(Finding::error(path, line_of(dependency, manifest), reason))
    });
    faults.collect()
}

fn fault(package: &str, allowed: &[&str], dependency: &Dependency) -> Option<String> {
    let name = dependency.name.as_str();
    if package == TESTS {
        return test_package_fault(dependency);
    }
    if dependency.path.is_some() {
        let fault = format!("{package} may not depend on {name}");
        let is_dev = dependency.kind.as_deref() == Some("dev");
        let for_tests = is_dev && FOR_TESTS.contains(&(package, name));
        return (!allowed.contains(&name) && !for_tests).then_some(fault);
    }
    let row = reserved(name)?;
    let fault = format!("{package} may not name {name}: {}", row.reason);
    (!row.holders.contains(&package)).then_some(fault)
}

/// Checks a dependency of the root package: it may use anything for its tests, and otherwise only
/// the peers of its benches.
fn test_package_fault(dependency: &Dependency) -> Option<String> {
    let name = dependency.name.as_str();
    let is_peer =
        dependency.optional && reserved(name).is_some_and(|row| row.holders.contains(&TESTS));
    let is_allowed = dependency.kind.as_deref() == Some("dev") || is_peer;
    let fault = format!("{TESTS} holds tests only: make {name} a development dependency");
    (!is_allowed).then_some(fault)
}

fn reserved(name: &str) -> Option<&'static Reserved> {
    let matches = |pattern: &str| match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    };
    RESERVED
        .iter()
        .find(|row| row.names.iter().any(|pattern| matches(pattern)))
}

/// Returns the line of the dependency; 1 where a table spells it differently.
fn line_of(dependency: &Dependency, manifest: &str) -> usize {
    let key = dependency.rename.as_ref().unwrap_or(&dependency.name);
    let names = |line: &str| {
        let rest = line.strip_prefix(key.as_str());
        rest.is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
    };
    manifest
        .lines()
        .position(names)
        .map_or(1, |index| index + 1)
}
