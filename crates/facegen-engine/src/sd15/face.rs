//! A photo to image tokens.

use std::fmt::Debug;

use candle_core::{Device, Tensor};
use facegen_core::preset::ChannelOrder;
use facegen_diffusion::{FaceIdPlusProjection, PlusFaceProjection};
use facegen_image::RgbImage;
use facegen_nn::clip::{ClipVisionConfig, ClipVisionModel};
use facegen_vision::clip::CLIP_SIZE;
use facegen_vision::{FaceAnalysis, FaceAnalyzer, clip_pixel_values};

use crate::EngineError;

/// The part of an adapter that makes image tokens.
pub trait ImageProjection: Debug + Send + Sync {
    /// Makes the image tokens `(1, tokens, width)` of a face.
    ///
    /// - `id_embedding`: `(1, width)`, of unit length; zeros for no face; none
    ///   where the preset has no embedder.
    /// - `clip_hidden_states`: `(1, patches, width)`, the penultimate ones.
    ///
    /// # Errors
    /// When the model does not run, or the embedding is missing.
    fn tokens(
        &self,
        id_embedding: Option<&Tensor>,
        clip_hidden_states: &Tensor,
        s_scale: f64,
    ) -> Result<Tensor, EngineError>;

    /// The weight of the image branch in every cross-attention.
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

    /// Without a recogniser there is nothing else that `s_scale` could weigh.
    fn attention_scale(&self, adapter_scale: f64, s_scale: f64) -> f64 {
        adapter_scale * s_scale
    }
}

/// Reads the face off a photo, and turns it into the tokens that the
/// UNet's image branches attend to.
#[derive(Debug)]
pub struct FaceEncoder {
    analyzer: FaceAnalyzer,
    image_encoder: ClipVisionModel,
    projection: Box<dyn ImageProjection>,
    channel_order: ChannelOrder,
    /// Hidden states of zeroed pixel values: what the unconditional row sees.
    uncond_clip_embeds: Tensor,
}

/// The image tokens of both rows of guidance, each `(1, tokens, width)`.
#[derive(Clone, Debug)]
pub struct FaceTokens {
    /// Of the face.
    pub cond: Tensor,
    /// Of no face. Not zeros: the projection turns zeros into something.
    pub uncond: Tensor,
}

impl FaceEncoder {
    /// Joins the models; encodes the unconditional image once.
    ///
    /// # Errors
    /// When the image encoder does not run.
    pub fn new(
        analyzer: FaceAnalyzer,
        image_encoder: ClipVisionModel,
        config: &ClipVisionConfig,
        projection: Box<dyn ImageProjection>,
        channel_order: ChannelOrder,
    ) -> Result<Self, EngineError> {
        let side = config.image_size;
        let zeros = Tensor::zeros((1, 3, side, side), candle_core::DType::F32, &Device::Cpu)?;
        let uncond_clip_embeds = image_encoder.penultimate_hidden_state(&zeros)?;
        Ok(Self {
            analyzer,
            image_encoder,
            projection,
            channel_order,
            uncond_clip_embeds,
        })
    }

    /// Finds the face in a photo.
    ///
    /// # Errors
    /// When there is none.
    pub fn analyze(&self, photo: &RgbImage) -> Result<FaceAnalysis, EngineError> {
        Ok(self.analyzer.analyze(photo)?)
    }

    /// The image tokens of the crop of a face. FaceID-PlusV2 needs to be told
    /// who it is by an embedding of unit length; plus-face cannot be.
    ///
    /// # Errors
    /// When a model does not run, or the embedding is missing.
    pub fn tokens(
        &self,
        crop: &RgbImage,
        id_embedding: Option<&[f32]>,
        s_scale: f64,
    ) -> Result<FaceTokens, EngineError> {
        let pixel_values = clip_pixel_values(crop, self.channel_order);
        let shape = (1, 3, CLIP_SIZE, CLIP_SIZE);
        let pixel_values = Tensor::from_vec(pixel_values, shape, &Device::Cpu)?;
        let clip_embeds = self.image_encoder.penultimate_hidden_state(&pixel_values)?;
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
                &self.uncond_clip_embeds,
                s_scale,
            )?,
        })
    }

    /// See [`ImageProjection::attention_scale`].
    #[must_use]
    pub fn attention_scale(&self, adapter_scale: f64, s_scale: f64) -> f64 {
        self.projection.attention_scale(adapter_scale, s_scale)
    }
}
