//! Licences that the operator has to accept, and what `facegen doctor` reports as missing.

use std::fs;

use anyhow::Result;

use super::program::{Models, Outcome};
use super::{embedder, of_hub};

#[test]
fn weights_for_research_wait_for_the_operator() -> Result<()> {
    let (hub, models, _) = embedder("licence = \"Secret-Lab\"")?;
    let how = [
        "face_embedder (Secret-Lab)",
        "for research only",
        "`facegen models accept Secret-Lab`",
        "--accept-licence",
    ];
    models.run(&["pull", "pulled"])?.assert_refused(&how);
    assert_eq!(hub.state().requests, [""; 0], "nothing is asked for");
    let list = models.run(&["list"])?.stdout;
    assert!(list.contains("to be accepted: Secret-Lab"), "{list}");

    models
        .run(&["pull", "pulled", "--accept-licence", "Secret-Lab"])?
        .assert_success();
    models.generate(&[])?.assert_refused(&how);
    models
        .generate(&["--accept-licence", "Secret-Lab"])?
        .assert_success();
    let mut by_environment = models.generate_command(&[])?;
    by_environment.env("FACEGEN__MODELS__ACCEPT", "[\"Secret-Lab\"]");
    Outcome::try_from(by_environment.output()?)?.assert_success();
    let config = models.data_dir().join("accept.toml");
    fs::write(&config, "[models]\naccept = [\"Secret-Lab\"]")?;
    let config = config.display().to_string();
    models.generate(&["--config", &config])?.assert_success();
    models.generate(&[])?.assert_refused(&how);
    let mut by_config = models.command(&["models", "pull", "pulled"])?;
    by_config.env("FACEGEN__MODELS__ACCEPT", "[\"Secret-Lab\"]");
    assert!(by_config.output()?.status.success());

    let unknown = models.run(&["accept", "Secret-Labs"])?;
    unknown.assert_refused(&["no preset names a licence Secret-Labs", "Secret-Lab"]);
    let accepted = models.run(&["accept", "Secret-Lab"])?;
    accepted.assert_success();
    assert!(accepted.stdout.contains("for science"), "{accepted:?}");
    models.generate(&[])?.assert_success();
    Ok(())
}

#[test]
fn the_doctor_names_every_component_that_cannot_be_used() -> Result<()> {
    let (hub, _, _) = embedder("")?;
    let models = Models::new(
        &hub,
        &[
            ("face_embedder", &of_hub("onnx/embedder.onnx", "")),
            ("unet", &of_hub("unet.safetensors", "")),
            (
                "vae",
                "licence = \"Secret-Lab\"\nsource = { synthetic = 5 }",
            ),
            ("image_encoder", "source = { path = \"/missing.bin\" }"),
        ],
    )?;
    let mut command = models.command(&["doctor", "--preset", "pulled"])?;
    command.env("RUST_LOG", "info");
    let outcome = Outcome::try_from(command.output()?)?;
    let line = |component: &str| {
        let mut lines = outcome.stdout.lines();
        let line = lines.find(|line| line.split_whitespace().nth(1) == Some(component));
        line.unwrap_or_default().to_owned()
    };
    for (component, why) in [
        ("face_embedder", "run `facegen models pull pulled`"),
        ("unet", "lab/faces/unet.safetensors"),
        ("vae", "`facegen models accept Secret-Lab`"),
        ("image_encoder", "/missing.bin"),
    ] {
        let line = line(component);
        assert!(line.starts_with("FAILED"), "{component}: {outcome:?}");
        assert!(line.contains(why), "{line}");
    }
    for component in ["tokenizer", "text_encoder", "adapter", "face_detector"] {
        assert!(
            line(component).starts_with("ok"),
            "{component}: {outcome:?}"
        );
    }
    assert!(outcome.stderr.contains("4 checks failed"), "{outcome:?}");
    Ok(())
}
