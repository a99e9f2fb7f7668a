//! The effect of a preset's precision on this machine.

use std::hint::black_box;
use std::thread;
use std::time::Instant;

use candle_core::{DType, Device};
use facegen_core::preset::Precision;
use facegen_nn::Compute;
use facegen_nn::kernels::Element;
use facegen_nn::kernels::peak::Peak;
use half::bf16;

/// Rounds of which the fastest counts, as others share the machine.
const ROUNDS: usize = 20;
/// Tiles of a round: about a millisecond.
const TILES: usize = 500;

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

/// Measures how many multiplications and additions a second this CPU's kernel for
/// a precision does on all threads at most, within some 20 milliseconds.
#[must_use]
pub fn peak_on_cpu(precision: Precision) -> f64 {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let of_thread = match precision {
        Precision::Bf16 => fastest::<bf16>,
        // f16 is computed in f32 on a CPU.
        Precision::F32 | Precision::F16 => fastest::<f32>,
    };
    thread::scope(|scope| {
        let rates: Vec<_> = (0..threads).map(|_| scope.spawn(of_thread)).collect();
        rates.into_iter().filter_map(|rate| rate.join().ok()).sum()
    })
}

/// Returns the rate of the fastest round on this thread.
#[expect(clippy::cast_precision_loss, reason = "an estimate needs no 53 bits")]
fn fastest<E: Element>() -> f64 {
    let mut peak = Peak::<E>::default();
    let mut rate = || {
        let begin = Instant::now();
        let operations = black_box(peak.run(TILES));
        operations as f64 / begin.elapsed().as_secs_f64()
    };
    (0..ROUNDS).map(|_| rate()).fold(0.0, f64::max)
}

/// Returns candle's dtype for a precision.
pub(crate) fn dtype_of(precision: Precision) -> DType {
    match precision {
        Precision::F32 => DType::F32,
        Precision::F16 => DType::F16,
        Precision::Bf16 => DType::BF16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_that_of_a_processor() {
        for precision in [Precision::F32, Precision::F16, Precision::Bf16] {
            let rate = peak_on_cpu(precision);
            assert!(
                (1e8..1e15).contains(&rate),
                "{rate} in {}",
                precision.as_str()
            );
        }
    }
}
