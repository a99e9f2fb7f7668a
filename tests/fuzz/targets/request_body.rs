//! The body of a request for images, through the whole router.

#![no_main]

mod server;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use server::Server;

static SERVER: LazyLock<Server> = LazyLock::new(Server::start);

fuzz_target!(|body: &[u8]| {
    let status = SERVER.ask(body);
    assert!(matches!(status, 200 | 400 | 401 | 429), "{status}");
});
