//! The effect of a preset's precision on this machine.

use candle_core::{DType, Device};
use facegen_core::preset::Precision;
use facegen_nn::Compute;

/// Describes this CPU's kernel for a precision, to follow its name, and what to
/// set if that has no benefit.
#[must_use]
pub fn on_cpu(precision: Precision) -> String {
    let compute = Compute::new(Device::Cpu, dtype_of(precision));
    let advice = if compute.gains_nothing() {
        ", for which this processor has no fast instructions (f32 as options.dtype of the \
         manifest would be as fast and more exact)"
    } else {
        ""
    };
    format!(" by {}{advice}", compute.kernel())
}

/// Returns candle's dtype for a precision.
pub(crate) fn dtype_of(precision: Precision) -> DType {
    match precision {
        Precision::F32 => DType::F32,
        Precision::F16 => DType::F16,
        Precision::Bf16 => DType::BF16,
    }
}
