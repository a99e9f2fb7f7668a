//! The engine's side of the port: requests in, steps, pictures out.

mod admission;
mod batch_limit;
mod safety;
mod slots;
#[cfg(test)]
mod tests;

use std::time::Instant;

use facegen_core::{Backend, BackendError, GenerationInput, Slot, SlotEvent};
use facegen_diffusion::AutoencoderKl;
use facegen_vision::RgbImage;

use crate::sd15::denoise::{DenoiseState, denoise_step};
use crate::{EngineError, LoadOptions, Models, Preset, SafetyPolicy};
use batch_limit::BatchLimit;
use safety::Checked;
use slots::{Sample, Slots};

/// Makes pictures with candle, one denoising step at a time.
#[derive(Debug)]
pub struct CandleBackend {
    models: Models,
    adapter_scale: f64,
    safety: SafetyPolicy,
    batch_limit: BatchLimit,
    slots: Slots,
}

impl CandleBackend {
    /// Loads a preset's models.
    ///
    /// # Errors
    /// When one cannot be loaded, or a safety checker is mandatory and there is
    /// none.
    pub fn load(preset: &Preset, options: &LoadOptions) -> Result<Self, EngineError> {
        options.safety.check(preset)?;
        let models = Models::load(preset, options)?;
        let adapter_scale = preset.options().adapter_scale;
        Ok(Self {
            models,
            adapter_scale,
            safety: options.safety,
            batch_limit: BatchLimit::default(),
            slots: Slots::default(),
        })
    }

    /// Lets up to `pictures` share a call of the UNet.
    #[must_use]
    pub fn with_batch_limit(self, pictures: usize) -> Self {
        Self {
            batch_limit: BatchLimit::new(pictures),
            ..self
        }
    }

    /// One step of the oldest sample and of those that fit beside it, which
    /// have the same UNet.
    fn step(&self, batch: &mut [Sample]) -> Result<(), EngineError> {
        let Some(base) = batch.first().map(|first| first.base.clone()) else {
            return Ok(());
        };
        let mut states: Vec<&mut DenoiseState> =
            batch.iter_mut().map(|sample| &mut sample.state).collect();
        let models = &self.models;
        models
            .compute
            .run(|| denoise_step(&base.unet, &mut states, &models.compute))
    }

    /// Moves the oldest sample on, and those that fit beside it, by `step`.
    fn tick_by(
        &mut self,
        step: impl FnOnce(&Self, &mut [Sample]) -> Result<(), EngineError>,
    ) -> Vec<SlotEvent> {
        if self.slots.active() == 0 {
            return Vec::new();
        }
        let started = Instant::now();
        let mut batch = self.slots.take_batch(self.batch_limit.get());
        if let Err(error) = step(self, &mut batch) {
            return self.after_failed_step(batch, &error.into());
        }
        let elapsed = started.elapsed() / batch.len().max(1) as u32;
        let mut events = Vec::new();
        for sample in batch {
            events.extend(self.slots.progress(sample.slot, elapsed));
            if sample.state.is_done() {
                events.extend(self.finish_sample(&sample));
            } else {
                self.slots.put_back(sample);
            }
        }
        events
    }

    /// Decodes a sample whose last step is done.
    fn decode(&self, sample: &Sample) -> Result<RgbImage, EngineError> {
        let decode = || sample.base.vae.decode(sample.state.latents());
        let decoded = self.models.compute.run(decode)?;
        // A sum is finite only if every value is; NaN would become black.
        if !decoded.sum_all()?.to_scalar::<f32>()?.is_finite() {
            return Err(EngineError::NotFinite);
        }
        let (_, _, height, width) = decoded.dims4()?;
        let rgb = AutoencoderKl::to_rgb(&decoded)?;
        Ok(RgbImage::new(width, height, rgb)?)
    }

    /// What of a decoded picture may leave the engine.
    fn check(&self, image: RgbImage, sample: &Sample) -> Result<Checked, EngineError> {
        let models = &self.models;
        let checker = models.safety_checker.as_ref();
        models
            .compute
            .run(|| safety::check(checker, self.safety, image, sample.safety_action))
    }

    /// Tries the samples again in smaller batches where that may help, or ends
    /// their requests.
    fn after_failed_step(&mut self, batch: Vec<Sample>, error: &BackendError) -> Vec<SlotEvent> {
        if self.batch_limit.shrink(error, batch.len()) {
            // A step that fails has moved none of them.
            for sample in batch {
                self.slots.put_back(sample);
            }
            return Vec::new();
        }
        let fail = |sample: Sample| self.slots.fail(sample.slot, error.clone());
        batch.into_iter().filter_map(fail).collect()
    }

    fn finish_sample(&mut self, sample: &Sample) -> Option<SlotEvent> {
        let started = Instant::now();
        let decoded = self.decode(sample);
        let decoding = started.elapsed();
        match decoded.and_then(|image| self.check(image, sample)) {
            Ok(checked) => {
                let safety_checking = started.elapsed() - decoding;
                let timings = [decoding, safety_checking];
                self.slots.add_picture(sample, checked, timings)
            }
            Err(error) => self.slots.fail(sample.slot, error.into()),
        }
    }
}

impl Backend for CandleBackend {
    fn admit(&mut self, input: &GenerationInput) -> Result<Slot, BackendError> {
        let admitted = admission::admit(&self.models, self.adapter_scale, self.safety, input)?;
        Ok(self.slots.insert(admitted))
    }

    fn tick(&mut self) -> Vec<SlotEvent> {
        self.tick_by(Self::step)
    }

    fn cancel(&mut self, slot: Slot) {
        self.slots.remove(slot);
    }

    fn active(&self) -> usize {
        self.slots.active()
    }
}
