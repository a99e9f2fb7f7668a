//! Rules for every `Cargo.toml` of the workspace.

use anyhow::{Context, Result};
use toml::Table;

use super::Finding;
use crate::workspace::Package;

/// Checks that the crate uses the lints of the workspace and cannot be published.
pub(super) fn check(package: &Package, path: &str, manifest: &str) -> Result<Vec<Finding>> {
    let table: Table = toml::from_str(manifest).with_context(|| format!("cannot read {path}"))?;
    let mut findings = Vec::new();
    let lints = table.get("lints").and_then(|lints| lints.get("workspace"));
    if lints.and_then(toml::Value::as_bool) != Some(true) {
        findings.push(Finding::error(path, 1, "lints.workspace = true is missing"));
    }
    if package.publish != Some(Vec::new()) {
        findings.push(Finding::error(path, 1, "publish = false is missing"));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(publish: Option<Vec<String>>, manifest: &str) -> Vec<String> {
        let package = Package {
            name: "facegen-nn".to_owned(),
            manifest_path: "Cargo.toml".into(),
            publish,
            features: std::collections::BTreeMap::new(),
            dependencies: Vec::new(),
        };
        let findings = check(&package, "Cargo.toml", manifest).unwrap();
        findings.into_iter().map(|finding| finding.reason).collect()
    }

    #[test]
    fn lints_of_the_workspace_and_no_publishing() {
        assert!(reasons(Some(Vec::new()), "[lints]\nworkspace = true\n").is_empty());
    }

    #[test]
    fn own_lints_are_reported() {
        let manifest = "[lints.rust]\nunsafe_code = \"allow\"\n";
        assert_eq!(
            reasons(Some(Vec::new()), manifest),
            ["lints.workspace = true is missing"]
        );
    }

    #[test]
    fn a_publishable_crate_is_reported() {
        assert_eq!(
            reasons(None, "[lints]\nworkspace = true\n"),
            ["publish = false is missing"]
        );
    }
}
