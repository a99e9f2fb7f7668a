//! Jobs whose size follows their photo's.

use facegen_core::RawGenerationRequest;
use facegen_core::fake::requests::{parse, raw};

use super::*;

pub(crate) async fn a_job_is_fitted_to_its_photo(test: Test) {
    let id = test.insert("small").await.id;
    let fence = test.claimed().await.fence;
    let larger = parse(RawGenerationRequest {
        width: 128_i64.into(),
        ..raw("small")
    });
    assert!(test.queue.resolve_size(fence, &larger).await.unwrap());
    let found = test.queue.find(None, id).await.unwrap().unwrap();
    assert_eq!(found.request, larger);
    let load = test.queue.load().await.unwrap();
    assert_eq!(load.running, [(id, cost(&larger))]);
}
