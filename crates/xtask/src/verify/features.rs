//! Each crate alone: a build of the whole workspace gives every crate the features that any of
//! them asks for.

use anyhow::Result;

use crate::workspace::{Package, Workspace};
use crate::{process, report};

/// Features that need a GPU's toolkit or another system.
const ELSEWHERE: [&str; 4] = ["accelerate", "cuda", "cudnn", "metal"];

/// Checks each crate without features, and with each feature that this machine can build.
pub(super) fn run(workspace: &Workspace) -> Result<String> {
    let mut count = 0;
    for package in &workspace.packages {
        for features in sets(package) {
            report::line(format_args!("{} [{features}]", package.name));
            let mut command = process::cargo();
            command.args(["check", "--quiet", "--package", &package.name]);
            process::run(command.args(["--no-default-features", "--features", features]))?;
            count += 1;
        }
    }
    Ok(format!("{count} builds of one crate each"))
}

/// None, and then each that can be built here.
fn sets(package: &Package) -> impl Iterator<Item = &str> {
    let features = package.features.keys().map(String::as_str);
    let here = features.filter(|name| !ELSEWHERE.contains(name) && *name != "default");
    std::iter::once("").chain(here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_of_other_machines_are_left_out() {
        let workspace = Workspace::locate().unwrap();
        let sets_of = |name: &str| {
            let package = workspace
                .packages
                .iter()
                .find(|package| package.name == name);
            sets(package.unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(sets_of("facegen-core"), ["", "fake"]);
        assert_eq!(sets_of("facegen-engine"), [""]);
    }
}
