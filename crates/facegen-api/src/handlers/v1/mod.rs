//! What is ours beyond the documented API.
//!
//! | chapter | answers |
//! |---|---|
//! | [`jobs`] | what there is to know about jobs, and their erasure |
//! | [`events`] | how a job goes on, as it does |
//! | [`deliveries`] | webhooks and uploads |

pub(crate) mod deliveries;
pub(crate) mod events;
pub(crate) mod jobs;

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use facegen_core::{FieldError, RequestError};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::ApiError;

/// How much a list holds at most, and when nothing is said.
const LONGEST_LIST: u32 = 100;
const USUAL_LIST: u32 = 20;

/// Which part of a list is wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Part {
    /// What `next_before` was: the list goes on from there.
    before: Option<u32>,
    /// How much at most.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
}

/// A query that may not be one.
pub(crate) type PartQuery = Result<Query<Part>, QueryRejection>;

/// The part that a query asks for: before what, and how much.
fn part(query: PartQuery) -> Result<(Option<u32>, u32), ApiError> {
    let wrong = |field, rule: &str| {
        let errors = vec![FieldError::new(field, rule)];
        ApiError::from(RequestError { errors })
    };
    let Query(part) = query.map_err(|_| wrong("limit", "and before must be whole numbers"))?;
    let limit = part.limit.unwrap_or(USUAL_LIST);
    if !(1..=LONGEST_LIST).contains(&limit) {
        return Err(wrong("limit", "must be between 1 and 100"));
    }
    Ok((part.before, limit))
}
