//! The progress of a job as Server-Sent Events.
//!
//! A stream holds only the latest state of its job, and reads the next one when
//! the last was sent. So a slow client skips steps and takes no memory; one
//! that reads nothing is closed by the write timeout of its connection. The same
//! holds for previews, which are made only while a stream asks for them.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header::CACHE_CONTROL;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use facegen_core::{FieldError, Job, RequestError};
use facegen_jobs::{JobView, JobWatch};
use futures_util::stream::unfold;
use serde::Deserialize;
use tracing::{Span, warn};

use crate::call::{ApiCall, SharedContext};
use crate::handlers::fetch::path_id;
use crate::openapi::errors::StreamErrors;
use crate::openapi::foreign::StreamEvent;
use crate::streams::StreamPermit;
use crate::wire::v1::progress::StreamProgress;
use crate::{ApiError, Capabilities};

/// The interval of keep-alive comments.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// What a stream shows beyond the progress.
#[derive(Deserialize)]
pub(crate) struct Shown {
    #[serde(default)]
    preview: bool,
}

/// Stream the progress of a job
///
/// Server-Sent Events: the current state, then each change, until the job ends.
/// An event is named `position`, `progress` or `end`. With `preview=true`, at
/// most two a second have a `preview`.
#[utoipa::path(
    get,
    path = "",
    tag = "v1",
    params(
        ("id" = u32, Path, description = "The id of the job."),
        ("preview" = Option<bool>, Query, description =
            "Whether events also carry previews; refused where the images of the job are \
             checked for safety."),
    ),
    responses(
        (status = 200, body = StreamEvent, content_type = "text/event-stream",
            description = "Events, each with a `StreamProgress`"),
        StreamErrors,
    ),
)]
pub(crate) async fn events(
    State(state): State<SharedContext>,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<Shown>, QueryRejection>,
    call: ApiCall,
) -> Result<Response, ApiError> {
    let id = path_id(path)?;
    let Query(shown) = query.map_err(|_| wrong_preview("must be true or false"))?;
    Span::current().record("job", id.get());
    let mut watch = state.jobs.watch(call.key.id, id);
    let first = watch.next().await?.ok_or(ApiError::UnknownJob)?;
    let permit = state
        .streams
        .begin(call.key.id, state.config.event_streams_of_key);
    let permit = permit.ok_or(ApiError::TooManyStreams)?;
    if shown.preview {
        check_previews(&first.job, &state.capabilities)?;
        watch.want_previews();
    }
    let open = Open { watch, permit };
    let events = unfold((open, Some(first)), next);
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
    // The middleware then sets it, as for all responses.
    response.headers_mut().remove(CACHE_CONTROL);
    Ok(response)
}

/// Refuses previews of images that are checked: they would show what the checker
/// has not seen.
fn check_previews(job: &Job, capabilities: &Capabilities) -> Result<(), ApiError> {
    let wanted = job.request.spec.safety().enabled;
    if capabilities.safety_checking.applies(wanted) {
        let rule =
            "must be false: the images of this job are checked for safety before they are shown";
        return Err(wrong_preview(rule));
    }
    Ok(())
}

fn wrong_preview(rule: &str) -> ApiError {
    let errors = vec![FieldError::new("preview", rule)];
    RequestError { errors }.into()
}

/// An open stream.
struct Open {
    watch: JobWatch,
    #[expect(dead_code, reason = "it is held, and goes with the stream")]
    permit: StreamPermit,
}

type Step = (Open, Option<JobView>);

async fn next((mut open, first): Step) -> Option<(Result<Event, Infallible>, Step)> {
    let view = match first {
        Some(view) => view,
        None => match open.watch.next().await {
            Ok(view) => view?,
            Err(error) => {
                warn!(%error, "event stream failed");
                return None;
            }
        },
    };
    let name = if view.job.state.is_final() {
        "end"
    } else if view.position.is_some() {
        "position"
    } else {
        "progress"
    };
    let data = serde_json::to_string(&StreamProgress::from(&view)).ok()?;
    let event = Event::default().event(name).data(data);
    Some((Ok(event), (open, None)))
}
