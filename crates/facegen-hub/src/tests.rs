use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use facegen_core::Preset;
use facegen_core::preset::{AdapterKind, Source};
use facegen_core::sha256;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models")
}

#[test]
fn every_shipped_preset_is_whole() {
    let presets = Preset::all(&shipped()).unwrap();
    let names: Vec<&str> = presets.iter().map(Preset::name).collect();
    assert_eq!(
        names,
        [
            "demo",
            "realistic-vision-faceid",
            "sd15-faceid",
            "sd15-plus-face"
        ]
    );
    for preset in &presets {
        for (name, component) in preset.models() {
            let config = component.config.as_deref().map(|path| preset.path(path));
            assert!(config.is_none_or(|path| path.is_file()), "{name}");
            if let Source::Path(path) = &component.source {
                let found = sha256::of_file(&preset.path(path)).unwrap();
                assert_eq!(Some(found), component.sha256, "{name}");
            }
        }
        let needs_embedder = preset.options().adapter_kind == AdapterKind::FaceidPlusv2;
        assert_eq!(preset.components().face_embedder.is_some(), needs_embedder);
    }
}

#[test]
fn a_relative_directory_of_presets_gives_paths_that_stay_the_same() {
    let data = tempfile::tempdir().unwrap();
    let preset = Preset::find(Path::new("../../models"), "demo").unwrap();
    let located = locate(&preset, data.path(), &[]).unwrap();
    for (name, component) in located.models() {
        let Source::Path(path) = &component.source else {
            panic!("{name} is not a file");
        };
        for path in [Some(path), component.config.as_ref()]
            .into_iter()
            .flatten()
        {
            assert!(path.is_absolute() && located.path(path).exists(), "{name}");
        }
    }
}

#[test]
fn an_invalid_preset_name_is_refused_with_the_rule() {
    let directory = tempfile::tempdir().unwrap();
    let demo = fs::read_to_string(shipped().join("demo.toml")).unwrap();
    fs::write(directory.path().join("demo.toml"), &demo).unwrap();
    let find = |name: &str| Preset::find(directory.path(), name).map_err(|error| error.to_string());
    for name in [
        "",
        ".",
        "..",
        "a b",
        "my_preset",
        "demo.toml",
        "models/demo",
        "../demo",
        "/etc/passwd",
        "démo",
        "demo\0",
        "demo\n",
        "sd1.5",
        "C:\\demo",
        "demo/",
    ] {
        let error = find(name).unwrap_err();
        for part in [
            "ASCII letters, digits and hyphens",
            "NAME.toml",
            "has: demo",
        ] {
            assert!(error.contains(part), "{error}");
        }
        assert!(error.contains(&format!("{name:?}")), "{error}");
    }
    // One of the right kind that is not there, and one that says another name.
    let error = find("demo-2").unwrap_err();
    assert!(error.starts_with("there is no preset demo-2; "), "{error}");
    fs::write(directory.path().join("other.toml"), &demo).unwrap();
    let error = find("other").unwrap_err();
    assert!(
        error.contains("name = \"demo\", which must be \"other\""),
        "{error}"
    );
    // A manifest whose file breaks the rule is named by `list`, too.
    fs::remove_file(directory.path().join("other.toml")).unwrap();
    fs::write(directory.path().join("my_preset.toml"), &demo).unwrap();
    let error = Preset::all(directory.path()).unwrap_err().to_string();
    assert!(
        error.starts_with("\"my_preset\" is not the name of a preset"),
        "{error}"
    );
}

#[test]
fn faceid_and_its_faces_are_for_research_only() {
    let directory = tempfile::tempdir().unwrap();
    let mut accepted = Accepted::read(directory.path(), &[]).unwrap();
    let plus_face = Preset::find(&shipped(), "sd15-plus-face").unwrap();
    Gate::check(&plus_face, &accepted).unwrap();
    for name in ["realistic-vision-faceid", "sd15-faceid"] {
        let preset = Preset::find(&shipped(), name).unwrap();
        let error = Gate::check(&preset, &accepted).unwrap_err().to_string();
        for part in ["adapter", "face_detector", "face_embedder", "research only"] {
            assert!(error.contains(part), "{error}");
        }
    }
    // Each by its name: one of two opens nothing.
    let preset = Preset::find(&shipped(), "sd15-faceid").unwrap();
    let name = "IP-Adapter-FaceID";
    accepted
        .record(&[(name, &preset.licences()[name])])
        .unwrap();
    let error = Gate::check(&preset, &accepted).unwrap_err().to_string();
    assert!(error.contains("accept InsightFace-buffalo_l`"), "{error}");
    let accepted_names = ["InsightFace-buffalo_l".to_owned()];
    let both = Accepted::read(directory.path(), &accepted_names).unwrap();
    Gate::check(&preset, &both).unwrap();
}

#[test]
fn a_licence_that_the_manifest_says_nothing_of_opens_no_gate() {
    let directory = tempfile::tempdir().unwrap();
    let demo = fs::read_to_string(shipped().join("demo.toml")).unwrap();
    let find = |manifest: &str| {
        fs::write(directory.path().join("demo.toml"), manifest).unwrap();
        Preset::find(directory.path(), "demo").map_err(|error| error.to_string())
    };
    let (before, embedder) = demo.split_once("[components.face_embedder]").unwrap();
    let licensed = |name: &str| {
        let embedder = embedder.replace("Apache-2.0", name);
        format!("{before}[components.face_embedder]{embedder}")
    };
    let table = "\n[licences.Secret-Lab]\nresearch_only = true\nterms = \"for science\"\n";
    for name in ["Secret-Lab", "secret-lab", "apache-2.0", ""] {
        let error = find(&licensed(name)).unwrap_err();
        let says = format!("the licence {name} of face_embedder");
        assert!(error.contains(&says), "{error}");
        assert!(error.contains(&format!("[licences.\"{name}\"]")), "{error}");
    }
    let style = "\n[styles.anime.unet]\nconfig = \"demo/unet/config.json\"\n\
                 source = { synthetic = 14 }\nlicence = \"Secret-Labs\"\n";
    let mistyped = find(&format!("{demo}{style}{table}")).unwrap_err();
    assert!(
        mistyped.contains("Secret-Labs of styles.anime.unet"),
        "{mistyped}"
    );
    find(&format!("{}{table}", licensed("Secret-Lab"))).unwrap();
    find(&licensed("BSD-3-Clause")).unwrap();
}

/// A preset that wants one file of a hub, of that hash.
fn preset(directory: &Path, sha256: &str) -> Preset {
    let demo = fs::read_to_string(shipped().join("demo.toml")).unwrap();
    let (before, _) = demo.split_once("[components.face_embedder]").unwrap();
    let embedder = format!(
        "[components.face_embedder]\nlicence = \"MIT\"\nsha256 = \"{sha256}\"\n\
         source = {{ hub = {{ repo = \"a/b\", file = \"models/w.onnx\" }} }}\n"
    );
    fs::write(directory.join("demo.toml"), format!("{before}{embedder}")).unwrap();
    Preset::find(directory, "demo").unwrap()
}

#[test]
fn a_file_of_an_archive_is_taken_when_its_hash_is_right() {
    let directory = tempfile::tempdir().unwrap();
    let (archive, plain) = (
        directory.path().join("pack.zip"),
        directory.path().join("w.onnx"),
    );
    let bytes = b"weights ".repeat(10_000);
    fs::write(&plain, &bytes).unwrap();
    let mut writer = ZipWriter::new(File::create(&archive).unwrap());
    let deflated =
        SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for (name, bytes) in [("pack/other.onnx", &b"other"[..]), ("pack/w.onnx", &bytes)] {
        writer.start_file(name, deflated).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap();
    // What the preset names by its path.
    symlink(shipped().join("demo"), directory.path().join("demo")).unwrap();
    let take = |sha256: &str, archive: &Path| {
        let preset = preset(directory.path(), sha256);
        import(&preset, archive, directory.path(), &[], &|_| ())
    };

    let wrong = take(&"0".repeat(64), &archive).unwrap_err();
    assert!(matches!(wrong, HubError::Hash { .. }), "{wrong}");
    let right = sha256::of_file(&plain).unwrap();
    assert_eq!(take(&right, &archive).unwrap(), 1);
    assert_eq!(take(&right, &archive).unwrap(), 0, "it is here already");
    let preset = preset(directory.path(), &right);
    let located = locate(&preset, directory.path(), &[]).unwrap();
    let Source::Path(path) = &located.components().face_embedder.as_ref().unwrap().source else {
        panic!("it was not located");
    };
    assert_eq!(fs::read(path).unwrap(), bytes);
    let other = take(&"1".repeat(64), &plain).unwrap_err();
    assert!(matches!(other, HubError::Archive { .. }), "{other}");
}
