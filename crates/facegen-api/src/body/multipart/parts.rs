//! The parts of a multipart form that is in memory, one after the other.

use std::convert::Infallible;
use std::mem;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::stream::Stream;
use multer::{Error, Field, Multipart};

/// How much of the body the parser gets at once.
const PIECE_BYTES: usize = 64 * 1024;

/// How many pieces the parser may ask for at once. It keeps them all until it
/// has found the end of a part's header, so this is the limit of a header too.
const MOST_PIECES: usize = 4;

/// Reads a form part by part. Beyond the body it needs the memory of a few
/// pieces, and of the one part that is read.
pub(super) struct Parts<'b> {
    form: Multipart<'b>,
}

impl<'b> Parts<'b> {
    pub(super) fn new(boundary: String, body: &'b [u8]) -> Self {
        let pieces = Pieces {
            rest: body,
            pause: false,
        };
        let form = Multipart::new(pieces, boundary);
        Self { form }
    }

    /// Returns the next part. The one before must have been read to its end.
    ///
    /// # Errors
    /// Fails when the body ends early, or is no form with this boundary.
    pub(super) fn next(&mut self) -> Result<Option<Part<'b>>, Error> {
        let field = ready(self.form.next_field())?;
        Ok(field.map(|field| Part { field }))
    }
}

/// One part.
pub(super) struct Part<'b> {
    field: Field<'b>,
}

impl Part<'_> {
    /// Returns the name of its field, without white space around it.
    pub(super) fn name(&self) -> Option<&str> {
        self.field.name().map(str::trim)
    }

    /// Returns whether it is a file: it has a file name, or content that is not
    /// text, which some clients send without one.
    pub(super) fn is_file(&self) -> bool {
        let is_text = |content: &str| content.starts_with("text/");
        let content = self.field.content_type().map(AsRef::as_ref);
        self.field.file_name().is_some() || content.is_some_and(|content| !is_text(content))
    }

    /// Returns whether it is a file without a name, which browsers send for a
    /// file that was not chosen.
    pub(super) fn is_unnamed_file(&self) -> bool {
        self.field.file_name() == Some("")
    }

    /// Reads its content.
    ///
    /// # Errors
    /// Fails when the body ends within the part.
    pub(super) fn bytes(mut self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        while let Some(piece) = ready(self.field.chunk())? {
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    /// Reads its content without keeping it.
    ///
    /// # Errors
    /// Fails when the body ends within the part.
    pub(super) fn skip(mut self) -> Result<(), Error> {
        while ready(self.field.chunk())?.is_some() {}
        Ok(())
    }
}

/// The pieces of a body, with a pause after each: the parser buffers all that
/// it can get without one.
struct Pieces<'b> {
    rest: &'b [u8],
    pause: bool,
}

impl Stream for Pieces<'_> {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if mem::take(&mut self.pause) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let (piece, rest) = self.rest.split_at(self.rest.len().min(PIECE_BYTES));
        if piece.is_empty() {
            return Poll::Ready(None);
        }
        self.rest = rest;
        self.pause = true;
        Poll::Ready(Some(Ok(Bytes::copy_from_slice(piece))))
    }
}

/// Completes a step of the parser, which waits for nothing but further pieces.
///
/// # Errors
/// Fails when the step does, or needs too many pieces.
fn ready<T>(step: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let mut step = pin!(step);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..MOST_PIECES {
        if let Poll::Ready(result) = step.as_mut().poll(&mut context) {
            return result;
        }
    }
    Err(Error::IncompleteHeaders)
}
