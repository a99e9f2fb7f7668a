//! The same calls under other paths: one id space, and links below the caller's
//! path.

use axum::http::Method;
use serde_json::json;

use crate::server::{Builder, TestServer, request};

const ENTERPRISE: &str = "/api/v1/enterprise";

/// Routes of requests for images, and where their jobs are fetched.
const GENERATIONS: [(&str, &str); 6] = [
    (
        "/api/v1/enterprise/face_gen/make_gen",
        "/api/v1/enterprise/face_gen/fetch",
    ),
    (
        "/api/v1/enterprise/image_editing/face_gen",
        "/api/v1/enterprise/image_editing/fetch",
    ),
    (
        "/api/v1/enterprise/image_editing/facegen",
        "/api/v1/enterprise/image_editing/fetch",
    ),
    (
        "/api/v1/enterprise/image_editing/head_shot",
        "/api/v1/enterprise/image_editing/fetch",
    ),
    (
        "/api/v6/image_editing/face_gen",
        "/api/v6/image_editing/fetch",
    ),
    (
        "/api/v6/image_editing/head_shot",
        "/api/v6/image_editing/fetch",
    ),
];

/// Routes that fetch a job: with its id in the path or in the body.
const FETCHES: [&str; 4] = [
    "/api/v1/enterprise/face_gen/fetch",
    "/api/v1/enterprise/image_editing/fetch",
    "/api/v6/image_editing/fetch",
    "/api/v6/images/fetch",
];

/// Routes that take an image and return a link.
pub(crate) const UPLOADS: [&str; 2] = [
    "/api/v6/base64_to_url",
    "/api/v6/image_editing/base64_to_url",
];

/// Returns every route that needs a key, with the id of a job where it needs one.
pub(crate) fn routes() -> Vec<String> {
    let generations = GENERATIONS.map(|(path, _)| path.to_owned());
    let by_body = FETCHES.map(str::to_owned);
    let by_path = FETCHES.map(|path| format!("{path}/1"));
    let mut routes = vec![format!("{ENTERPRISE}/fetch")];
    routes.extend(generations.into_iter().chain(by_body).chain(by_path));
    routes.extend(controls());
    let of_buckets = ["update_s3", "update_s3_details", "reset_s3"];
    routes.extend(of_buckets.map(|name| format!("{ENTERPRISE}/{name}")));
    routes.extend(UPLOADS.map(str::to_owned));
    routes
}

/// Returns the routes that control the server.
pub(crate) fn controls() -> Vec<String> {
    let names = [
        "clear_cache",
        "clear_queue",
        "restart_server",
        "system_details",
        "update_server",
        "update",
    ];
    let families = ["face_gen", "image_editing"];
    let path = |family| names.map(|name| format!("{ENTERPRISE}/{family}/{name}"));
    families.into_iter().flat_map(path).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_made_under_one_path_are_found_under_all() {
    let server = TestServer::start().await;
    for (path, _) in GENERATIONS {
        let made = server.post(path, &server.request()).await.ok();
        assert_eq!(made["status"], "success", "{path}");
        let (id, key) = (&made["id"], &server.key);
        let expected = json!({"status": "success", "id": id, "output": made["output"]});
        let with_id = json!({"key": key, "request_id": id});
        let enterprise = format!("{ENTERPRISE}/fetch");
        assert_eq!(server.post(&enterprise, &with_id).await.ok(), expected);
        for fetch in FETCHES {
            assert_eq!(server.post(fetch, &with_id).await.ok(), expected, "{fetch}");
            let with_path = format!("{fetch}/{id}");
            let answer = server.post(&with_path, &json!({"key": key})).await;
            assert_eq!(answer.ok(), expected, "{fetch}");
            let mut get = request(Method::GET, &with_path, "");
            get.headers_mut().insert("key", key.parse().unwrap());
            assert_eq!(server.send(get).await.ok(), expected, "{fetch}");
            let foreign = json!({"key": server.other_key, "request_id": id});
            for path in [fetch, &with_path] {
                let answer = server.post(path, &foreign).await;
                assert_eq!(answer.error(404), "Request not found", "{path}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fetch_links_stay_below_the_path_of_the_request() {
    let server = Builder::new().closed().start().await;
    for (path, fetch) in GENERATIONS {
        let made = server.post(path, &server.request()).await.ok();
        let id = &made["id"];
        let link = format!("http://faces.test{fetch}/{id}");
        assert_eq!(made["fetch_result"], link, "{path}");
    }
    let ways = [
        ("/api/v1/enterprise/fetch", FETCHES[0]),
        (FETCHES[0], FETCHES[0]),
        (FETCHES[1], FETCHES[1]),
        (FETCHES[2], FETCHES[2]),
        (FETCHES[3], FETCHES[2]),
    ];
    for (path, fetch) in ways {
        let body = json!({"key": server.key, "request_id": 1});
        let answer = server.post(path, &body).await.ok();
        let link = format!("http://faces.test{fetch}/1");
        assert_eq!(answer["fetch_result"], link, "{path}");
    }
}
