//! A photograph to image tokens.

use candle_core::{Device, Tensor};
use facegen_core::Picture;
use facegen_diffusion::{FaceIdPlusProjection, PlusFaceProjection};
use facegen_nn::clip::{ClipVisionConfig, ClipVisionModel};
use facegen_vision::clip::CLIP_SIZE;
use facegen_vision::{ChannelOrder, FaceAnalysis, FaceAnalyzer, RgbImage, clip_pixel_values};

use crate::EngineError;

/// The part of an adapter that makes image tokens.
#[derive(Debug)]
pub enum ImageProjection {
    /// Of an identity and the structure of the face.
    FaceIdPlus(Box<FaceIdPlusProjection>),
    /// Of what the face looks like.
    PlusFace(Box<PlusFaceProjection>),
}

impl ImageProjection {
    /// The weight of the image branch in every cross-attention. An adapter
    /// without a recogniser has nothing else that a request's `s_scale` could
    /// weigh.
    #[must_use]
    pub fn attention_scale(&self, adapter_scale: f64, s_scale: f64) -> f64 {
        match self {
            Self::FaceIdPlus(_) => adapter_scale,
            Self::PlusFace(_) => adapter_scale * s_scale,
        }
    }
}

/// Reads the face off a photograph, and turns it into the tokens that the
/// UNet's image branches attend to.
#[derive(Debug)]
pub struct FaceEncoder {
    analyzer: FaceAnalyzer,
    image_encoder: ClipVisionModel,
    projection: ImageProjection,
    channel_order: ChannelOrder,
    /// Hidden states of zeroed pixel values: what the unconditional row sees.
    nothing: Tensor,
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
    /// Joins the models; encodes the unconditional picture once.
    ///
    /// # Errors
    /// When the image encoder does not run.
    pub fn new(
        analyzer: FaceAnalyzer,
        image_encoder: ClipVisionModel,
        config: &ClipVisionConfig,
        projection: ImageProjection,
        channel_order: ChannelOrder,
    ) -> Result<Self, EngineError> {
        let side = config.image_size;
        let zeros = Tensor::zeros((1, 3, side, side), candle_core::DType::F32, &Device::Cpu)?;
        let nothing = image_encoder.penultimate_hidden_state(&zeros)?;
        Ok(Self {
            analyzer,
            image_encoder,
            projection,
            channel_order,
            nothing,
        })
    }

    /// Finds the face in a photograph.
    ///
    /// # Errors
    /// When there is none.
    pub fn analyze(&self, photo: &Picture) -> Result<FaceAnalysis, EngineError> {
        let (width, height) = (photo.width() as usize, photo.height() as usize);
        Ok(self
            .analyzer
            .analyze(&RgbImage::new(width, height, photo.rgb().to_vec())?)?)
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
        let structure = self.image_encoder.penultimate_hidden_state(&pixel_values)?;
        match &self.projection {
            ImageProjection::FaceIdPlus(projection) => {
                let missing = || EngineError::Defect("the face has no embedding".into());
                let identity = Tensor::new(id_embedding.ok_or_else(missing)?, &Device::Cpu)?
                    .unsqueeze(0)?
                    .to_dtype(structure.dtype())?
                    .to_device(structure.device())?;
                let nobody = identity.zeros_like()?;
                Ok(FaceTokens {
                    cond: projection.forward(&identity, &structure, s_scale)?,
                    uncond: projection.forward(&nobody, &self.nothing, s_scale)?,
                })
            }
            ImageProjection::PlusFace(projection) => Ok(FaceTokens {
                cond: projection.forward(&structure)?,
                uncond: projection.forward(&self.nothing)?,
            }),
        }
    }

    /// See [`ImageProjection::attention_scale`].
    #[must_use]
    pub fn attention_scale(&self, adapter_scale: f64, s_scale: f64) -> f64 {
        self.projection.attention_scale(adapter_scale, s_scale)
    }
}
