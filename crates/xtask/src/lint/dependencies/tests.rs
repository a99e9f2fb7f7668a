use super::*;

fn dependency(name: &str) -> Dependency {
    let path = name.starts_with("facegen").then(|| name.into());
    Dependency {
        name: name.to_owned(),
        rename: None,
        kind: None,
        optional: false,
        path,
    }
}

fn faults(package: &str, dependencies: Vec<Dependency>) -> Vec<String> {
    let package = Package {
        name: package.to_owned(),
        manifest_path: "Cargo.toml".into(),
        publish: Some(Vec::new()),
        features: std::collections::BTreeMap::new(),
        dependencies,
    };
    let findings = check(&package, "Cargo.toml", "[dependencies]\naxum = \"1\"\n");
    findings.iter().map(ToString::to_string).collect()
}

#[test]
fn crates_depend_downwards_only() {
    assert!(faults("facegen-api", vec![dependency("facegen-jobs")]).is_empty());
    assert_eq!(
        faults("facegen-api", vec![dependency("facegen-nn")]),
        ["Cargo.toml:1: error: facegen-api may not depend on facegen-nn"]
    );
    assert_eq!(
        faults("facegen-core", vec![dependency("facegen-nn")]).len(),
        1
    );
    assert_eq!(faults("xtask", vec![dependency("facegen-core")]).len(), 1);
}

#[test]
fn some_dependencies_are_for_tests_only() {
    let dev = Dependency {
        kind: Some("dev".to_owned()),
        ..dependency("facegen-store")
    };
    assert!(faults("facegen-jobs", vec![dev]).is_empty());
    let store = dependency("facegen-store");
    assert_eq!(
        faults("facegen-jobs", vec![store]),
        ["Cargo.toml:1: error: facegen-jobs may not depend on facegen-store"]
    );
}

#[test]
fn a_reserved_crate_is_reported_at_its_line() {
    assert!(faults("facegen-api", vec![dependency("axum")]).is_empty());
    assert_eq!(
        faults("facegen-engine", vec![dependency("axum")]),
        ["Cargo.toml:2: error: facegen-engine may not name axum: HTTP ends in the api crate"]
    );
}

#[test]
fn prefixes_match_and_the_first_row_counts() {
    assert!(faults("facegen-nn", vec![dependency("candle-core")]).is_empty());
    assert_eq!(
        faults("facegen-nn", vec![dependency("candle-transformers")]).len(),
        1
    );
    assert_eq!(
        faults("facegen-jobs", vec![dependency("candle-core")]).len(),
        1
    );
    assert_eq!(
        faults("facegen-nn", vec![dependency("tokio-util")]).len(),
        1
    );
    assert!(faults("facegen-nn", vec![dependency("rayon")]).is_empty());
}

#[test]
fn the_test_package_has_development_dependencies_only() {
    let dev = Dependency {
        kind: Some("dev".to_owned()),
        ..dependency("facegen-nn")
    };
    let peer = Dependency {
        optional: true,
        ..dependency("candle-transformers")
    };
    assert!(faults(TESTS, vec![dev, peer]).is_empty());
    assert_eq!(faults(TESTS, vec![dependency("facegen-nn")]).len(), 1);
    assert_eq!(
        faults(TESTS, vec![dependency("candle-transformers")]).len(),
        1
    );
}

#[test]
fn a_crate_without_a_row_is_an_error() {
    assert_eq!(
        faults("facegen-new", Vec::new()),
        ["Cargo.toml:1: error: crate facegen-new is not in the table of crates"]
    );
}

#[test]
fn every_crate_that_a_row_names_is_in_the_workspace() {
    let known = |name: &str| OWN.iter().any(|(ours, _)| *ours == name);
    assert!(
        OWN.iter()
            .all(|(_, allowed)| allowed.iter().all(|name| known(name)))
    );
    assert!(
        RESERVED
            .iter()
            .all(|row| row.holders.iter().all(|name| known(name)))
    );
}
