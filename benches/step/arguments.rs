//! The command line.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Result, anyhow, bail, ensure};
use candle_core::DType;
use facegen_engine::DeviceChoice;
use facegen_engine::sd15::denoise::LATENT_SCALE;

pub(crate) const USAGE: &str = "usage: step [--unet DIR] [--vae DIR] [--adapter FILE] \
     [--lora-rank N] [--weights files|zeros] [--device cpu|cuda:N] [--dtype f32|f16|bf16] [--kernels own|candle] [--size WIDTHxHEIGHT] [--images N,N] [--steps N] \
     [--warm-up N] [--pack FILE] [--input FILE --dump FILE]";

/// Rank of the LoRA of the published adapters.
const PUBLISHED_RANK: &str = "128";

/// The models that are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Unet,
    Vae,
}

/// What is measured, on what and how.
#[derive(Debug)]
pub(crate) struct Arguments {
    /// Those whose directories are named.
    pub(crate) parts: Vec<Part>,
    pub(crate) unet: Option<PathBuf>,
    pub(crate) vae: Option<PathBuf>,
    pub(crate) adapter: Option<PathBuf>,
    /// Whether weights are zeros in place of the directories', with an adapter.
    pub(crate) zeros: bool,
    /// The packed weights of the model, of which there is one; written if there are none.
    pub(crate) pack: Option<PathBuf>,
    /// Rank of the adapter's LoRA.
    pub(crate) lora_rank: usize,
    pub(crate) device: DeviceChoice,
    pub(crate) dtype: DType,
    /// Whether candle's operations compute in place of this project's kernels.
    pub(crate) candle: bool,
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Numbers of images that share a step.
    pub(crate) images: Vec<usize>,
    pub(crate) steps: usize,
    /// Steps before the first that counts.
    pub(crate) warm_up: usize,
    /// The file to read and the file to write, if nothing is measured.
    pub(crate) dump: Option<(PathBuf, PathBuf)>,
}

impl Arguments {
    pub(crate) fn parse(words: &[String]) -> Result<Self> {
        let mut options = Options::parse(words)?;
        let (unet, vae) = (options.path("--unet"), options.path("--vae"));
        let parts = [(Part::Unet, &unet), (Part::Vae, &vae)];
        let parts = parts.into_iter().filter(|(_, path)| path.is_some());
        let device = options.text("--device", "cpu");
        let (width, height) = size(&options.text("--size", "512x512"))?;
        let images = options.text("--images", "1");
        let arguments = Self {
            parts: parts.map(|(part, _)| part).collect(),
            adapter: options.path("--adapter"),
            pack: options.path("--pack"),
            zeros: either(&options.text("--weights", "files"), ["files", "zeros"])?,
            lora_rank: number(&options.text("--lora-rank", PUBLISHED_RANK))?,
            device: device.parse().map_err(|error| anyhow!("{error}"))?,
            dtype: dtype(&options.text("--dtype", "f32"))?,
            candle: either(&options.text("--kernels", "own"), ["own", "candle"])?,
            width,
            height,
            images: images.split(',').map(number).collect::<Result<_>>()?,
            steps: number(&options.text("--steps", "20"))?,
            warm_up: number(&options.text("--warm-up", "3"))?,
            dump: dump(options.path("--input"), options.path("--dump"))?,
            unet,
            vae,
        };
        options.finish()?;
        ensure!(!arguments.parts.is_empty(), "no model is named\n{USAGE}");
        ensure!(
            arguments.pack.is_none() || arguments.parts.len() == 1,
            "a pack is of one model"
        );
        ensure!(
            !(arguments.zeros && arguments.pack.is_some()),
            "zeros have no pack"
        );
        ensure!(
            arguments.steps > 0 && !arguments.images.contains(&0),
            "nothing to measure"
        );
        Ok(arguments)
    }
}

/// The options that are still to be read.
struct Options(BTreeMap<String, String>);

impl Options {
    fn parse(words: &[String]) -> Result<Self> {
        let pairs = words.chunks(2).map(|pair| match pair {
            [name, value] => Ok((name.clone(), value.clone())),
            _ => bail!("{} has no value\n{USAGE}", pair.concat()),
        });
        Ok(Self(pairs.collect::<Result<_>>()?))
    }

    fn path(&mut self, name: &str) -> Option<PathBuf> {
        self.0.remove(name).map(PathBuf::from)
    }

    fn text(&mut self, name: &str, default: &str) -> String {
        self.0.remove(name).unwrap_or_else(|| default.to_owned())
    }

    /// Refuses what was not read.
    fn finish(self) -> Result<()> {
        match self.0.keys().next() {
            Some(name) => bail!("there is no option {name}\n{USAGE}"),
            None => Ok(()),
        }
    }
}

fn number<T: FromStr<Err = std::num::ParseIntError>>(text: &str) -> Result<T> {
    text.parse().with_context(|| format!("{text} is no number"))
}

fn dump(input: Option<PathBuf>, dump: Option<PathBuf>) -> Result<Option<(PathBuf, PathBuf)>> {
    match (input, dump) {
        (Some(input), Some(dump)) => Ok(Some((input, dump))),
        (None, None) => Ok(None),
        _ => bail!("--input and --dump belong together"),
    }
}

fn size(text: &str) -> Result<(usize, usize)> {
    let (width, height) = text.split_once('x').context("a size is WIDTHxHEIGHT")?;
    let (width, height) = (number(width)?, number(height)?);
    let fits = |side: usize| side > 0 && side.is_multiple_of(LATENT_SCALE);
    ensure!(
        fits(width) && fits(height),
        "{text}: sides are multiples of {LATENT_SCALE}"
    );
    Ok((width, height))
}

/// Returns whether a word is the second of two.
fn either(word: &str, [first, second]: [&str; 2]) -> Result<bool> {
    ensure!(
        word == first || word == second,
        "{word} is neither {first} nor {second}"
    );
    Ok(word == second)
}

fn dtype(name: &str) -> Result<DType> {
    let dtype = [DType::F32, DType::F16, DType::BF16]
        .into_iter()
        .find(|dtype| dtype.as_str() == name);
    dtype.with_context(|| format!("{name} is none of f32, f16 and bf16"))
}
