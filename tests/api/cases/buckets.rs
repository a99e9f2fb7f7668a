//! Each field of the details of a bucket: missing, null, empty, as a text, with
//! white space around it, at its greatest length, above that, as a number and
//! as a list. For the names of servers, a server elsewhere and an unknown one
//! replace the lengths.

use facegen_core::BucketProblem;
use serde_json::json;

use super::edges::Edge;
use crate::server::{Builder, TestServer};

const UPDATE: &str = "/api/v1/enterprise/update_s3";

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_a_bucket_has_its_edges_where_they_are_listed() {
    let server = TestServer::start().await;
    for edge in Edge::table(include_str!("buckets.json"), 8, 9) {
        let body = edge.put_into(server.bucket(), &server.key);
        let answer = server.post(UPDATE, &body).await;
        edge.outcome().check(&edge.name(), &answer);
    }
}

#[tokio::test]
async fn setting_and_removing_a_bucket_is_answered_as_documented() {
    let server = TestServer::start().await;
    for path in [UPDATE, "/api/v1/enterprise/update_s3_details"] {
        let answer = server.post(path, &server.bucket()).await;
        let expected = json!({"status": "success", "message": "S3 details updated successfully"});
        assert_eq!(answer.ok(), expected);
    }
    let reset = "/api/v1/enterprise/reset_s3";
    let expected = json!({"status": "success", "message": "S3 details reset successfully"});
    for deploy_type in ["face_gen", "", "text_to_image"] {
        let body = json!({"key": server.key, "deploy_type": deploy_type});
        let answer = server.post(reset, &body).await;
        assert_eq!(answer.ok(), expected);
    }
    let body = json!({"key": server.key, "deploy_type": "video"});
    assert_eq!(server.post(reset, &body).await.status, 400);
    for path in [UPDATE, reset] {
        assert_eq!(server.post(path, &json!({"key": "no"})).await.status, 401);
    }
}

#[tokio::test]
async fn a_bucket_that_does_not_work_is_refused_with_the_field_at_fault() {
    let builder = Builder::new();
    builder
        .buckets
        .refuse(Some(BucketProblem::WrongSecret.into()));
    let server = builder.start().await;
    let answer = server.post(UPDATE, &server.bucket()).await;
    let message = "aws_secret_access_key is not the secret of aws_access_key_id";
    assert_eq!(answer.error(400), message);
    let errors = json!({"aws_secret_access_key": [message]});
    assert_eq!(answer.json()["errors"], errors);
}
