//! What the steps need of the machine apart from Rust and a C compiler, without
//! which this program would not have been built.
//!
//! `.ci/run` installs the same packages; a test compares the two.

use std::process::{Command, Stdio};

use anyhow::{Result, ensure};

use super::step::Step;

/// Something that the machine has to have.
struct Need {
    /// What a person calls it.
    name: &'static str,
    /// A shell command that succeeds where it is.
    check: &'static str,
    /// The packages of Debian that have it.
    packages: &'static [&'static str],
    /// The steps that cannot do without.
    steps: &'static [Step],
}

const NEEDS: &[Need] = &[
    Need {
        name: "chromium",
        check: "command -v chromium || command -v chromium-browser || command -v google-chrome",
        packages: &["chromium"],
        steps: &[Step::Tests],
    },
    Need {
        name: "curl",
        check: "command -v curl",
        packages: &["curl"],
        steps: &[Step::Tests],
    },
    Need {
        name: "git",
        check: "command -v git",
        packages: &["git"],
        steps: &[Step::Tests],
    },
    Need {
        name: "npm",
        check: "command -v npm",
        packages: &["nodejs", "npm"],
        steps: &[Step::Tests],
    },
    Need {
        name: "openssl",
        check: "command -v openssl",
        packages: &["openssl"],
        steps: &[Step::Tests],
    },
    Need {
        name: "python3 with pip",
        check: "python3 -m pip --version",
        packages: &["python3", "python3-pip"],
        steps: &[
            Step::Typos,
            Step::Docker,
            Step::Deploy,
            Step::Assets,
            Step::Seaweed,
            Step::Python,
            Step::Tests,
        ],
    },
    Need {
        name: "libEGL",
        check: "ldconfig -p | grep libEGL.so.1",
        packages: &["libegl1", "libgl1"],
        steps: &[Step::Tests],
    },
    Need {
        name: "postgresql",
        check: "ls /usr/lib/postgresql/*/bin/initdb || test -n \"$FACEGEN_TEST_POSTGRES\"",
        packages: &["postgresql"],
        steps: &[Step::Tests],
    },
    Need {
        name: "a C++ compiler",
        check: "command -v c++",
        packages: &["g++"],
        steps: &[Step::Tests],
    },
];

/// What can be done about PostgreSQL without the rights to install it.
const OTHER_POSTGRES: &str = "
Without root, FACEGEN_TEST_POSTGRES can name a database of another server, as in
postgres://USER@localhost/postgres, whose role may create databases. The tests of the stores use
it; those that let PostgreSQL fail, and those of several nodes, start a server and need the package.
";

/// Fails, with the command that installs it, when the machine lacks something
/// that the steps need.
pub(super) fn check(steps: &[Step]) -> Result<()> {
    let is_needed = |need: &&Need| need.steps.iter().any(|step| steps.contains(step));
    let needs = NEEDS.iter().filter(is_needed);
    let missing: Vec<&Need> = needs.filter(|need| !is_here(need)).collect();
    ensure!(missing.is_empty(), lacks(&missing));
    Ok(())
}

fn is_here(need: &Need) -> bool {
    let mut shell = Command::new("sh");
    shell.args(["-c", need.check]);
    // Some programs are found for administrators only.
    shell.stdout(Stdio::null()).stderr(Stdio::null());
    shell.status().is_ok_and(|status| status.success())
}

fn lacks(missing: &[&Need]) -> String {
    let names: Vec<&str> = missing.iter().map(|need| need.name).collect();
    let packages = missing.iter().flat_map(|need| need.packages);
    let packages: Vec<&str> = packages.copied().collect();
    let other = match packages.contains(&"postgresql") {
        true => OTHER_POSTGRES,
        false => "",
    };
    format!(
        "this machine lacks {}. On Debian and Ubuntu this installs what is missing:\n\n    \
         sudo apt-get update && sudo apt-get install --no-install-recommends {}\n{other}",
        names.join(", "),
        packages.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;

    #[test]
    fn one_command_installs_all_that_is_missing() {
        let missing: Vec<&Need> = NEEDS.iter().take(4).collect();
        let text = lacks(&missing);
        assert!(text.contains("lacks chromium, curl, git, npm. "), "{text}");
        assert!(text.contains(" chromium curl git nodejs npm\n"), "{text}");
        assert_eq!(text.matches("apt-get install").count(), 1);
        assert!(!text.contains("FACEGEN_TEST_POSTGRES"), "{text}");
        let postgres = NEEDS.iter().find(|need| need.name == "postgresql");
        let text = lacks(&[postgres.unwrap()]);
        assert!(text.contains("FACEGEN_TEST_POSTGRES"), "{text}");
    }

    #[test]
    fn steps_without_needs_run_on_any_machine() {
        check(&[Step::Fmt, Step::Lint, Step::Clippy, Step::Build]).unwrap();
    }

    #[test]
    fn a_check_tells_what_is_here_from_what_is_not() {
        let need = |check| Need {
            name: "x",
            check,
            packages: &[],
            steps: &[],
        };
        assert!(is_here(&need("command -v sh")));
        assert!(!is_here(&need("command -v no-such-program")));
        assert!(!is_here(&need("ls /no/such/*/file")));
    }

    #[test]
    fn continuous_integration_installs_the_same_packages() {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.ci/run");
        let script = fs::read_to_string(script).unwrap();
        let mut installed = BTreeSet::new();
        for line in script.lines() {
            if let Some(words) = line.strip_prefix("need ") {
                installed.extend(words.split(' ').skip(1).map(str::to_owned));
            } else if let Some((_, words)) = line.split_once("packages+=(")
                && !words.contains('$')
            {
                let words = words.trim_end_matches(')').split(' ');
                installed.extend(words.map(str::to_owned));
            }
        }
        // Without them nothing of this would have been built.
        assert!(installed.remove("gcc") && installed.remove("libc6-dev"));
        let named = NEEDS.iter().flat_map(|need| need.packages);
        let named: BTreeSet<String> = named.map(|name| (*name).to_owned()).collect();
        assert_eq!(named, installed);
    }
}
