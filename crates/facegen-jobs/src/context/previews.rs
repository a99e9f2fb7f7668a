//! Previews of the jobs in flight in this process: only in memory, and only
//! while somebody listens.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use facegen_core::PreviewDemand;
use facegen_core::job::JobId;

/// Small images of a job, about as its images will be.
#[derive(Clone)]
pub struct Preview {
    /// How many denoising steps were done.
    pub step: usize,
    /// One file for each image that is not decoded yet.
    pub files: Arc<[Vec<u8>]>,
}

impl fmt::Debug for Preview {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Preview")
            .field("step", &self.step)
            .finish_non_exhaustive()
    }
}

/// The jobs whose previews somebody wants. Clones are the same list.
#[derive(Clone, Default)]
pub(crate) struct Previews(Arc<Mutex<HashMap<JobId, Entry>>>);

#[derive(Default)]
struct Entry {
    listeners: usize,
    latest: Option<Preview>,
}

impl Previews {
    /// Wants previews of a job for as long as the result lives.
    pub(crate) fn listen(&self, id: JobId) -> PreviewListener {
        self.lock().entry(id).or_default().listeners += 1;
        PreviewListener {
            list: self.clone(),
            id,
        }
    }

    /// Begins to make previews of a job, for as long as the result lives.
    pub(crate) fn source(&self, id: JobId) -> PreviewSource {
        PreviewSource {
            list: self.clone(),
            id,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who wants previews of a job.
pub(crate) struct PreviewListener {
    list: Previews,
    id: JobId,
}

impl PreviewListener {
    /// Returns the latest preview.
    pub(crate) fn latest(&self) -> Option<Preview> {
        let list = self.list.lock();
        list.get(&self.id).and_then(|entry| entry.latest.clone())
    }
}

impl Drop for PreviewListener {
    fn drop(&mut self) {
        let mut list = self.list.lock();
        let listeners = list.get_mut(&self.id).map(|entry| {
            entry.listeners -= 1;
            entry.listeners
        });
        if listeners == Some(0) {
            list.remove(&self.id);
        }
    }
}

/// An attempt at a job, which makes previews on demand.
pub(crate) struct PreviewSource {
    list: Previews,
    id: JobId,
}

impl PreviewSource {
    /// Returns whether somebody wants previews, at any time.
    pub(crate) fn demand(&self) -> PreviewDemand {
        let (list, id) = (self.list.clone(), self.id);
        PreviewDemand::new(move || list.lock().contains_key(&id))
    }

    /// Shows a preview to those who listen; without them it is dropped.
    pub(crate) fn show(&self, preview: Preview) {
        if let Some(entry) = self.list.lock().get_mut(&self.id) {
            entry.latest = Some(preview);
        }
    }
}

impl Drop for PreviewSource {
    fn drop(&mut self) {
        if let Some(entry) = self.list.lock().get_mut(&self.id) {
            entry.latest = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preview(step: usize) -> Preview {
        Preview {
            step,
            files: [vec![7]].into(),
        }
    }

    fn step_of(listener: &PreviewListener) -> Option<usize> {
        listener.latest().map(|preview| preview.step)
    }

    #[test]
    fn a_preview_is_kept_only_while_somebody_listens() {
        let (list, id) = (Previews::default(), JobId::new(1).unwrap());
        let source = list.source(id);
        let demand = source.demand();
        source.show(preview(1));
        assert!(!demand.is_wanted() && list.lock().is_empty());
        let listeners = [list.listen(id), list.listen(id)];
        assert!(demand.is_wanted());
        assert_eq!(step_of(&listeners[0]), None, "none from before");
        source.show(preview(2));
        let [first, second] = listeners;
        assert_eq!(step_of(&first), Some(2));
        drop(first);
        assert_eq!((demand.is_wanted(), step_of(&second)), (true, Some(2)));
        drop(second);
        assert!(!demand.is_wanted() && list.lock().is_empty());
    }

    #[test]
    fn a_preview_ends_with_its_attempt() {
        let (list, id) = (Previews::default(), JobId::new(1).unwrap());
        let listener = list.listen(id);
        let source = list.source(id);
        source.show(preview(1));
        drop(source);
        assert_eq!(step_of(&listener), None);
    }

    #[test]
    fn no_preview_is_printed() {
        assert_eq!(format!("{:?}", preview(3)), "Preview { step: 3, .. }");
    }
}
