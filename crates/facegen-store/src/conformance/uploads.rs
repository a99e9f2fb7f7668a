//! The tests of every [`UploadStore`](facegen_core::store::UploadStore).

use std::time::Duration;

use facegen_core::fake::requests::{inline, request};
use facegen_core::key::KeyId;
use facegen_core::key_limits::SHORTEST_UPLOAD;
use facegen_core::store::{NewUpload, QueueLimits, Stores};

use super::{START, key, new_job, prefix};

const HOUR: Duration = Duration::from_hours(1);

fn upload(key: KeyId, bytes: usize) -> NewUpload {
    NewUpload {
        key,
        file_prefix: prefix(),
        bytes,
        created_at: START,
        expires_at: START + HOUR,
    }
}

pub(super) async fn all(stores: &Stores) {
    let uploads = &stores.uploads;
    let (one, other) = (key(stores, "one").await.id, key(stores, "other").await.id);
    let limit = 3 * SHORTEST_UPLOAD;
    let first = upload(one, 1);
    let id = uploads.insert(&first, limit).await.unwrap().unwrap();
    assert_eq!(
        uploads.kept(one, START).await.unwrap(),
        (SHORTEST_UPLOAD, Some(START + HOUR)),
        "a short file counts as a longer one"
    );
    assert!(uploads.contains(&first.file_prefix, START).await.unwrap());
    let expired = START + HOUR;
    assert!(!uploads.contains(&first.file_prefix, expired).await.unwrap());

    // No job has the number of an upload.
    let new = new_job(one, request("a person"), inline());
    let limits = QueueLimits { queue: 9, share: 0 };
    let job = stores.jobs.insert(&new, limits).await.unwrap().unwrap();
    assert_eq!(job.id.get(), id + 1);

    let two = usize::try_from(2 * SHORTEST_UPLOAD).unwrap();
    let too_long = uploads.insert(&upload(one, two + 1), limit).await.unwrap();
    assert_eq!(too_long, None);
    let fits = uploads.insert(&upload(one, two), limit).await.unwrap();
    assert_eq!(
        fits,
        Some(id + 2),
        "a number that was refused is not used up"
    );
    assert!(
        uploads
            .insert(&upload(one, two), 0)
            .await
            .unwrap()
            .is_some(),
        "no limit"
    );
    assert!(
        uploads
            .insert(&upload(other, two), limit)
            .await
            .unwrap()
            .is_some()
    );

    assert!(uploads.expired(START, 0).await.unwrap().is_empty());
    let gone = uploads.expired(expired, i64::from(id)).await.unwrap();
    assert_eq!(gone.len(), 3, "those after this number");
    let all = uploads.expired(expired, 0).await.unwrap();
    assert_eq!(all[0].1.as_ref().unwrap(), &first.file_prefix);
    uploads.delete(all[0].0).await.unwrap();
    assert_eq!(uploads.expired(expired, 0).await.unwrap().len(), 3);
    assert_eq!(uploads.kept(one, expired).await.unwrap(), (0, None));
}
