//! Hubs behind redirects, and mirrors with fewer headers.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::hub::{COMMIT, Hub, SIGNATURE, sha256};
use super::manner::{Behaviour, Head};
use super::program::{Models, Outcome};
use super::{REPO, noise, of_hub};

const TOKEN: &str = "token-of-alice";

/// The file of these tests, and its path on the hub.
pub(super) const FILE: &str = "unet.safetensors";

/// Starts such a hub, with one large file of so many bytes, and a preset that
/// needs it.
pub(super) fn mirror(manner: Behaviour, bytes: usize) -> Result<(Hub, Models, Vec<u8>)> {
    let (hub, bytes) = (Hub::start()?, noise(bytes));
    hub.add(&format!("{REPO}/{FILE}"), bytes.clone());
    hub.move_store()?;
    hub.state().token = Some(TOKEN.to_owned());
    hub.state().manner = manner;
    let models = Models::new(&hub, &[("unet", &of_hub(FILE, ""))])?;
    Ok((hub, models, bytes))
}

/// Pulls with the token, which only the hub may get.
pub(super) fn pull(models: &Models) -> Result<Outcome> {
    let mut command = models.command(&["models", "pull", "pulled"])?;
    let outcome: Outcome = command.env("HF_TOKEN", TOKEN).output()?.try_into()?;
    for secret in [TOKEN, SIGNATURE, "secret-of-the-query", "hunter2"] {
        let is_shown = outcome.stderr.contains(secret) || outcome.stdout.contains(secret);
        assert!(!is_shown, "{secret} in {outcome:?}");
    }
    Ok(outcome)
}

/// Checks that the file is here, and that only the hub got the token.
#[track_caller]
fn assert_pulled(case: &str, hub: &Hub, outcome: &Outcome, models: &Models, bytes: &[u8]) {
    assert_eq!(outcome.exit_code, Some(0), "{case}: {}", outcome.stderr);
    let link = format!("models/models--lab--faces/snapshots/{COMMIT}/{FILE}");
    let found = fs::read(models.data_dir().join(link)).unwrap_or_default();
    assert!(found == bytes, "{case}: other bytes");
    let state = hub.state();
    assert!(!state.token_leaked, "{case}: {:?}", state.requests);
}

pub(super) fn hops(hops: &[(u16, &str)]) -> Behaviour {
    let hops = hops.iter().map(|(status, to)| (*status, (*to).to_owned()));
    Behaviour {
        hops: hops.collect(),
        ..Behaviour::default()
    }
}

#[test]
fn redirects_are_followed_wherever_they_lead() -> Result<()> {
    let locations = [
        "{hub}/hop1{path}",
        "/hop1{path}",
        "../../../../hop1{path}",
        "../../../../../../../hop1{path}",
        "../../../../hop1/../hop1{path}",
        "{other}/hop1{path}",
        "{port}/hop1{path}",
        "{other}/hop1{path}?sign=secret-of-the-query",
        "{hub}/hop1{path}#part",
    ];
    let mut cases = vec![hops(&[
        (308, "/hop1{path}"),
        (302, "{other}/hop2{path}"),
        (307, "{hub}/hop3{path}"),
        (301, "../../../../../hop4{path}"),
        (303, "{port}/hop5{path}"),
    ])];
    for status in [301, 302, 303, 307, 308] {
        cases.extend(locations.map(|location| hops(&[(status, location)])));
    }
    assert!(cases.len() > 45);
    for mut manner in cases {
        // A large file behind the hub's own redirect, and one that the hub serves.
        for has_no_store in [false, true] {
            manner.has_no_store = has_no_store;
            let case = format!("{:?}", manner.hops);
            let (hub, models, bytes) = mirror(manner.clone(), 5_000)?;
            if case.contains("{other}") || case.contains("{port}") {
                // No token follows a redirect from another host, so none is required.
                hub.state().token = None;
            }
            let outcome = pull(&models)?;
            assert_pulled(&case, &hub, &outcome, &models, &bytes);
        }
    }
    Ok(())
}

#[test]
fn a_token_is_not_sent_to_other_hosts() -> Result<()> {
    for to in ["{other}/hop1{path}", "{port}/hop1{path}"] {
        let (hub, models, _) = mirror(hops(&[(307, to)]), 5_000)?;
        let refused = pull(&models)?;
        // The other host requires a token and gets none.
        refused.assert_refused(&["answers 401", FILE]);
        assert!(!hub.state().token_leaked);
    }
    let (hub, models, bytes) = mirror(hops(&[(307, "/hop1{path}")]), 5_000)?;
    let outcome = pull(&models)?;
    assert_pulled("its own path", &hub, &outcome, &models, &bytes);
    Ok(())
}

#[test]
fn hubs_without_a_length_or_head_are_asked_for_a_byte() -> Result<()> {
    let heads = [
        Head::WithoutLength,
        Head::Refused(400),
        Head::Refused(403),
        Head::Refused(404),
        Head::Refused(405),
        Head::Refused(406),
        Head::Refused(500),
        Head::Refused(501),
        Head::RefusedByStore(403),
        Head::RefusedByStore(405),
    ];
    for head in heads {
        for (knows_no_ranges, says_no_length) in [(false, false), (true, false), (true, true)] {
            for bytes in [0, 1, 5_000] {
                let manner = Behaviour {
                    head,
                    knows_no_ranges,
                    says_no_length,
                    has_no_store: true,
                    ..Behaviour::default()
                };
                let case = format!("{manner:?} of {bytes} bytes");
                let (hub, models, bytes) = mirror(manner, bytes)?;
                let outcome = pull(&models)?;
                assert_pulled(&case, &hub, &outcome, &models, &bytes);
                if matches!(head, Head::WithoutLength | Head::Refused(_)) {
                    assert_eq!(
                        hub.state().ranges.first().map(String::as_str),
                        Some("bytes=0-0")
                    );
                }
            }
        }
    }
    Ok(())
}

#[test]
fn a_store_that_refuses_head_is_used_when_the_hub_omits_headers() -> Result<()> {
    for header in ["X-Repo-Commit: none\r\n", ""] {
        let manner = Behaviour {
            head: Head::RefusedByStore(403),
            names_no_commit: true,
            header,
            ..Behaviour::default()
        };
        let (hub, bytes) = (Hub::start()?, noise(5_000));
        hub.add(&format!("{REPO}/{FILE}"), bytes.clone());
        hub.state().manner = manner;
        let source = format!(
            "source = {{ hub = {{ repo = \"{REPO}\", file = \"{FILE}\", revision = \"{COMMIT}\" }} }}"
        );
        let models = Models::new(&hub, &[("unet", &source)])?;
        let outcome = pull(&models)?;
        assert_pulled("a commit as revision", &hub, &outcome, &models, &bytes);
    }
    Ok(())
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn etags_are_read_in_every_form() -> Result<()> {
    // Whether the etag is read as a hash, so that other bytes are refused.
    for (etag, is_hash) in [
        ("\"{hash}\"", true),
        ("W/\"{hash}\"", true),
        ("w/\"{hash}\"", true),
        ("{hash}", true),
        ("W/{hash}", true),
        ("\"{hash}-gzip\"", true),
        ("W/\"{hash}-gzip\"", true),
        ("\"{hash}--gzip\"", true),
        ("\"{hash};gzip\"", true),
        ("\"{hash};br\"", true),
        ("\"{hash}:1\"", true),
        ("\"{hash}_zstd\"", true),
        ("\"sha256:{hash}\"", true),
        ("\"{HASH}\"", true),
        ("\"{HASH}-GZIP\"", true),
        ("\"d41d8cd98f00b204e9800998ecf8427e\"", false),
        ("\"d41d8cd98f00b204e9800998ecf8427e-38\"", false),
        ("W/\"5f3a1b2c-61b2c9\"", false),
        ("\"../../up\"", false),
        ("\"..\"", false),
        ("\"a/b\"", false),
        ("\"0\"", false),
    ] {
        for is_large in [true, false] {
            let (hub, bytes) = (Hub::start()?, noise(5_000));
            let name = format!("{REPO}/{FILE}");
            if is_large {
                hub.add(&name, bytes.clone());
            } else {
                hub.add_small(&name, &bytes);
            }
            hub.state().manner.etag = etag;
            let models = Models::new(&hub, &[("unet", &of_hub(FILE, ""))])?;
            let outcome = pull(&models)?;
            assert_pulled(etag, &hub, &outcome, &models, &bytes);
            let blobs = names(&models.blob(REPO, ""))?;
            assert_eq!(blobs.len(), 1, "{etag}: {blobs:?}");
            let is_plain =
                |name: &String| name.chars().all(|letter| letter.is_ascii_alphanumeric());
            assert!(blobs.iter().all(is_plain), "{etag}: {blobs:?}");
            if is_large && is_hash {
                assert_eq!(blobs, [sha256(&bytes)], "{etag}");
            }

            let other = noise(5_001)[1..].to_vec();
            match is_large {
                true => hub.announce(&name, other, &sha256(&bytes), None),
                false => hub.announce_small(&name, &bytes, other),
            }
            let models = Models::new(&hub, &[("unet", &of_hub(FILE, ""))])?;
            let outcome = pull(&models)?;
            let expected = if is_hash { 5 } else { 0 };
            assert_eq!(
                outcome.exit_code,
                Some(expected),
                "{etag}: {}",
                outcome.stderr
            );
        }
    }
    Ok(())
}

fn names(directory: &Path) -> Result<Vec<String>> {
    let names = fs::read_dir(directory)?.map(|entry| {
        let name = entry?.file_name().into_string();
        name.ok().context("a name is no text")
    });
    names.collect()
}

#[test]
fn a_mirror_without_hashes_serves_files_whose_hash_the_preset_has() -> Result<()> {
    let (hub, bytes) = (Hub::start()?, noise(5_000));
    hub.add(&format!("{REPO}/{FILE}"), bytes.clone());
    hub.state().manner = Behaviour {
        etag: "",
        has_no_store: true,
        ..Behaviour::default()
    };
    let unknown = Models::new(&hub, &[("unet", &of_hub(FILE, ""))])?;
    let refused = unknown.run(&["pull", "pulled"])?;
    refused.assert_refused(&[FILE, "it names no hash", &hub.endpoint()]);
    let hash = format!("sha256 = \"{}\"", sha256(&bytes));
    let known = Models::new(&hub, &[("unet", &of_hub(FILE, &hash))])?;
    let outcome = pull(&known)?;
    assert_pulled("its hash is known", &hub, &outcome, &known, &bytes);
    Ok(())
}
