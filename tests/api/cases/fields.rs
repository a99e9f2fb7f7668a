//! Each field of a request below its minimum, at it, at its maximum, above
//! that, missing, null, and as a text (`fields.json`). Of texts the length has
//! a minimum and a maximum; of choices the first and the last count. What is
//! text or absent means the same in a multipart form, and all of them the same for
//! `head_shot`.

use serde_json::Map;

use super::edges::Edge;
use super::memory::{forget_peak, tell_peak};
use super::{assert_used, used_values};
use crate::form::Form;
use crate::server::{HEAD_SHOT, MAKE_GEN, TestServer};

#[tokio::test(flavor = "multi_thread")]
async fn every_field_has_its_edges_where_they_are_listed() {
    let server = TestServer::start().await;
    for edge in Edge::table(include_str!("fields.json"), 16, 7) {
        let name = edge.name();
        forget_peak();
        let body = edge.put_into(server.request(), &server.key);
        let answer = server.post(MAKE_GEN, &body).await;
        tell_peak(&name);
        let mut answers = vec![answer, server.post(HEAD_SHOT, &body).await];
        if edge.is_text_or_absent() {
            answers.push(server.send(Form::of(&body).request(MAKE_GEN)).await);
        }
        for answer in answers {
            edge.outcome().check(&name, &answer);
            if let Some(used) = &edge.used {
                let expected = Map::from_iter([(edge.field.clone(), used.clone())]);
                assert_used(&name, &expected, &used_values(&server, &answer).await);
            }
        }
    }
}
