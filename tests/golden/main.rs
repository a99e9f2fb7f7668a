//! The numbers of facegen against those of the Python references.
//!
//! `python/` holds the scripts that made `data/`; nothing of Python runs here.
//! Each golden comes with the results of deliberate faults in the reference,
//! and a result counts as right only if it is within the tolerance of the
//! reference *and* twenty tolerances away from every fault.

#[cfg(test)]
mod batching;
#[cfg(test)]
mod clip_text;
#[cfg(test)]
mod clip_vision;
#[cfg(test)]
mod ddim;
#[cfg(test)]
mod end_to_end;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod gpu;
#[cfg(test)]
mod half_precision;
#[cfg(test)]
mod invariance;
#[cfg(test)]
mod loop_latents;
#[cfg(test)]
mod mutations;
#[cfg(test)]
mod noise;
#[cfg(test)]
mod not_finite;
#[cfg(test)]
mod options;
#[cfg(test)]
mod packs;
#[cfg(test)]
mod parity;
#[cfg(test)]
mod plus_face;
#[cfg(test)]
mod projection;
#[cfg(test)]
mod safety;
#[cfg(test)]
mod styles;
#[cfg(test)]
mod support;
#[cfg(test)]
mod trained;
#[cfg(test)]
mod unet;
#[cfg(test)]
mod vae;
#[cfg(test)]
mod vision;
