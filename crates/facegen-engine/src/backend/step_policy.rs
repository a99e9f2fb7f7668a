//! The choice of a backend's next unit of work, and of its samples.

use std::cmp::Reverse;
use std::fmt::{self, Debug};

use facegen_core::request::ImageSize;

use crate::pipeline::SampleId;

/// Chooses the next unit of work: preparing a request, a step of samples that share it, or a
/// stage of a decode.
pub trait StepPolicy: Debug + Send {
    /// Returns the next unit, `None` when there is nothing to do.
    fn choose(&self, work: &Work<'_>) -> Option<Unit>;
}

/// The possible next units of a backend.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// The samples that it holds, in the order of their admission.
    pub samples: &'a [SampleInfo],
    /// Whether a request is waiting to be prepared.
    pub request_waits: bool,
    /// The units since the last step.
    pub since_step: SinceStep,
    /// How many images of a size can share a step.
    pub pictures_per_step: &'a dyn Fn(ImageSize) -> usize,
    /// Whether two samples can share a step.
    pub can_share_step: &'a dyn Fn(SampleId, SampleId) -> bool,
}

impl Debug for Work<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Work")
            .field("samples", &self.samples)
            .field("request_waits", &self.request_waits)
            .field("since_step", &self.since_step)
            .finish_non_exhaustive()
    }
}

/// The units since the last step, which every denoising sample waits for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SinceStep {
    /// Whether a request was prepared.
    pub prepared: bool,
    /// How many stages of decodes were run.
    pub decode_stages: usize,
}

/// A policy's view of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampleInfo {
    /// The id of the sample.
    pub id: SampleId,
    /// The size of its image.
    pub size: ImageSize,
    /// How many steps it still has to take.
    pub steps_left: usize,
    /// How many steps of other samples were taken since its last one.
    pub waited: usize,
    /// Whether its decode has begun.
    pub decoding: bool,
}

/// One unit of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unit {
    /// Analyses the face and encodes the prompts of a waiting request.
    Prepare,
    /// The next step of these samples.
    Step(Vec<SampleId>),
    /// The next stage of decoding this sample.
    Decode(SampleId),
}

/// First in, first out: the oldest sample takes its step, together with the oldest of those that
/// can share it.
///
/// A step follows each preparation and each [`Self::DECODE_STAGES`] stages of decodes. A sample
/// that cannot share the steps of older ones waits for [`Self::LONGEST_WAIT`] of them, and then for
/// one step for each other sample that has waited for as long.
#[derive(Debug, Clone, Copy, Default)]
pub struct FirstInFirstOut;

impl FirstInFirstOut {
    /// The maximum number of others' steps that a sample waits for before it comes first.
    pub const LONGEST_WAIT: usize = 16;

    /// How many stages of decodes run between two steps: a third of a decode of SD 1.5's VAE, about
    /// half as long as a step. With one stage at a time a finished image would wait for 17 steps of
    /// other samples.
    pub const DECODE_STAGES: usize = 6;

    fn step(work: &Work<'_>) -> Option<Unit> {
        let takes_steps = |sample: &&SampleInfo| sample.steps_left > 0;
        let mut samples: Vec<_> = work.samples.iter().filter(takes_steps).collect();
        // The sort is stable: samples that are not overdue keep their order.
        samples.sort_by_key(|sample| Reverse(overdue(sample)));
        let first = samples.first()?;
        let limit = (work.pictures_per_step)(first.size);
        let shares = |other: &&&SampleInfo| {
            other.id == first.id || (work.can_share_step)(first.id, other.id)
        };
        let batch = samples.iter().filter(shares).take(limit);
        Some(Unit::Step(batch.map(|sample| sample.id).collect()))
    }
}

/// Returns how far a sample has waited beyond the limit; 0 if it has not.
fn overdue(sample: &SampleInfo) -> usize {
    (sample.waited + 1).saturating_sub(FirstInFirstOut::LONGEST_WAIT)
}

impl StepPolicy for FirstInFirstOut {
    fn choose(&self, work: &Work<'_>) -> Option<Unit> {
        let step = Self::step(work);
        let SinceStep {
            prepared,
            decode_stages,
        } = work.since_step;
        if step.is_some() && (prepared || decode_stages >= Self::DECODE_STAGES) {
            return step;
        }
        let mut done = work.samples.iter().filter(|sample| sample.steps_left == 0);
        // A running decode takes many times the memory of the latents that wait for theirs.
        match done.clone().find(|sample| sample.decoding).or(done.next()) {
            Some(sample) => Some(Unit::Decode(sample.id)),
            None if work.request_waits && (step.is_none() || decode_stages == 0) => {
                Some(Unit::Prepare)
            }
            None => step,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: (u32, u32) = (64, 64);
    const LARGE: (u32, u32) = (512, 512);

    const STEPPED: SinceStep = decoded(0);
    const PREPARED: SinceStep = SinceStep {
        prepared: true,
        ..STEPPED
    };

    const fn decoded(decode_stages: usize) -> SinceStep {
        SinceStep {
            prepared: false,
            decode_stages,
        }
    }

    /// Builds samples of these sizes, steps left and waiting times.
    fn samples(all: &[((u32, u32), usize, usize)]) -> Vec<SampleInfo> {
        let mut id = SampleId::default();
        let sample = |&(size, steps_left, waited): &((u32, u32), usize, usize)| {
            let own = id;
            id = id.next();
            SampleInfo {
                id: own,
                size: ImageSize::try_from(size).unwrap(),
                steps_left,
                waited,
                decoding: false,
            }
        };
        all.iter().map(sample).collect()
    }

    /// Returns the indices of the samples of the next step, or `None`.
    fn choose(
        samples: &[SampleInfo],
        limit: usize,
        since_step: SinceStep,
        waits: bool,
    ) -> Option<Unit> {
        let size = |id: SampleId| samples.iter().find(|sample| sample.id == id).unwrap().size;
        FirstInFirstOut.choose(&Work {
            samples,
            request_waits: waits,
            since_step,
            pictures_per_step: &|_| limit,
            can_share_step: &|one, other| size(one) == size(other),
        })
    }

    fn step(samples: &[SampleInfo], places: &[usize]) -> Option<Unit> {
        let ids = places.iter().map(|place| samples[*place].id);
        Some(Unit::Step(ids.collect()))
    }

    #[test]
    fn the_oldest_and_those_of_its_size_share_a_step() {
        let all = samples(&[
            (LARGE, 21, 0),
            (SMALL, 21, 0),
            (LARGE, 3, 0),
            (LARGE, 21, 0),
        ]);
        assert_eq!(choose(&all, 8, STEPPED, false), step(&all, &[0, 2, 3]));
        assert_eq!(choose(&all, 2, STEPPED, false), step(&all, &[0, 2]));
        assert_eq!(choose(&[], 8, STEPPED, false), None);
    }

    #[test]
    fn a_sample_that_has_waited_for_long_comes_first_with_those_of_its_size() {
        let longest = FirstInFirstOut::LONGEST_WAIT;
        let all = samples(&[
            (LARGE, 9, 0),
            (SMALL, 21, longest - 1),
            (SMALL, 21, longest),
            (SMALL, 21, 2),
        ]);
        assert_eq!(choose(&all, 3, STEPPED, false), step(&all, &[2, 1, 3]));
        let all = samples(&[(LARGE, 9, 0), (SMALL, 21, longest - 2)]);
        assert_eq!(choose(&all, 3, STEPPED, false), step(&all, &[0]));
    }

    #[test]
    fn a_decode_comes_after_a_step_and_before_a_preparation() {
        let all = samples(&[(SMALL, 21, 0), (SMALL, 0, 0), (SMALL, 0, 0)]);
        let decode = |sample: &SampleInfo| Some(Unit::Decode(sample.id));
        assert_eq!(choose(&all, 8, STEPPED, true), decode(&all[1]));
        assert_eq!(choose(&all, 8, PREPARED, true), step(&all, &[0]));
        assert_eq!(choose(&all[..1], 8, STEPPED, true), Some(Unit::Prepare));
        assert_eq!(choose(&all[..1], 8, PREPARED, true), step(&all, &[0]));
        let done = &all[1..];
        assert_eq!(choose(done, 8, PREPARED, true), decode(&done[0]));
    }

    #[test]
    fn a_step_interrupts_a_decode_after_some_stages() {
        let mut all = samples(&[(SMALL, 21, 0), (SMALL, 0, 0), (SMALL, 0, 0)]);
        all[2].decoding = true;
        let longest = FirstInFirstOut::DECODE_STAGES;
        let begun = Some(Unit::Decode(all[2].id));
        assert_eq!(choose(&all, 8, decoded(longest - 1), true), begun);
        assert_eq!(choose(&all, 8, decoded(longest), true), step(&all, &[0]));
        assert_eq!(choose(&all[1..], 8, decoded(longest), true), begun);
        let (waits, alone) = (&all[..1], &all[..0]);
        assert_eq!(choose(waits, 8, decoded(1), true), step(waits, &[0]));
        assert_eq!(choose(alone, 8, decoded(1), true), Some(Unit::Prepare));
    }

    /// Simulates one sample per step, all of different sizes.
    #[test]
    fn no_sample_waits_for_longer_than_stated() {
        let count = 5;
        let sizes = (0..count).map(|index| ((64 + 8 * index, 64), 100, 0));
        let mut all = samples(&sizes.collect::<Vec<_>>());
        let longest = FirstInFirstOut::LONGEST_WAIT + count as usize;
        while all.iter().any(|sample| sample.steps_left > 0) {
            let Some(Unit::Step(ids)) = choose(&all, 4, STEPPED, false) else {
                unreachable!("nothing else is to be done");
            };
            for sample in all.iter_mut().filter(|sample| sample.steps_left > 0) {
                if ids.contains(&sample.id) {
                    sample.steps_left -= 1;
                    sample.waited = 0;
                } else {
                    sample.waited += 1;
                    assert!(sample.waited <= longest, "{sample:?}");
                }
            }
            all.retain(|sample| sample.steps_left > 0);
        }
    }
}
