//! Tests of the OpenAPI document.

use std::collections::BTreeSet;

use axum::Router;
use facegen_core::RawGenerationRequest;
use serde_json::{Value, json};

use super::{FORM, JSON, MULTIPART, openapi};
use crate::call::RouterState;
use crate::routes::routes;

fn document() -> Value {
    serde_json::to_value(openapi()).unwrap()
}

/// Returns the paths of a router, which it shows only in its debug output, as
/// `RouteId(0): "/path"`.
fn paths(router: &Router<RouterState>) -> BTreeSet<String> {
    let text = format!("{router:?}");
    let entries = text.split("RouteId(").filter_map(|entry| {
        let (_, value) = entry.split_once("): ")?;
        let (path, _) = value.strip_prefix('"')?.split_once('"')?;
        Some(path.to_owned())
    });
    // axum's fallback is a route as well.
    entries.filter(|path| !path.contains("private")).collect()
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let (router, _) = routes().split_for_parts();
    let described: BTreeSet<_> = openapi().paths.paths.keys().cloned().collect();
    assert_eq!(paths(&router), described);
    assert!(described.contains("/api/v1/enterprise/face_gen/make_gen"));
}

#[test]
fn every_field_that_is_read_is_described() {
    let document = document();
    let request = &document["components"]["schemas"]["MakeGenRequest"];
    let described = request["properties"].as_object().unwrap().keys();
    let described: BTreeSet<_> = described.map(String::as_str).collect();
    let mut read = BTreeSet::from(RawGenerationRequest::NAMES);
    read.extend(["key", "face_image"]);
    assert_eq!(described, read);
    assert_eq!(request["required"], json!(["prompt", "face_image"]));
}

#[test]
fn every_operation_has_a_name_of_its_own() {
    let document = document();
    let items = document["paths"].as_object().unwrap().values();
    let operations = items.flat_map(|item| item.as_object().unwrap().values());
    let names: Vec<_> = operations
        .map(|operation| &operation["operationId"])
        .collect();
    let different: BTreeSet<_> = names.iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(names.len(), different.len());
}

#[test]
fn a_path_is_described_once_and_its_aliases_apart() {
    let document = document();
    let tags = document["tags"].as_array().unwrap();
    assert_eq!(tags.last().unwrap()["name"], "aliases");
    let mut aliases = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            if operation["tags"] != json!(["aliases"]) {
                continue;
            }
            aliases += 1;
            let summary = operation["summary"].as_str().unwrap();
            let documented = summary.strip_prefix("The same as ").unwrap();
            let documented = &document["paths"][documented];
            let documented = documented.as_object().unwrap().values().next().unwrap();
            let description = documented["description"].as_str().unwrap();
            assert!(description.contains(&format!("`{path}`")), "{description}");
            assert_ne!(documented["tags"], operation["tags"]);
        }
    }
    assert_eq!(aliases, 23);
    for documented in ["make_gen", "fetch", "update_server", "clear_queue"] {
        let path = format!("/api/v1/enterprise/face_gen/{documented}");
        let operation = &document["paths"][path]["post"];
        assert_ne!(operation["tags"], json!(["aliases"]), "{documented}");
    }
}

#[test]
fn every_body_may_be_a_form_and_an_image_its_file() {
    let document = document();
    let types = json!([JSON, MULTIPART, FORM]);
    for item in document["paths"].as_object().unwrap().values() {
        let content = &item["post"]["requestBody"]["content"];
        for content_type in types.as_array().unwrap() {
            let is_described = !content[content_type.as_str().unwrap()].is_null();
            assert_eq!(is_described, !content.is_null(), "{item}");
        }
    }
    let schemas = &document["components"]["schemas"];
    for (name, image) in [
        ("MakeGen", "face_image"),
        ("FaceImage", "face_image"),
        ("Base64String", "base64_string"),
        ("InitImage", "init_image"),
    ] {
        let mut form = schemas[format!("{name}Form")].clone();
        let mut request = schemas[format!("{name}Request")].clone();
        assert_eq!(form["properties"][image]["format"], "binary");
        for schema in [&mut form, &mut request] {
            schema["properties"][image].take();
            schema["examples"].take();
        }
        assert_eq!(form, request, "{name}");
    }
}
