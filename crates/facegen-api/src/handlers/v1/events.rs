//! How a job goes on, as it does: Server-Sent Events.
//!
//! A stream holds the latest look at its job and nothing else, and the next
//! look is taken only when the last one was sent. So a slow reader misses steps
//! and fills no memory; one that reads nothing at all is cut off by the limit
//! on writing of its connection.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::CACHE_CONTROL;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use facegen_jobs::{JobView, JobWatch};
use futures_util::stream::unfold;
use tracing::{Span, warn};

use crate::ApiError;
use crate::call::{ApiCall, SharedContext};
use crate::handlers::fetch::path_id;
use crate::openapi::errors::StreamErrors;
use crate::openapi::foreign::StreamEvent;
use crate::streams::StreamPermit;
use crate::wire::v1::job::Progress;

/// How often a stream without news says that it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// How a job goes on, as it does
///
/// Server-Sent Events: the state at once, then what changes, up to the end. An
/// event is called `position`, `progress` or `end`.
#[utoipa::path(
    get,
    path = "",
    tag = "v1",
    params(("id" = u32, Path, description = "The id of the job.")),
    responses(
        (status = 200, body = StreamEvent, content_type = "text/event-stream",
            description = "Events, each with a `Progress`"),
        StreamErrors,
    ),
)]
pub(crate) async fn events(
    State(state): State<SharedContext>,
    path: Result<Path<String>, PathRejection>,
    call: ApiCall,
) -> Result<Response, ApiError> {
    let id = path_id(path)?;
    Span::current().record("job", id.get());
    let mut watch = state.jobs.watch(call.key.id, id);
    let first = watch.next().await?.ok_or(ApiError::UnknownJob)?;
    let permit = state
        .streams
        .begin(call.key.id, state.config.event_streams_of_key);
    let permit = permit.ok_or(ApiError::TooManyStreams)?;
    let open = Open { watch, permit };
    let events = unfold((open, Some(first)), next);
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
    // As of every other answer, which is left to what is around.
    response.headers_mut().remove(CACHE_CONTROL);
    Ok(response)
}

/// A stream while it is open.
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
    let data = serde_json::to_string(&Progress::from(&view)).ok()?;
    let event = Event::default().event(name).data(data);
    Some((Ok(event), (open, None)))
}
