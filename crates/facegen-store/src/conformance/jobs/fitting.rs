//! Jobs whose size follows their photograph's.

use facegen_core::RawGenerationRequest;
use facegen_core::fake::requests::{parse, raw};

use super::*;

pub(crate) async fn a_job_is_fitted_to_its_photograph(test: Test) {
    let id = test.insert("small").await.id;
    let fence = test.claimed().await.fence;
    let larger = parse(RawGenerationRequest {
        width: 128_i64.into(),
        ..raw("small")
    });
    assert!(test.queue.fit(fence, &larger).await.unwrap());
    let found = test.queue.find(None, id).await.unwrap().unwrap();
    assert_eq!(found.request, larger);
    let load = test.queue.load().await.unwrap();
    assert_eq!(load.running, [(id, cost(&larger))]);
}
