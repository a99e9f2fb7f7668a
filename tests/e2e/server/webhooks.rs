//! What receivers get, and how they verify the sender.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use serde_json::{Value, json};

use super::client::{request, request_with};
use super::process::Site;
use crate::python::{printed, python};

/// A message that a receiver got.
#[derive(Debug, Clone, Serialize)]
struct Message {
    headers: BTreeMap<String, String>,
    body: String,
}

#[test]
fn receivers_can_verify_what_they_get() -> Result<()> {
    let site = Site::new()?.with("FACEGEN__OUTBOUND__ALLOW_NETWORKS", r#"["127.0.0.1/32"]"#);
    let server = site.start()?;
    let receiver = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/hook?secret=a%2Fb", receiver.local_addr()?);

    let mut asked = request_with("webhook", json!(url));
    asked["track_id"] = json!(7);
    let (_, answer) = server.client.make(&asked)?;
    ensure!(answer["status"] == "processing", "{answer}");
    let success = receive(&receiver, "POST /hook?secret=a%2Fb HTTP/1.1")?;
    let body: Value = serde_json::from_str(&success.body)?;
    let (_, mut fetched) = server.client.make(&request())?;
    for own in ["id", "generationTime", "output", "proxy_links"] {
        fetched[own] = body[own].clone();
    }
    fetched["meta"]["file_prefix"] = body["meta"]["file_prefix"].clone();
    fetched["track_id"] = json!(7);
    ensure!(body == fetched, "{body}");
    ensure!(body["id"] == answer["id"], "{body}");
    server.client.image(&body)?;

    let closed = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    asked["face_image"] = json!(format!("http://{closed}/face.jpg"));
    server.client.make(&asked)?;
    let failed = receive(&receiver, "POST /hook?secret=a%2Fb HTTP/1.1")?;

    let mut tampered = success.clone();
    tampered.body = tampered.body.replace("\"success\"", "\"Success\"");
    let mut renamed = success.clone();
    renamed
        .headers
        .insert("webhook-id".into(), "another".into());
    let messages = [success, failed, tampered, renamed];
    let own = verify(&secret(&site, 1)?, &messages)?;
    ensure!(own == [true, true, false, false], "{own:?}");
    let created = site.command(&["keys", "create", "another"])?.output()?;
    ensure!(created.status.success(), "{created:?}");
    let others = verify(&secret(&site, 2)?, &messages)?;
    ensure!(others == [false; 4], "{others:?}");
    Ok(())
}

/// Returns the secret of a key's webhooks, as the program prints it.
fn secret(site: &Site, key: u32) -> Result<String> {
    let mut command = site.command(&["keys", "webhook-secret", &key.to_string()])?;
    let output = command.output()?;
    ensure!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout)?.trim().to_owned();
    ensure!(text.starts_with("whsec_"), "{text}");
    Ok(text)
}

/// Receives one message, whose first line must be this.
fn receive(receiver: &TcpListener, expected: &str) -> Result<Message> {
    let (mut stream, _) = receiver.accept()?;
    let mut reader = BufReader::new(&stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    ensure!(line.trim_end() == expected, "{line}");
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_owned(), value.to_owned());
    }
    let length = headers.get("content-length").context("no length")?;
    let mut body = vec![0; length.parse()?];
    reader.read_exact(&mut body)?;
    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")?;
    let body = String::from_utf8(body)?;
    Ok(Message { headers, body })
}

/// Returns whether a receiver with this secret accepts each message.
fn verify(secret: &str, messages: &[Message]) -> Result<Vec<bool>> {
    let mut receiver = python()?;
    receiver.arg("tests/python/verify_webhook.py");
    let given = json!({ "secret": secret, "messages": messages }).to_string();
    let lines = printed(&mut receiver, &given)?;
    Ok(lines.lines().map(|line| line == "believed").collect())
}
