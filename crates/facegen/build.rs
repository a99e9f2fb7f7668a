//! Composes the text of `facegen --version`.
//!
//! The commit is that of a release build, from `FACEGEN_COMMIT` or else from
//! git. Builds for development have none: they would be built again after every
//! commit, and a commit says little about a tree that is being changed.

use std::path::Path;
use std::process::Command;

/// The features that choose what images are computed on; `cpu` is always there.
const FEATURES: [&str; 4] = ["accelerate", "cuda", "cudnn", "metal"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=FACEGEN_COMMIT");
    let version = variable("CARGO_PKG_VERSION").unwrap_or_default();
    let commit = match variable("PROFILE").as_deref() {
        Some("release") => commit().map_or(String::new(), |commit| format!("commit {commit}; ")),
        _ => "development build; ".to_owned(),
    };
    let features = features().join(", ");
    println!("cargo:rustc-env=FACEGEN_VERSION={version} ({commit}{features})");
}

/// Reads a variable of the build. The program itself reads none of them.
#[expect(
    clippy::disallowed_methods,
    reason = "the ban is for the program, not for its build"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn features() -> Vec<&'static str> {
    let is_on = |name: &&str| {
        let variable_name = format!("CARGO_FEATURE_{}", name.to_uppercase());
        // A feature without a value is set to `1`.
        variable(&variable_name).is_some()
    };
    let chosen = FEATURES.into_iter().filter(is_on);
    ["cpu"].into_iter().chain(chosen).collect()
}

/// Returns the commit that is built; `None` outside a repository.
fn commit() -> Option<String> {
    if let Some(given) = variable("FACEGEN_COMMIT") {
        return Some(given);
    }
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    // A branch's commit is in its own file, or among the packed ones.
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    let names = ["HEAD", "packed-refs"].into_iter().map(str::to_owned);
    for name in names.chain(branch) {
        let path = git(&["rev-parse", "--git-path", &name]);
        if let Some(path) = path.filter(|path| Path::new(path).exists()) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    Some(commit)
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
