//! `facegen generate` with several photos and prompts, and what it writes into files.

use std::fs;

use anyhow::Result;
use facegen_core::RgbImage;
use facegen_image::{ImageLimits, encode_png, read_image};
use serde_json::Value;
use tempfile::TempDir;

use crate::generate::usual_image;
use crate::program::{Generate, photo};

#[test]
fn each_photo_of_a_directory_is_used_with_each_prompt() -> Result<()> {
    let photos = TempDir::new()?;
    for (name, photo_name) in [("1.png", "astronaut.png"), ("2.jpg", "person_a_2.jpg")] {
        fs::copy(photo(photo_name), photos.path().join(name))?;
    }
    // No face is in there, and its turn comes last.
    let dark = encode_png(&RgbImage::new(64, 64, vec![0; 64 * 64 * 3])?)?;
    fs::write(photos.path().join("3.png"), dark)?;
    let outcome = Generate::new()?
        .with("--face", photos.path().display().to_string())
        .again("--prompt", "a knight in armour")
        .named("a.png")
        .flag("--json")
        .run()?;
    assert_eq!(outcome.exit_code, Some(4), "{}", outcome.stderr);
    let expected = "3.png: no face detected in face_image\n";
    assert_eq!(
        outcome.stderr.matches(expected).count(),
        2,
        "{}",
        outcome.stderr
    );
    let last = "error: 2 of 6 requests made no image";
    assert!(
        outcome.stderr.trim_end().ends_with(last),
        "{}",
        outcome.stderr
    );
    let names = ["a-1.png", "a-2.png", "a-3.png", "a.png"];
    assert_eq!(outcome.files()?, names);
    let printed = |line: &str| -> Result<(String, String)> {
        let line: Value = serde_json::from_str(line)?;
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        Ok((text("face"), text("prompt")))
    };
    let printed = outcome
        .stdout
        .lines()
        .map(printed)
        .collect::<Result<Vec<_>>>()?;
    let prompts = ["portrait of a person in a garden", "a knight in armour"];
    for (index, (face, prompt)) in printed.iter().enumerate() {
        assert!(face.ends_with(["1.png", "2.jpg"][index / 2]), "{printed:?}");
        assert_eq!(prompt, prompts[index % 2], "{printed:?}");
    }
    assert!(outcome.file("a.png")? == usual_image()?);
    let knight = Generate::new()?.with("--prompt", "a knight in armour");
    assert!(outcome.file("a-1.png")? == knight.image()?);
    Ok(())
}

#[test]
fn parameters_are_in_the_file_only_if_they_are_wanted() -> Result<()> {
    let prompt = "portrait of a person in a garden";
    let holds = |file: &[u8], text: &str| {
        let mut windows = file.windows(text.len());
        windows.any(|part| part == text.as_bytes())
    };
    assert!(!holds(usual_image()?, prompt));
    for name in ["a.png", "a.jpg", "a.webp"] {
        let outcome = Generate::new()?.named(name).flag("--parameters").run()?;
        assert_eq!(outcome.exit_code, Some(0), "{}", outcome.stderr);
        let file = outcome.file(name)?;
        let text = format!("{prompt}\nSteps: 21, CFG scale: 7.5, Seed: 1234, Size: 64x64, ");
        assert!(holds(&file, &text), "{name}");
        assert_eq!(holds(&file, "iTXtparameters\0"), name == "a.png", "{name}");
        let pixels =
            |file: &[u8]| Ok::<_, anyhow::Error>(read_image(file, &ImageLimits::default())?);
        if name == "a.png" {
            assert!(pixels(&file)?.image == pixels(usual_image()?)?.image);
        }
    }
    Ok(())
}
