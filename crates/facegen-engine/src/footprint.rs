//! The memory that the weights of a preset take and how much an image computes, from
//! the configs of its networks, before any file of theirs is fetched.

use std::io;
use std::path::Path;

use facegen_core::Preset;
use facegen_core::preset::{AdapterKind, Component, Components, Precision};
use facegen_diffusion::image_projection::PlusFaceConfig;
use facegen_diffusion::{AutoencoderKlConfig, FaceIdPlusConfig, UNet2DConditionConfig};
use facegen_nn::clip::{ClipTextConfig, ClipVisionConfig};
use facegen_vision::SafetyCheckerConfig;
use serde::de::DeserializeOwned;

use crate::EngineError;

/// An image of 512×512 has so many latents on a side.
const LATENTS: usize = 64;
/// Steps of an image, with two rows each for guidance, unless a request says
/// otherwise.
const ROWS: u64 = 2 * 21;

/// How large the networks of a preset are, without those of ONNX files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    parameters: u64,
    /// The multiplications and additions of the UNet for an image of 512×512 in
    /// 21 steps.
    operations: u64,
}

impl Footprint {
    /// Counts the parameters and operations of a preset's networks. `read` reads a
    /// file that the manifest names by its path.
    ///
    /// # Errors
    /// Fails when a config is missing or cannot be parsed.
    pub fn of(
        preset: &Preset,
        read: impl Fn(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<Self, EngineError> {
        let configs = Configs {
            preset,
            read: &read,
        };
        let (_, bases): (Vec<_>, Vec<_>) = preset.base_models().into_iter().unzip();
        let unets: Vec<UNet2DConditionConfig> = configs.of_each(&bases, |all| &all.unet)?;
        let text_encoders: Vec<ClipTextConfig> =
            configs.of_each(&bases, |all| &all.text_encoder)?;
        let vaes: Vec<AutoencoderKlConfig> = configs.of_each(&bases, |all| &all.vae)?;
        let components = preset.components();
        let image_encoder: ClipVisionConfig = configs.of(&components.image_encoder)?;
        let safety_checker = components.safety_checker.as_ref();
        let safety_checker = safety_checker.map(|it| configs.of::<SafetyCheckerConfig>(it));
        let of_unet = |unet: &UNet2DConditionConfig| unet.parameters() + unet.adapter_parameters();
        let row = |unet: &UNet2DConditionConfig| unet.operations(LATENTS, LATENTS) as u64;
        let operations = ROWS * unets.first().map_or(0, row);
        let parameters = unets.iter().map(of_unet).sum::<usize>()
            + text_encoders
                .iter()
                .map(ClipTextConfig::parameters)
                .sum::<usize>()
            + vaes
                .iter()
                .map(AutoencoderKlConfig::decoder_parameters)
                .sum::<usize>()
            + image_encoder.parameters()
            + configs.projection()?
            + safety_checker.transpose()?.map_or(0, |it| it.parameters());
        Ok(Self {
            parameters: parameters as u64,
            operations,
        })
    }

    /// Returns the seconds that the UNet takes at so many operations a second for
    /// an image of 512×512 in 21 steps. The other networks and all that moves
    /// memory come in addition.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "an estimate needs no 53 bits")]
    pub fn seconds(self, operations_a_second: f64) -> f64 {
        self.operations as f64 / operations_a_second
    }

    /// Returns the bytes of the weights at a precision.
    #[must_use]
    pub fn weights(self, precision: Precision) -> u64 {
        let bytes = match precision {
            Precision::F32 => 4,
            Precision::F16 | Precision::Bf16 => 2,
        };
        self.parameters * bytes
    }
}

/// The configs of a preset.
struct Configs<'a, R> {
    preset: &'a Preset,
    read: &'a R,
}

impl<R: Fn(&Path) -> io::Result<Vec<u8>>> Configs<'_, R> {
    fn of<T: DeserializeOwned>(&self, component: &Component) -> Result<T, EngineError> {
        let config = component.config.as_deref();
        let config = config.ok_or_else(|| self.preset.refusal("a model has no config"))?;
        let path = self.preset.path(config);
        let bytes = (self.read)(config).map_err(|source| EngineError::File {
            path: path.clone(),
            source,
        })?;
        serde_json::from_slice(&bytes).map_err(|source| EngineError::Config { path, source })
    }

    /// Returns the config of each different component of the base models.
    fn of_each<T: DeserializeOwned>(
        &self,
        bases: &[Preset],
        component: impl Fn(&Components) -> &Component,
    ) -> Result<Vec<T>, EngineError> {
        let mut different: Vec<&Component> = Vec::new();
        for base in bases {
            let own = component(base.components());
            if !different.contains(&own) {
                different.push(own);
            }
        }
        different.into_iter().map(|own| self.of(own)).collect()
    }

    /// Returns the parameters of the adapter's projection.
    fn projection(&self) -> Result<usize, EngineError> {
        let adapter = &self.preset.components().adapter;
        Ok(match self.preset.options().adapter_kind {
            AdapterKind::FaceidPlusv2 => self
                .of::<FaceIdPlusConfig>(adapter)?
                .projection_parameters(),
            AdapterKind::PlusFace => self.of::<PlusFaceConfig>(adapter)?.projection_parameters(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use candle_core::Device;

    use super::*;
    use crate::{CandleBackend, LoadOptions};

    const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

    fn footprint(directory: &str, name: &str) -> (Preset, Footprint) {
        let directory = Path::new(ROOT).join(directory);
        let preset = Preset::find(&directory, name).unwrap();
        let footprint = Footprint::of(&preset, |path| fs::read(directory.join(path))).unwrap();
        (preset, footprint)
    }

    /// Returns the elements of a checkpoint that is the only file in a directory.
    fn elements(directory: &Path) -> usize {
        let file = fs::read_dir(directory).unwrap().next().unwrap().unwrap();
        let tensors = candle_core::safetensors::load(file.path(), &Device::Cpu).unwrap();
        // A LoRA becomes part of the UNet.
        let tensors = tensors.iter().filter(|(name, _)| !name.contains("_lora."));
        tensors.map(|(_, tensor)| tensor.elem_count()).sum()
    }

    /// What a model asks for while it loads is written as its checkpoint.
    #[test]
    fn the_parameters_are_those_that_the_networks_load() {
        let (preset, footprint) = footprint("tests/assets/presets", "random");
        let data_dir = tempfile::tempdir().unwrap();
        let options = LoadOptions {
            data_dir: data_dir.path().to_owned(),
            ..LoadOptions::default()
        };
        CandleBackend::load(&preset, &options).unwrap();
        let written = data_dir.path().join("synthetic/random");
        let networks = ["unet", "text_encoder", "vae", "image_encoder", "adapter"];
        let loaded: usize = networks
            .iter()
            .map(|name| elements(&written.join(name)))
            .sum();
        // A checkpoint that is made up has no projection.
        let config = fs::read(preset.path(Path::new("random/image_encoder/config.json")));
        let config: ClipVisionConfig = serde_json::from_slice(&config.unwrap()).unwrap();
        let projection = config.hidden_size * config.projection_dim;
        assert_eq!(footprint.parameters, (loaded + projection) as u64);
    }

    /// The numbers that diffusers and transformers give for the published
    /// networks.
    #[test]
    fn the_published_networks_have_their_known_parameters() {
        let preset = Preset::find(&Path::new(ROOT).join("models"), "sd15-plus-face").unwrap();
        let read = |path: &Path| fs::read(preset.path(path));
        let configs = Configs {
            preset: &preset,
            read: &read,
        };
        let all = preset.components();
        let unet: UNet2DConditionConfig = configs.of(&all.unet).unwrap();
        let vae: AutoencoderKlConfig = configs.of(&all.vae).unwrap();
        let text_encoder: ClipTextConfig = configs.of(&all.text_encoder).unwrap();
        let image_encoder: ClipVisionConfig = configs.of(&all.image_encoder).unwrap();
        assert_eq!(unet.parameters(), 859_520_964);
        assert_eq!(vae.decoder_parameters(), 49_490_199);
        assert_eq!(text_encoder.parameters(), 123_060_480);
        assert_eq!(image_encoder.parameters(), 632_076_800);
        let all = Footprint::of(&preset, read).unwrap();
        assert_eq!(all.weights(Precision::F32), 4 * all.parameters);
        assert_eq!(all.weights(Precision::F16), 2 * all.parameters);
        // 762 billion a row.
        assert_eq!(all.seconds(42e9).trunc(), 762.0);
    }
}
