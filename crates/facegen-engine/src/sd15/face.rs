//! Encodes a photo to image tokens.

use std::fmt::Debug;

use candle_core::{DType, Device, Tensor};
use facegen_core::preset::ChannelOrder;
use facegen_diffusion::{FaceIdPlusProjection, PlusFaceProjection};
use facegen_image::RgbImage;
use facegen_nn::clip::{ClipVisionConfig, ClipVisionModel};
use facegen_nn::{Compute, Weights};
use facegen_vision::clip::CLIP_SIZE;
use facegen_vision::{Face, FaceAnalysis, FaceAnalyzer, clip_pixel_values};

use crate::EngineError;

/// The part of an adapter that computes image tokens.
pub trait ImageProjection: Debug + Send + Sync {
    /// Computes the image tokens `(1, tokens, width)` of a face.
    ///
    /// - `id_embedding`: `(1, width)`, of unit length; zeros for no face; none
    ///   where the preset has no embedder.
    /// - `clip_hidden_states`: `(1, patches, width)`, the penultimate ones.
    ///
    /// # Errors
    /// Fails when the model fails, or the embedding is missing.
    fn tokens(
        &self,
        id_embedding: Option<&Tensor>,
        clip_hidden_states: &Tensor,
        s_scale: f64,
    ) -> Result<Tensor, EngineError>;

    /// Returns the weight of the image branch in every cross-attention.
    fn attention_scale(&self, adapter_scale: f64, s_scale: f64) -> f64;
}

impl ImageProjection for FaceIdPlusProjection {
    fn tokens(
        &self,
        id_embedding: Option<&Tensor>,
        clip_hidden_states: &Tensor,
        s_scale: f64,
    ) -> Result<Tensor, EngineError> {
        let missing = || EngineError::Defect("the face has no embedding".into());
        let id_embedding = id_embedding.ok_or_else(missing)?;
        Ok(self.forward(id_embedding, clip_hidden_states, s_scale)?)
    }

    fn attention_scale(&self, adapter_scale: f64, _: f64) -> f64 {
        adapter_scale
    }
}

impl ImageProjection for PlusFaceProjection {
    fn tokens(
        &self,
        _: Option<&Tensor>,
        clip_hidden_states: &Tensor,
        _: f64,
    ) -> Result<Tensor, EngineError> {
        Ok(self.forward(clip_hidden_states)?)
    }

    /// Multiplies by `s_scale`, which has no other use without a recogniser.
    fn attention_scale(&self, adapter_scale: f64, s_scale: f64) -> f64 {
        adapter_scale * s_scale
    }
}

/// The image encoder, and what it makes of no image.
#[derive(Debug)]
pub struct ImageEncoder {
    model: ClipVisionModel,
    /// Hidden states of zeroed pixel values, for the unconditional row.
    uncond_clip_embeds: Tensor,
}

impl ImageEncoder {
    /// Loads the encoder, and encodes the unconditional image unless packs have
    /// that: it follows from the weights, and takes as long as a photo does.
    ///
    /// # Errors
    /// Fails when a tensor is missing or has another shape, or the encoder
    /// fails.
    pub fn load(
        config: &ClipVisionConfig,
        weights: &Weights,
        compute: &Compute,
    ) -> Result<Self, EngineError> {
        let model = ClipVisionModel::load(config, weights, compute)?;
        let shape = [1, config.tokens(), config.hidden_size];
        let encode = || {
            let side = config.image_size;
            let zeros = Tensor::zeros((1, 3, side, side), DType::F32, &Device::Cpu)?;
            model.penultimate_hidden_state(&zeros)
        };
        let uncond_clip_embeds =
            weights.computed("uncond_clip_embeds", &shape, compute.dtype(), encode)?;
        Ok(Self {
            model,
            uncond_clip_embeds,
        })
    }
}

/// Finds the face in a photo and encodes it to the tokens that the UNet's image
/// branches attend to.
#[derive(Debug)]
pub struct FaceEncoder {
    analyzer: FaceAnalyzer,
    image_encoder: ImageEncoder,
    projection: Box<dyn ImageProjection>,
    channel_order: ChannelOrder,
    releases: bool,
}

/// The image tokens of both rows of guidance, each `(1, tokens, width)`.
#[derive(Clone, Debug)]
pub struct FaceTokens {
    /// Of the face.
    pub cond: Tensor,
    /// Of no face. Not zeros: the projection of zeros is not zero.
    pub uncond: Tensor,
}

impl FaceEncoder {
    /// Combines the models.
    #[must_use]
    pub fn new(
        analyzer: FaceAnalyzer,
        image_encoder: ImageEncoder,
        projection: Box<dyn ImageProjection>,
        channel_order: ChannelOrder,
    ) -> Self {
        Self {
            analyzer,
            image_encoder,
            projection,
            channel_order,
            releases: false,
        }
    }

    /// Sets whether the image encoder's memory goes back to the system after
    /// each face.
    #[must_use]
    pub fn releasing(self, releases: bool) -> Self {
        if releases {
            self.image_encoder.model.release();
        }
        Self { releases, ..self }
    }

    /// Finds the face in a photo.
    ///
    /// # Errors
    /// Fails when there is none.
    pub fn analyze(&self, photo: &RgbImage) -> Result<FaceAnalysis, EngineError> {
        Ok(self.analyzer.analyze(photo)?)
    }

    /// Finds the faces in a photo, the chosen one first.
    ///
    /// # Errors
    /// Fails when the detector fails.
    pub fn find(&self, photo: &RgbImage) -> Result<Vec<Face>, EngineError> {
        Ok(self.analyzer.find(photo)?)
    }

    /// Computes the image tokens of a face crop. FaceID-PlusV2 needs an
    /// identity embedding of unit length; plus-face does not use one.
    ///
    /// # Errors
    /// Fails when a model fails, or the embedding is missing.
    pub fn tokens(
        &self,
        crop: &RgbImage,
        id_embedding: Option<&[f32]>,
        s_scale: f64,
    ) -> Result<FaceTokens, EngineError> {
        let pixel_values = clip_pixel_values(crop, self.channel_order);
        let shape = (1, 3, CLIP_SIZE, CLIP_SIZE);
        let pixel_values = Tensor::from_vec(pixel_values, shape, &Device::Cpu)?;
        let clip_embeds = self
            .image_encoder
            .model
            .penultimate_hidden_state(&pixel_values);
        if self.releases {
            self.image_encoder.model.release();
        }
        let clip_embeds = clip_embeds?;
        let id_embeds = id_embedding.map(|embedding| {
            Tensor::new(embedding, &Device::Cpu)?
                .unsqueeze(0)?
                .to_dtype(clip_embeds.dtype())?
                .to_device(clip_embeds.device())
        });
        let id_embeds = id_embeds.transpose()?;
        let uncond_id_embeds = id_embeds.as_ref().map(Tensor::zeros_like).transpose()?;
        let projection = &self.projection;
        Ok(FaceTokens {
            cond: projection.tokens(id_embeds.as_ref(), &clip_embeds, s_scale)?,
            uncond: projection.tokens(
                uncond_id_embeds.as_ref(),
                &self.image_encoder.uncond_clip_embeds,
                s_scale,
            )?,
        })
    }

    /// Returns [`ImageProjection::attention_scale`].
    #[must_use]
    pub fn attention_scale(&self, adapter_scale: f64, s_scale: f64) -> f64 {
        self.projection.attention_scale(adapter_scale, s_scale)
    }
}
