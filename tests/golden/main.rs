//! The numbers of facegen against those of the Python originals.
//!
//! `python/` holds the scripts that made `data/`; nothing of Python runs here.
//! Each golden comes with the results of deliberate faults in the reference,
//! and a result counts as right only if it is within the tolerance of the
//! reference *and* twenty tolerances away from every fault.

mod clip_text;
mod clip_vision;
mod ddim;
mod end_to_end;
mod half_precision;
mod invariance;
mod loop_latents;
mod mutations;
mod noise;
mod projection;
mod support;
mod unet;
mod vae;
mod vision;
