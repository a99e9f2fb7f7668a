//! One search for faces in the engine: the caller's end and the engine's end.

use facegen_core::{BackendError, FaceSearch, FoundFace, RgbImage};
use tokio::sync::{oneshot, watch};

use crate::generation::given_up;
use crate::status::SearchPermit;

type SearchResult = Result<Vec<FoundFace>, BackendError>;

/// The engine's end of a search.
#[derive(Debug)]
pub(crate) struct Search {
    pub(crate) photo: RgbImage,
    result: oneshot::Sender<SearchResult>,
    /// Released when the search is dropped.
    _permit: SearchPermit,
}

impl Search {
    /// Creates both ends of a search.
    pub(crate) fn new(
        photo: RgbImage,
        permit: SearchPermit,
        mut hung: watch::Receiver<bool>,
    ) -> (Self, FaceSearch) {
        let (sender, result) = oneshot::channel();
        let search = Self {
            photo,
            result: sender,
            _permit: permit,
        };
        let faces = Box::pin(async move {
            tokio::select! {
                biased;
                // An engine that is gone has dropped its end.
                result = result => result.unwrap_or(Err(BackendError::EngineStopped)),
                () = given_up(&mut hung) => Err(BackendError::EngineBroke),
            }
        });
        (search, faces)
    }

    /// Creates a search that ends with `error` at once.
    pub(crate) fn failed(error: BackendError) -> FaceSearch {
        Box::pin(std::future::ready(Err(error)))
    }

    /// Returns whether the caller has gone away.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.result.is_closed()
    }

    /// Reports the result.
    pub(crate) fn end(self, result: SearchResult) {
        // The caller is possibly gone.
        let _ = self.result.send(result);
    }
}
