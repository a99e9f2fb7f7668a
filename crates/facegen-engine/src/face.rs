//! A photograph to image tokens.

use candle_core::{Device, Tensor};
use facegen_core::Picture;
use facegen_diffusion::FaceIdPlusProjection;
use facegen_nn::clip::{ClipVisionConfig, ClipVisionModel};
use facegen_vision::{ChannelOrder, FaceAnalysis, FaceAnalyzer, RgbImage, clip_pixel_values};

use crate::EngineError;

/// Reads the face off a photograph, and turns it into the tokens that the
/// UNet's image branches attend to.
#[derive(Debug)]
pub struct FaceEncoder {
    analyzer: FaceAnalyzer,
    image_encoder: ClipVisionModel,
    projection: FaceIdPlusProjection,
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
        projection: FaceIdPlusProjection,
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

    /// The image tokens of an aligned face.
    ///
    /// # Errors
    /// When a model does not run.
    pub fn tokens(
        &self,
        crop: &RgbImage,
        id_embedding: &[f32],
        s_scale: f64,
    ) -> Result<FaceTokens, EngineError> {
        let side = crop.width();
        let pixel_values = clip_pixel_values(crop, self.channel_order);
        let pixel_values = Tensor::from_vec(pixel_values, (1, 3, side, side), &Device::Cpu)?;
        let structure = self.image_encoder.penultimate_hidden_state(&pixel_values)?;
        let identity = Tensor::new(id_embedding, &Device::Cpu)?
            .unsqueeze(0)?
            .to_dtype(structure.dtype())?
            .to_device(structure.device())?;
        Ok(FaceTokens {
            cond: self.projection.forward(&identity, &structure, s_scale)?,
            uncond: self
                .projection
                .forward(&identity.zeros_like()?, &self.nothing, s_scale)?,
        })
    }
}
