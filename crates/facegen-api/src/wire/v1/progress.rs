//! The progress of one job.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use facegen_core::JobState;
use facegen_jobs::JobView;
use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi::foreign;
use crate::wire::eta;

/// The progress of a job.
#[derive(Serialize, ToSchema)]
pub(crate) struct Progress {
    #[schema(schema_with = foreign::job_state)]
    state: JobState,
    /// How many jobs are ahead of it in the queue.
    position: Option<u32>,
    /// The completed denoising steps of all samples together.
    step: Option<usize>,
    steps: Option<usize>,
    /// The estimated time to its end, in seconds.
    eta: Option<u64>,
}

impl From<&JobView> for Progress {
    fn from(view: &JobView) -> Self {
        // The engine reports the total with the first step.
        let steps = view.steps.filter(|(done, _)| *done > 0);
        Self {
            state: view.job.state,
            position: view.position,
            step: steps.map(|(done, _)| done),
            steps: steps.map(|(_, all)| all),
            eta: (!view.job.state.is_final()).then(|| eta(view.eta)),
        }
    }
}

/// The progress of a job in a stream.
#[derive(Serialize, ToSchema)]
pub(crate) struct StreamProgress {
    #[serde(flatten)]
    progress: Progress,
    /// The latest preview, in streams with `preview=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    preview: Option<Preview>,
}

/// Small images, one pixel for each latent, about as the images will be.
#[derive(Serialize, ToSchema)]
struct Preview {
    /// The completed denoising steps of all samples together.
    step: usize,
    /// A PNG as a data URI for each image that is not decoded yet.
    images: Vec<String>,
}

impl From<&JobView> for StreamProgress {
    fn from(view: &JobView) -> Self {
        Self {
            progress: Progress::from(view),
            preview: view.preview.as_ref().map(Preview::from),
        }
    }
}

impl From<&facegen_jobs::Preview> for Preview {
    fn from(preview: &facegen_jobs::Preview) -> Self {
        let uri = |file: &Vec<u8>| format!("data:image/png;base64,{}", STANDARD.encode(file));
        Self {
            step: preview.step,
            images: preview.files.iter().map(uri).collect(),
        }
    }
}
