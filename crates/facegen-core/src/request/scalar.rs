//! One value of a request, and lenient readers for it.
//!
//! Clients of this API send numbers as strings, booleans as `"yes"` and absent
//! values as `"null"`. All of that is handled here, for JSON bodies, form
//! bodies and the command line alike.

use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::FieldError;

/// One value of a request, in the type in which it was sent.
///
/// `Debug` shows only the length of texts: they hold prompts.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// Not sent, or JSON's `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number without a fraction.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// A string, or any value of a form or the command line.
    Text(String),
}

impl Scalar {
    /// Returns whether the value counts as absent: `null`, `""` or `"null"`.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => matches!(text.trim(), "" | "null"),
            Self::Bool(_) | Self::Integer(_) | Self::Float(_) => false,
        }
    }

    /// Returns the trimmed text, `None` when absent.
    ///
    /// # Errors
    /// Fails when the value is a number or a boolean.
    pub fn text(&self, field: &'static str) -> Result<Option<&str>, FieldError> {
        match self {
            _ if self.is_absent() => Ok(None),
            Self::Text(text) => Ok(Some(text.trim())),
            Self::Null | Self::Bool(_) | Self::Integer(_) | Self::Float(_) => {
                Err(FieldError::new(field, "must be a string"))
            }
        }
    }

    /// Returns the boolean, `None` when absent: `true` and `false`, `1` and
    /// `0`, and the strings `true`, `yes`, `1`, `false`, `no` and `0` in any
    /// case.
    ///
    /// # Errors
    /// Fails when the value is anything else.
    pub fn boolean(&self, field: &'static str) -> Result<Option<bool>, FieldError> {
        let word = match self {
            _ if self.is_absent() => return Ok(None),
            Self::Bool(value) => return Ok(Some(*value)),
            Self::Null => String::new(),
            Self::Integer(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Text(text) => text.trim().to_ascii_lowercase(),
        };
        match word.as_str() {
            "true" | "yes" | "1" => Ok(Some(true)),
            "false" | "no" | "0" => Ok(Some(false)),
            _ => Err(FieldError::new(field, "must be true or false")),
        }
    }

    /// Returns the finite number, `None` when absent.
    ///
    /// # Errors
    /// Fails when the value is not a number, or is NaN or infinite.
    pub fn number(&self, field: &'static str) -> Result<Option<f64>, FieldError> {
        let number = match self {
            _ if self.is_absent() => return Ok(None),
            #[expect(
                clippy::cast_precision_loss,
                reason = "every range of this API ends far below 2^53"
            )]
            Self::Integer(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Null | Self::Bool(_) => None,
        };
        match number {
            Some(number) if number.is_finite() => Ok(Some(number)),
            _ => Err(FieldError::new(field, "must be a number")),
        }
    }

    /// Returns the number within `range`, `None` when absent.
    ///
    /// # Errors
    /// Fails when the value is not a number, or lies outside `range`.
    pub fn number_within(
        &self,
        field: &'static str,
        range: RangeInclusive<f64>,
    ) -> Result<Option<f64>, FieldError> {
        match self.number(field)? {
            Some(number) if !range.contains(&number) => Err(out_of_range(field, &range)),
            other => Ok(other),
        }
    }

    /// Returns the whole number within `range`, `None` when absent. `"512.0"`
    /// is whole.
    ///
    /// # Errors
    /// Fails when the value is not a number, lies outside `range`, or has a
    /// fraction.
    pub fn integer_within(
        &self,
        field: &'static str,
        range: RangeInclusive<u32>,
    ) -> Result<Option<u32>, FieldError> {
        let bounds = f64::from(*range.start())..=f64::from(*range.end());
        match self.number_within(field, bounds)? {
            None => Ok(None),
            Some(number) if number.fract() != 0.0 => {
                Err(FieldError::new(field, "must be a whole number"))
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the number is whole and between two u32"
            )]
            Some(number) => Ok(Some(number as u32)),
        }
    }

    /// Returns the value of the text in `options`, `None` when absent. Case is
    /// ignored.
    ///
    /// # Errors
    /// Fails when the text is not in `options`.
    pub fn choice<T: Copy>(
        &self,
        field: &'static str,
        options: &[(&str, T)],
    ) -> Result<Option<T>, FieldError> {
        let Some(text) = self.text(field)? else {
            return Ok(None);
        };
        let found = options
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(text));
        match found {
            Some((_, value)) => Ok(Some(*value)),
            None => {
                let names: Vec<&str> = options.iter().map(|(name, _)| *name).collect();
                let rule = format!("must be one of {}", names.join(", "));
                Err(FieldError::new(field, rule))
            }
        }
    }
}

/// Creates the error for a number outside of `range`, with the API's documented
/// message.
pub(crate) fn out_of_range<T: fmt::Display>(
    field: &'static str,
    range: &RangeInclusive<T>,
) -> FieldError {
    let rule = format!("must be between {} and {}", range.start(), range.end());
    FieldError::new(field, rule)
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Scalar {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Option<String>> for Scalar {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

impl From<bool> for Scalar {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Scalar {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<f64> for Scalar {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl fmt::Debug for Scalar {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => formatter.write_str("Null"),
            Self::Bool(value) => write!(formatter, "Bool({value})"),
            Self::Integer(number) => write!(formatter, "Integer({number})"),
            Self::Float(number) => write!(formatter, "Float({number})"),
            Self::Text(text) => write!(formatter, "Text({} characters)", text.chars().count()),
        }
    }
}
