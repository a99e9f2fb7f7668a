//! Stores the images of an attempt: in the bucket of the job, and when that
//! fails in the local directory at once, so that the caller has a link that
//! works. They are then uploaded later.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use facegen_core::store::{Claim, ImageLocation};
use facegen_core::{
    FileKind, FileName, GeneratedImage, GenerationSpec, ObjectName, Provenance, StorageError,
};
use tokio::time::timeout;

use crate::buckets::Destination;
use crate::context::{Storage, WorkContext};
use crate::ports::ImageEncoder;
use crate::retry::retry;

/// The files of a job.
pub(super) type Files = Vec<(FileName, Vec<u8>)>;

/// Stores all files of this attempt in the same place.
///
/// # Errors
/// Fails when the directory cannot be written.
pub(super) async fn store(
    storage: &Storage,
    claim: &Claim,
    files: Files,
) -> Result<ImageLocation, StorageError> {
    let destination = storage.buckets.of(claim.job.key).await;
    let upload = match destination {
        Ok(None) => false,
        Ok(Some(destination)) => match in_bucket(storage, claim, &destination, &files).await {
            Some(place) => return Ok(place),
            None => true,
        },
        Err(error) => {
            tracing::error!(%error, "failed to open bucket, images stored locally and uploaded later");
            true
        }
    };
    let lease = storage.config().lease;
    for (file, bytes) in files {
        let object = object(claim, file);
        let put = || storage.images.put(&object, bytes.clone());
        retry(lease, "store image", put).await?;
    }
    Ok(ImageLocation::Directory {
        expires_at: storage.clock.now() + storage.config().keep_images,
        upload,
    })
}

/// Adds to images what their files are to say of their making.
pub(super) fn with_provenance(
    context: &WorkContext,
    spec: &GenerationSpec,
    images: Vec<GeneratedImage>,
) -> Vec<(Provenance, GeneratedImage)> {
    let config = context.storage.config();
    let provenance = |image: &GeneratedImage| Provenance {
        parameters: config
            .parameters_in_files
            .then(|| spec.parameters(&config.preset, image.seed).into()),
        ..context.provenance.clone()
    };
    let images = images.into_iter();
    images.map(|image| (provenance(&image), image)).collect()
}

/// Encodes the files of all images.
///
/// # Errors
/// Fails when an image cannot be encoded.
pub(super) fn encode(
    encoder: &ImageEncoder,
    images: &[(Provenance, GeneratedImage)],
    names: Vec<FileName>,
) -> Result<Files, String> {
    let pngs: Vec<Vec<u8>> = images
        .iter()
        .map(|(provenance, image)| encoder(image, provenance))
        .collect::<Result<_, _>>()?;
    let file = |name: FileName| {
        let png = pngs.get(name.index as usize);
        let png = png.ok_or("the engine made too few images")?;
        let bytes = match name.kind {
            FileKind::Png => png.clone(),
            FileKind::Base64 => STANDARD.encode(png).into_bytes(),
        };
        Ok((name, bytes))
    };
    names.into_iter().map(file).collect()
}

/// Stores the files in the bucket; `None` when it fails or is not asked.
async fn in_bucket(
    storage: &Storage,
    claim: &Claim,
    destination: &Destination,
    files: &Files,
) -> Option<ImageLocation> {
    if destination.is_open(storage.clock.monotonic()) {
        return None;
    }
    let bucket = destination.bucket();
    let put_all = async {
        for (file, bytes) in files {
            let object = object(claim, file.clone());
            bucket.store.put(&object, bytes.clone()).await?;
        }
        Ok(())
    };
    let put = timeout(bucket.patience, put_all).await;
    let put = put.unwrap_or_else(|_| Err(StorageError("the bucket is too slow".to_owned())));
    match put {
        Ok(()) => {
            destination.on_success();
            let link_base = bucket.link_base.clone();
            Some(ImageLocation::Bucket { link_base })
        }
        Err(error) => {
            tracing::warn!(%error, "bucket failed, images stored locally and uploaded later");
            destination.on_failure(storage.clock.monotonic());
            None
        }
    }
}

/// Deletes what this attempt may have put into the bucket, as far as the bucket
/// permits. No link to it was published.
pub(super) async fn delete_from_bucket(storage: &Storage, claim: &Claim) {
    // Without a bucket, or when it is not known which, there is nothing there.
    let Ok(Some(destination)) = storage.buckets.of(claim.job.key).await else {
        return;
    };
    if destination.is_open(storage.clock.monotonic()) {
        return;
    }
    let bucket = destination.bucket();
    let delete_all = async {
        for object in claim.job.objects() {
            bucket.store.delete(&object).await?;
        }
        Ok(())
    };
    let deleted = timeout(bucket.patience, delete_all).await;
    if !matches!(deleted, Ok(Ok::<(), StorageError>(()))) {
        tracing::warn!("failed to delete objects of lost attempt");
    }
}

fn object(claim: &Claim, file: FileName) -> ObjectName {
    let attempt = claim.fence.attempt;
    ObjectName { file, attempt }
}
