//! What the files of images say of their making.

use std::sync::{Arc, Mutex};

use facegen_core::{JobState, RawGenerationRequest, RequestLimits};

use crate::ports::{JobsConfig, Ports};
use crate::testing::{Harness, TIMEOUT, end_of, new_key, submission};

/// Makes two images, and returns the parameters that the encoder was given.
async fn written(parameters_in_files: bool) -> Vec<Option<String>> {
    let harness = Harness::new();
    let given = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&given);
    let ports = Ports {
        encoder: Arc::new(move |image, provenance| {
            let parameters = provenance.parameters.as_ref();
            let parameters = parameters.map(|it| it.as_str().to_owned());
            seen.lock().unwrap().push(parameters);
            Ok(image.pixels.pixels().to_vec())
        }),
        ..harness.ports()
    };
    let config = JobsConfig {
        parameters_in_files,
        ..harness.config()
    };
    let service = harness.open_with(config, ports).await;
    let key = new_key(&service).await;
    let raw = RawGenerationRequest {
        prompt: "two of a kind".into(),
        samples: 2_i64.into(),
        ..RawGenerationRequest::default()
    };
    let parsed = raw.parse(&RequestLimits::default()).unwrap();
    let request = submission(key, parsed.resolve_seed(|| 7));
    let job = service.submit(request).await.unwrap();
    let running = service.start();
    running.attach(harness.engine());
    assert_eq!(end_of(&service, job.id).await.state, JobState::Succeeded);
    running.shutdown(TIMEOUT).await;
    let given = given.lock().unwrap();
    given.clone()
}

#[tokio::test]
async fn each_image_has_its_parameters_where_the_operator_wants_it() {
    let wanted = written(true).await;
    let seeds = ["Seed: 7,", "Seed: 8,"];
    assert_eq!(wanted.len(), 2);
    for (parameters, seed) in wanted.iter().zip(seeds) {
        let text = parameters.as_deref().unwrap();
        assert!(text.starts_with("two of a kind\nSteps: 21, "), "{text}");
        assert!(text.contains(seed), "{text}");
    }
    assert_eq!(written(false).await, [None, None]);
}
