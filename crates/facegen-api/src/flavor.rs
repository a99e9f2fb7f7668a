//! The families of routes: the same calls under several paths, because clients
//! were written for each of them.

use facegen_core::JobId;
use facegen_core::RawGenerationRequest;
use facegen_core::request::AutoSize;

/// A flavor of routes. All of them share jobs and ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ApiFlavor {
    /// The server of its own for faces.
    FaceGen,
    /// The server of its own for editing images, which makes faces as well.
    ImageEditing,
    /// The shared service.
    V6,
}

impl ApiFlavor {
    /// All of them, the first one being that of paths without a flavor.
    pub(crate) const ALL: [Self; 3] = [Self::FaceGen, Self::ImageEditing, Self::V6];

    /// What its paths begin with.
    pub(crate) fn base(self) -> &'static str {
        match self {
            Self::FaceGen => "/api/v1/enterprise/face_gen",
            Self::ImageEditing => "/api/v1/enterprise/image_editing",
            Self::V6 => "/api/v6/image_editing",
        }
    }

    /// What its requests for images are called.
    pub(crate) fn generations(self) -> &'static [&'static str] {
        match self {
            Self::FaceGen => &["make_gen"],
            Self::ImageEditing => &["face_gen", "facegen"],
            Self::V6 => &["face_gen"],
        }
    }

    /// Whether its callers have a server of their own, which they control.
    pub(crate) fn has_control(self) -> bool {
        match self {
            Self::FaceGen | Self::ImageEditing => true,
            Self::V6 => false,
        }
    }

    /// Which sides of images follow the photo's when they are not given:
    /// the shared service says so of both, the servers of one's own make 512.
    pub(crate) fn auto_size(self, request: &RawGenerationRequest) -> AutoSize {
        match self {
            Self::FaceGen | Self::ImageEditing => AutoSize::None,
            Self::V6 => AutoSize::of(&request.width, &request.height),
        }
    }

    /// The flavor of a path as the router knows it.
    pub(crate) fn of(path: &str) -> Self {
        if path.starts_with("/api/v6/") {
            return Self::V6;
        }
        let is_below = |flavor: &Self| path.starts_with(flavor.base());
        Self::ALL
            .into_iter()
            .find(is_below)
            .unwrap_or(Self::FaceGen)
    }

    /// The path at which a job is asked for.
    pub(crate) fn fetch(self, id: JobId) -> String {
        format!("{}/fetch/{id}", self.base())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_has_its_family() {
        for (path, flavor) in [
            ("/api/v1/enterprise/face_gen/make_gen", ApiFlavor::FaceGen),
            ("/api/v1/enterprise/fetch", ApiFlavor::FaceGen),
            (
                "/api/v1/enterprise/image_editing/face_gen",
                ApiFlavor::ImageEditing,
            ),
            ("/api/v6/image_editing/face_gen", ApiFlavor::V6),
            ("/api/v6/images/fetch/1", ApiFlavor::V6),
        ] {
            assert_eq!(ApiFlavor::of(path), flavor, "{path}");
        }
    }
}
