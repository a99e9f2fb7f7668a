//! The flavors of the API: the same calls under several base paths, because
//! clients were written for each of them.

use facegen_core::JobId;
use facegen_core::RawGenerationRequest;
use facegen_core::request::AutoSize;

/// One flavor of the API. All flavors share jobs and ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ApiFlavor {
    /// The dedicated server for faces.
    FaceGen,
    /// The dedicated server for image editing, which also makes faces.
    ImageEditing,
    /// The shared service.
    V6,
}

impl ApiFlavor {
    /// All flavors; paths that belong to none count as the first.
    pub(crate) const ALL: [Self; 3] = [Self::FaceGen, Self::ImageEditing, Self::V6];

    /// Returns the base path.
    pub(crate) fn base(self) -> &'static str {
        match self {
            Self::FaceGen => "/api/v1/enterprise/face_gen",
            Self::ImageEditing => "/api/v1/enterprise/image_editing",
            Self::V6 => "/api/v6/image_editing",
        }
    }

    /// Returns the names of the calls that make images. `head_shot` is documented
    /// with the fields of `face_gen`, except `style`, which is accepted as well.
    pub(crate) fn generations(self) -> &'static [&'static str] {
        match self {
            Self::FaceGen => &["make_gen"],
            Self::ImageEditing => &["face_gen", "facegen", "head_shot"],
            Self::V6 => &["face_gen", "head_shot"],
        }
    }

    /// Returns whether the flavor has the calls that control the server.
    pub(crate) fn has_control(self) -> bool {
        match self {
            Self::FaceGen | Self::ImageEditing => true,
            Self::V6 => false,
        }
    }

    /// Returns which sides default to the photo's size: both on the shared
    /// service, none on the dedicated servers, which default to 512.
    pub(crate) fn auto_size(self, request: &RawGenerationRequest) -> AutoSize {
        match self {
            Self::FaceGen | Self::ImageEditing => AutoSize::None,
            Self::V6 => AutoSize::of(&request.width, &request.height),
        }
    }

    /// Returns the flavor of a route template.
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

    /// Returns the path at which a job is fetched.
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
