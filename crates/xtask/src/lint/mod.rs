//! `cargo xtask lint`: the rules of this code base beyond rustc and clippy.

mod cycles;
mod dependencies;
pub(crate) mod documents;
mod manifests;
mod rust;
mod text;
mod words;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;

use anyhow::{Result, bail};

use crate::report;
use crate::workspace::Workspace;

/// One violation of a rule, with the rule's reason.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    file: String,
    line: usize,
    reason: String,
    severity: Severity,
}

/// Whether a finding fails the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Severity {
    Error,
    Warning,
}

impl Finding {
    fn error(file: &str, line: usize, reason: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line,
            reason: reason.into(),
            severity: Severity::Error,
        }
    }

    fn warning(file: &str, line: usize, reason: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(file, line, reason)
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(
            formatter,
            "{}:{}: {severity}: {}",
            self.file, self.line, self.reason
        )
    }
}

/// Prints every finding. Fails when one of them is an error.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut findings = check(workspace)?;
    findings.sort_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
    findings.iter().for_each(report::line);
    let is_error = |finding: &&Finding| finding.severity == Severity::Error;
    match findings.iter().filter(is_error).count() {
        0 => report::line("lint: no errors"),
        errors => bail!("lint found {errors} errors"),
    }
    Ok(())
}

fn check(workspace: &Workspace) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for package in &workspace.packages {
        let path = workspace.relative(&package.manifest_path).to_string_lossy();
        let manifest = fs::read_to_string(&package.manifest_path)?;
        findings.extend(dependencies::check(package, &path, &manifest));
        findings.extend(manifests::check(package, &path, &manifest)?);
    }
    let mut crates: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    let files = workspace.files()?;
    findings.extend(documents::check(&workspace.root, &files)?);
    for file in files {
        // A file that is not UTF-8 is an image or a weight file.
        if let Ok(content) = String::from_utf8(fs::read(workspace.root.join(&file))?) {
            findings.extend(text::check(&file, &content));
            findings.extend(words::check(&file, &content));
            findings.extend(rust::check(&file, &content));
            if let Some((name, _)) = file.split_once("/src/").filter(|_| file.ends_with(".rs")) {
                let of_crate = crates.entry(name.to_owned()).or_default();
                of_crate.push((file, content));
            }
        }
    }
    findings.extend(crates.values().flat_map(|files| cycles::check(files)));
    Ok(findings)
}
