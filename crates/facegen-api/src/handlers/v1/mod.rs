//! The routes below `/v1`, beyond the documented API.

pub(crate) mod deliveries;
pub(crate) mod events;
pub(crate) mod faces;
pub(crate) mod jobs;
pub(crate) mod key;

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use facegen_core::{FieldError, RequestError};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::ApiError;

/// The longest list, and the default length.
const LONGEST_LIST: u32 = 100;
const USUAL_LIST: u32 = 20;

/// The requested part of a list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Part {
    /// `next_before` of the previous page.
    before: Option<u32>,
    /// The most items to return.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
}

/// The query of a list, which may be invalid.
pub(crate) type PartQuery = Result<Query<Part>, QueryRejection>;

/// Parses the query of a list into `before` and `limit`.
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
