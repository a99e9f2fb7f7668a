//! The effect of a style on an image, with the preset of random weights and
//! with variants of it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use facegen_core::Preset;
use facegen_core::request::Style;
use facegen_core::{
    Backend, GenerationInput, RawGenerationRequest, RequestLimits, RgbImage, SlotEvent,
};
use facegen_engine::{CandleBackend, EngineError, LoadOptions};
use facegen_image::{ImageLimits, read_image};
use tempfile::TempDir;

use crate::support::root;

/// Anime with another UNet, comic with words as well.
const OTHER_UNET: &str = r#"
[styles.anime.unet]
config = "random/unet/config.json"
source = { synthetic = 14 }
licence = "Apache-2.0"

[styles.comic]
prompt = "inked, {prompt}"

[styles.comic.unet]
config = "random/unet/config.json"
source = { synthetic = 14 }
licence = "Apache-2.0"
"#;

fn shipped() -> PathBuf {
    root().join("models")
}

fn of_tests() -> PathBuf {
    root().join("tests/assets/presets")
}

/// Presets, and the images of their seeds.
pub(crate) struct Presets {
    directory: TempDir,
}

impl Presets {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["demo", "random"] {
            symlink(of_tests().join(name), directory.path().join(name)).unwrap();
        }
        Self { directory }
    }

    /// Writes the preset of random weights without its styles, after `change`.
    pub(crate) fn write(&self, change: impl Fn(String) -> String) -> Result<Preset, String> {
        let random = fs::read_to_string(of_tests().join("random.toml")).unwrap();
        let (before, rest) = random.split_once("[styles.anime]").unwrap();
        let (_, behind) = rest.split_once("[components.tokenizer]").unwrap();
        let manifest = change(format!("{before}[components.tokenizer]{behind}"));
        fs::write(self.directory.path().join("random.toml"), manifest).unwrap();
        Preset::find(self.directory.path(), "random").map_err(|error| error.to_string())
    }

    /// Returns the directory for synthetic weights.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    pub(crate) fn load(&self, preset: &Preset) -> CandleBackend {
        self.try_load(preset).unwrap()
    }

    pub(crate) fn try_load(&self, preset: &Preset) -> Result<CandleBackend, EngineError> {
        let options = LoadOptions {
            data_dir: self.data_dir(),
            ..LoadOptions::default()
        };
        CandleBackend::load(preset, &options)
    }
}

pub(crate) fn input(fields: &[(&str, &str)]) -> GenerationInput {
    let mut raw = RawGenerationRequest::default();
    let smallest = [("width", "64"), ("height", "64"), ("seed", "7")];
    for (name, value) in smallest.iter().chain(fields) {
        *raw.field_mut(name).unwrap() = (*value).into();
    }
    let photo = "tests/assets/photographs/astronaut.png";
    let photo = root().join(photo);
    let face = read_image(&fs::read(photo).unwrap(), &ImageLimits::default())
        .unwrap()
        .image;
    GenerationInput {
        spec: raw
            .parse(&RequestLimits::default())
            .unwrap()
            .resolve_seed(|| 0)
            .spec,
        face,
    }
}

/// Returns the images and the warnings of concurrent requests.
fn images(
    backend: &mut CandleBackend,
    requests: &[&[(&str, &str)]],
) -> Vec<(RgbImage, Vec<String>)> {
    for fields in requests {
        backend.admit(&input(fields)).unwrap();
    }
    let mut finished = Vec::new();
    while backend.active() > 0 {
        for event in backend.tick() {
            if let SlotEvent::Finished { slot, mut output } = event {
                let image = output.images.remove(0).pixels;
                finished.push((slot, image, output.warnings));
            }
        }
    }
    finished.sort_by_key(|(slot, ..)| *slot);
    let finished = finished.into_iter();
    finished
        .map(|(_, image, warnings)| (image, warnings))
        .collect()
}

pub(crate) fn image(backend: &mut CandleBackend, fields: &[(&str, &str)]) -> RgbImage {
    images(backend, &[fields]).remove(0).0
}

#[test]
fn every_preset_of_published_weights_offers_every_style_and_each_has_words_of_its_own() {
    for preset in Preset::all(&shipped()).unwrap() {
        let styles = preset.styles();
        // The demo's networks have one style only.
        if preset.name() == "demo" {
            assert_eq!(styles, [Style::Realistic]);
            continue;
        }
        assert_eq!(styles.len(), 5, "{}", preset.name());
        let styled = styles.iter().map(|style| {
            let recipe = preset.style(*style).unwrap();
            let [prompt, negative] = [recipe.prompt("a man"), recipe.negative_prompt("hat")];
            let is_plain = (&*prompt, &*negative) == ("a man", "hat");
            assert_eq!(is_plain, *style == Style::Realistic);
            assert!(prompt.ends_with("a man") && negative.starts_with("hat"));
            prompt.into_owned()
        });
        let mut styled: Vec<String> = styled.collect();
        styled.sort();
        styled.dedup();
        assert_eq!(styled.len(), 5, "{}", preset.name());
    }
}

#[test]
fn the_guide_lists_the_words_of_the_presets_that_ship() {
    let guide = root().join("docs/guides/presets.md");
    let guide = fs::read_to_string(guide).unwrap();
    for preset in Preset::all(&shipped()).unwrap() {
        for style in preset.styles() {
            let recipe = preset.style(style).unwrap();
            let [before, behind] = [recipe.prompt(""), recipe.negative_prompt("")];
            let row = format!("| `{}` | {before}| {behind} |", style.as_str());
            let is_listed = guide.contains(&row);
            assert_eq!(is_listed, style != Style::Realistic, "{row}");
        }
    }
}

#[test]
fn a_style_makes_the_image_of_its_words_and_realistic_that_of_the_prompt() {
    let preset = Preset::find(&of_tests(), "random").unwrap();
    let mut backend = Presets::new().load(&preset);
    let mut seen = Vec::new();
    for style in preset.styles() {
        let name = style.as_str();
        let recipe = preset.style(style).unwrap();
        let (prompt, negative) = (recipe.prompt("a man"), recipe.negative_prompt("hat"));
        let asked = [("prompt", "a man"), ("negative_prompt", "hat")];
        let styled = [asked.as_slice(), &[("style", name)]].concat();
        let styled = image(&mut backend, &styled);
        let spelled = [("prompt", &*prompt), ("negative_prompt", &*negative)];
        assert_eq!(styled, image(&mut backend, &spelled), "{name}");
        assert!(
            !seen.contains(&styled),
            "{name} style_pipelines like another style"
        );
        seen.push(styled);
    }
    assert_eq!(seen.len(), 5);
}

#[test]
fn the_words_of_a_style_count_among_the_tokens() {
    let preset = Preset::find(&of_tests(), "random").unwrap();
    let mut backend = Presets::new().load(&preset);
    let prompt = vec!["man"; 75].join(" ");
    let plain = [("prompt", prompt.as_str())];
    let styled = [("prompt", prompt.as_str()), ("style", "anime")];
    let made = images(&mut backend, &[&plain, &styled]);
    let too_long = |warnings: &[String]| {
        let beginning = "prompt is longer than 75 tokens; the last ";
        warnings.iter().any(|text| text.starts_with(beginning))
    };
    assert!(!too_long(&made[0].1) && too_long(&made[1].1));
    assert_ne!(made[0].0, made[1].0, "the words of the style come first");
}

#[test]
fn a_style_with_a_base_model_uses_it_also_with_concurrent_requests() {
    let presets = Presets::new();
    let with_styles = presets.write(|random| random + OTHER_UNET).unwrap();
    assert_eq!(
        with_styles.styles(),
        [Style::Realistic, Style::Comic, Style::Anime]
    );
    let other_base = presets
        .write(|random| random.replace("synthetic = 4", "synthetic = 14"))
        .unwrap();
    let mut other = presets.load(&other_base);
    let drawn = image(&mut other, &[("prompt", "a man")]);
    let inked = image(&mut other, &[("prompt", "inked, a man")]);

    let mut backend = presets.load(&with_styles).with_batch_limit(3);
    let request = |style| [("prompt", "a man"), ("style", style)];
    let requests = ["realistic", "anime", "comic"].map(request);
    let [realistic, anime, comic] = &requests;
    let made = images(&mut backend, &[realistic, anime, comic]);
    assert_ne!(made[0].0, drawn);
    assert_eq!([&made[1].0, &made[2].0], [&drawn, &inked]);
    assert_eq!(made[0].0, image(&mut backend, realistic), "alone");
}

#[test]
fn styles_that_are_not_offered_are_refused() {
    let presets = Presets::new();
    let mut backend = presets.load(&presets.write(|random| random).unwrap());
    let error = backend
        .admit(&input(&[("prompt", "a man"), ("style", "chibi")]))
        .unwrap_err();
    assert!(error.to_string().contains("the style chibi"), "{error}");
}

#[test]
fn a_manifest_with_an_invalid_style_is_refused() {
    let presets = Presets::new();
    for (table, reason) in [
        ("[styles.anime]\nprompt = \"a drawing\"", "{prompt} once"),
        (
            "[styles.anime]\nprompt = \"{prompt}{prompt}\"",
            "{prompt} once",
        ),
        (
            "[styles.anime]\nnegative_prompt = \"x\"",
            "the style anime has neither a prompt nor a model",
        ),
        (
            "[styles.realistic]\nprompt = \"photo, {prompt}\"",
            "realistic is the preset as it is",
        ),
        ("[styles.oil]\nprompt = \"{prompt}\"", "oil"),
        ("[styles.anime]\nprompt = \"{prompt}\"\nsteps = 3", "steps"),
    ] {
        let error = presets
            .write(|random| format!("{random}\n{table}\n"))
            .unwrap_err();
        assert!(error.contains(reason), "{table}: {error}");
    }
}
