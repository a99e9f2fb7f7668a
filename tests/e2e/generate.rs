//! `facegen generate` with a preset of random weights, at 64×64.

use std::sync::LazyLock;

use anyhow::{Result, ensure};
use facegen_core::RgbImage;
use facegen_image::{ImageLimits, encode_png, read_image};
use serde_json::{Value, json};

use crate::program::{Generate, Outcome, photo, says_generated};

/// Returns the image of the tests' usual command, made once.
pub(crate) fn usual_image() -> Result<&'static [u8]> {
    static IMAGE: LazyLock<Result<Vec<u8>>> = LazyLock::new(|| Generate::new()?.image());
    match &*IMAGE {
        Ok(image) => Ok(image),
        Err(error) => Err(anyhow::anyhow!("{error:#}")),
    }
}

/// Reads width and height from the header of a PNG file.
fn png_size(file: &[u8]) -> Result<(u32, u32)> {
    ensure!(file.starts_with(b"\x89PNG\r\n\x1a\n"), "not a PNG file");
    let [width, height] = [16, 20].map(|offset| file.get(offset..offset + 4));
    let number = |bytes: Option<&[u8]>| anyhow::Ok(bytes.unwrap_or_default().try_into()?);
    Ok((
        u32::from_be_bytes(number(width)?),
        u32::from_be_bytes(number(height)?),
    ))
}

fn assert_refused(outcome: &Outcome, exit_code: i32, message: &str) -> Result<()> {
    let Outcome { stderr, stdout, .. } = outcome;
    assert_eq!(outcome.exit_code, Some(exit_code), "{stderr}");
    assert!(
        stderr
            .lines()
            .any(|line| line == format!("error: {message}")),
        "{message:?} is not among the lines of {stderr:?}"
    );
    assert_eq!(stdout, "", "refusals print no result");
    let images = outcome.files()?.into_iter().filter(|name| name != "face");
    assert_eq!(images.count(), 0, "refusals leave no file");
    Ok(())
}

#[test]
fn a_run_writes_the_image_and_prints_how_it_was_made() -> Result<()> {
    let outcome = Generate::new()?
        .with("--prompt", "a-prompt-of-alice")
        .with("--steps", "20")
        .with("--s-scale", "7.5")
        .run()?;
    assert_eq!(outcome.exit_code, Some(0), "{}", outcome.stderr);
    assert_eq!(outcome.files()?, ["picture.png"]);
    let file = outcome.file("picture.png")?;
    assert_eq!(png_size(&file)?, (64, 64));
    assert!(says_generated(&file));

    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].ends_with("picture.png"), "{lines:?}");
    let made = "seed 1234, 64x64, 21 steps, generated in ";
    assert!(
        lines[1].starts_with(made) && lines[1].ends_with(" s"),
        "{lines:?}"
    );

    for said in [
        "step 1 of 21",
        "step 21 of 21",
        "warning: num_inference_steps 20 was changed to 21, the nearest of 21, 31 and 41",
        "warning: s_scale 7.5 was changed to 2, it is used from 0 to 2",
    ] {
        assert!(
            outcome.stderr.contains(said),
            "{said:?} in {}",
            outcome.stderr
        );
    }
    assert!(!outcome.stderr.contains("alice"), "no prompt in the log");
    Ok(())
}

#[test]
fn the_same_command_makes_the_same_bytes() -> Result<()> {
    assert!(Generate::new()?.image()? == usual_image()?);
    Ok(())
}

#[test]
fn every_option_changes_the_image() -> Result<()> {
    let mut seen = vec![("nothing", "", usual_image()?.to_vec())];
    for (option, value) in [
        ("--seed", "1235"),
        ("--prompt", "a knight in armour"),
        ("--negative-prompt", "blurry, low quality"),
        ("--face", &photo("person_a_2.jpg")),
        ("--s-scale", "0"),
        ("--s-scale", "2"),
        ("--guidance-scale", "1"),
        ("--guidance-scale", "12"),
        ("--steps", "31"),
    ] {
        let image = Generate::new()?.with(option, value).image()?;
        assert_eq!(png_size(&image)?, (64, 64));
        for (other_option, other_value, other) in &seen {
            assert!(
                image != *other,
                "{option} {value} makes the image of {other_option} {other_value}"
            );
        }
        seen.push((option, value, image));
    }
    Ok(())
}

#[test]
fn the_image_has_the_requested_size() -> Result<()> {
    let image = Generate::new()?.with("--width", "100");
    assert_eq!(png_size(&image.image()?)?, (96, 64));
    Ok(())
}

#[test]
fn the_largest_image_is_made() -> Result<()> {
    let image = Generate::new()?
        .with("--width", "512")
        .with("--height", "768");
    assert_eq!(png_size(&image.image()?)?, (512, 768));
    Ok(())
}

#[test]
fn the_second_sample_is_the_image_of_the_next_seed() -> Result<()> {
    let outcome = Generate::new()?.with("--samples", "2").run()?;
    assert_eq!(outcome.exit_code, Some(0), "{}", outcome.stderr);
    assert_eq!(outcome.files()?, ["picture-1.png", "picture.png"]);
    assert!(outcome.file("picture.png")? == usual_image()?);
    let next = Generate::new()?.with("--seed", "1235").image()?;
    assert!(outcome.file("picture-1.png")? == next);
    Ok(())
}

#[test]
fn without_a_seed_one_is_drawn_and_printed() -> Result<()> {
    let drawn = Generate::new()?.without("--seed").run()?;
    let last_line = drawn.stdout.lines().last().unwrap_or_default();
    let seed = last_line
        .strip_prefix("seed ")
        .and_then(|rest| rest.split(',').next())
        .unwrap_or_default();
    let again = Generate::new()?.with("--seed", seed).image()?;
    assert!(drawn.file("picture.png")? == again, "seed {seed}");
    let other = Generate::new()?.without("--seed").run()?;
    assert!(other.file("picture.png")? != again);
    Ok(())
}

#[test]
fn refused_values_exit_with_2_and_the_servers_messages() -> Result<()> {
    for (option, value, message) in [
        (
            "--steps",
            "0",
            "num_inference_steps must be between 1 and 150",
        ),
        ("--width", "9999", "width must be between 64 and 768"),
        ("--height", "tall", "height must be a number"),
        ("--seed", "-1", "seed must be between 0 and 4294967295"),
        ("--samples", "3", "samples must be between 1 and 2"),
        ("--s-scale", "nan", "s_scale must be a number"),
        ("--prompt", "  ", "prompt is required"),
    ] {
        let outcome = Generate::new()?.with(option, value).run()?;
        assert_refused(&outcome, 2, message)?;
    }
    Ok(())
}

#[test]
fn unusable_face_images_exit_with_3_and_say_why() -> Result<()> {
    let dot = encode_png(&RgbImage::new(1, 1, vec![0; 3])?)?;
    for (file, message) in [
        (
            &b"not an image"[..],
            "face_image is not a JPEG, PNG, WebP or GIF image",
        ),
        (
            &dot,
            "face_image of 1x1 pixels is too small, both sides must have at least 32",
        ),
        (b"", "face_image is empty"),
    ] {
        let outcome = Generate::new()?.with_face_file(file)?.run()?;
        assert_refused(&outcome, 3, message)?;
    }
    let link = "HTTPS://photos.example/face.jpg?signature=7b1f9c";
    let link = Generate::new()?.with("--face", link).run()?;
    let message = "--face takes a file, not a link: fetch the photo first, with curl --location \
                   --output face.jpg LINK, and pass --face face.jpg";
    assert_refused(&link, 2, message)?;
    assert!(!link.stderr.contains("7b1f9c"));
    let missing = Generate::new()?.with("--face", "/missing.jpg").run()?;
    let message = "face_image /missing.jpg cannot be read: No such file or directory (os error 2)";
    assert_refused(&missing, 3, message)
}

#[test]
fn a_photo_without_a_face_exits_with_4() -> Result<()> {
    let gradient = (0..256_u32 * 256)
        .flat_map(|index| [index % 256, index / 256, 128].map(|level| level as u8));
    let landscape = encode_png(&RgbImage::new(256, 256, gradient.collect())?)?;
    let outcome = Generate::new()?.with_face_file(&landscape)?.run()?;
    assert_refused(&outcome, 4, "no face detected in face_image")
}

#[test]
fn an_unknown_preset_exits_with_5() -> Result<()> {
    let outcome = Generate::new()?.with("--preset", "nothing").run()?;
    assert_eq!(outcome.exit_code, Some(5));
    let message = "error: there is no preset nothing; ";
    assert!(outcome.stderr.starts_with(message), "{}", outcome.stderr);
    Ok(())
}

#[test]
fn a_directory_that_does_not_exist_exits_with_1_before_any_work() -> Result<()> {
    let outcome = Generate::new()?.with("--out", "/missing/a.png").run()?;
    assert_refused(&outcome, 1, "the directory /missing does not exist")
}

#[test]
fn an_existing_file_is_overwritten_only_with_force() -> Result<()> {
    let run = |name: &str| {
        Generate::new()?
            .with("--samples", "2")
            .with_existing(name, b"precious")
    };
    for name in ["picture.png", "picture-1.png"] {
        let refused = run(name)?.run()?;
        assert_eq!(refused.exit_code, Some(2), "{}", refused.stderr);
        let message = format!("{name} exists: choose another file with --out");
        assert!(refused.stderr.contains(&message), "{}", refused.stderr);
        assert_eq!(refused.files()?, [name]);
        assert_eq!(refused.file(name)?, b"precious");
    }
    let forced = run("picture.png")?.flag("--force").run()?;
    assert_eq!(forced.exit_code, Some(0), "{}", forced.stderr);
    assert!(forced.file("picture.png")? == usual_image()?);
    Ok(())
}

#[test]
fn the_extension_chooses_the_format() -> Result<()> {
    let usual = read_image(usual_image()?, &ImageLimits::default())?.image;
    for (name, beginning) in [
        ("a.webp", &b"RIFF"[..]),
        ("a.JPG", b"\xFF\xD8\xFF"),
        ("a.jpeg", b"\xFF\xD8\xFF"),
    ] {
        let outcome = Generate::new()?.named(name).run()?;
        assert_eq!(outcome.exit_code, Some(0), "{}", outcome.stderr);
        let file = outcome.file(name)?;
        assert!(file.starts_with(beginning), "{name}");
        let kind = b"digitalsourcetype/trainedAlgorithmicMedia";
        assert!(file.windows(kind.len()).any(|part| part == kind), "{name}");
        let image = read_image(&file, &ImageLimits::default())?.image;
        assert_eq!((image.width(), image.height()), (64, 64));
        if name == "a.webp" {
            assert!(image.pixels() == usual.pixels(), "it is lossless");
        }
    }
    let refused = Generate::new()?.named("a.gif").run()?;
    assert_eq!(refused.exit_code, Some(2), "{}", refused.stderr);
    let message = "a.gif ends with none of .png, .jpg, .jpeg and .webp";
    assert!(refused.stderr.contains(message), "{}", refused.stderr);
    Ok(())
}

#[test]
fn json_has_a_line_for_each_image() -> Result<()> {
    let outcome = Generate::new()?
        .with("--samples", "2")
        .with("--steps", "20")
        .flag("--json")
        .run()?;
    assert_eq!(outcome.exit_code, Some(0), "{}", outcome.stderr);
    let lines = outcome.stdout.lines().map(serde_json::from_str);
    let lines = lines.collect::<Result<Vec<Value>, _>>()?;
    assert_eq!(lines.len(), 2, "{lines:?}");
    for (line, (name, seed)) in lines
        .iter()
        .zip([("picture.png", 1234), ("picture-1.png", 1235)])
    {
        let path = line["path"].as_str().unwrap_or_default();
        assert!(path.ends_with(name), "{line}");
        assert_eq!(line["prompt"], "portrait of a person in a garden", "{line}");
        assert_eq!(line["seed"], seed, "{line}");
        assert_eq!((&line["width"], &line["steps"]), (&json!(64), &json!(21)));
        let warning = line["warnings"][0].as_str().unwrap_or_default();
        assert!(warning.starts_with("num_inference_steps 20"), "{line}");
        for stage in ["face_analysis", "denoising", "decoding", "total"] {
            assert!(line["timings"][stage].as_f64() > Some(0.0), "{line}");
        }
    }
    Ok(())
}

#[test]
fn a_style_changes_the_image_and_has_to_be_one_of_the_preset() -> Result<()> {
    let styled = |style: &str| Generate::new().map(|it| it.with("--style", style));
    assert!(styled("realistic")?.image()? == usual_image()?);
    assert!(styled("anime")?.image()? != usual_image()?);
    for style in ["anime", "cubist"] {
        let models = concat!(env!("CARGO_MANIFEST_DIR"), "/models");
        let outcome = styled(style)?
            .with("--models-dir", models)
            .with("--preset", "demo")
            .run()?;
        let message = "style of preset demo must be one of realistic";
        assert_refused(&outcome, 2, message)?;
    }
    Ok(())
}
