// SPDX-License-Identifier: Apache-2.0

//! Lets so many requests in a window of time through for each client, over all processes.
//!
//! WasmServeConfig: "REQUESTS SECONDS", such as "100 60". Needs WasmServeGrant kv. Who asks for more is answered 429
//! with Retry-After; all others learn from X-RateLimit-Remaining what is left. If the store cannot be used the guest
//! ends itself, and WasmServeOnError says what that means: nobody is let in (closed), or everybody (open).

mod http_wasm;
use http_wasm::Kind;

#[link(wasm_import_module = "wasmserve_kv")]
extern "C" {
    /// Gives a number that is not there its time, and leaves that of one that is there alone; conf/guest/wasmserve_kv.h
    /// explains it and its relatives.
    fn increment(key: *const u8, key_length: usize, delta: i64, milliseconds: u64, sum: *mut i64) -> i32;
}

/// How many requests of this client there were in this window, this one included.
fn count_of(source: &str, seconds: f64) -> i64 {
    // The port is another with each connection.
    let address = source.rsplit_once(':').map_or(source, |(address, _)| address);
    let key = format!("requests of {}", address);
    let mut count = 0;
    let result = unsafe { increment(key.as_ptr(), key.len(), 1, (seconds * 1000.0) as u64, &mut count) };
    if result != 0 {
        http_wasm::log(2, &format!("the store answered {}", result));
        panic!("no store");
    }
    count
}

#[no_mangle]
pub extern "C" fn handle_request() -> u64 {
    let config = http_wasm::config();
    let words: Vec<&str> = config.split_whitespace().collect();
    let (requests, seconds): (i64, f64) = match words[..] {
        [requests, seconds] => (requests.parse().expect("REQUESTS"), seconds.parse().expect("SECONDS")),
        _ => panic!("WasmServeConfig must be REQUESTS SECONDS"),
    };
    let count = count_of(&http_wasm::source(), seconds);
    if count <= requests {
        http_wasm::set(Kind::Response, "X-RateLimit-Remaining", &(requests - count).to_string());
        return http_wasm::NEXT;
    }
    http_wasm::set_status(429);
    http_wasm::set(Kind::Response, "Retry-After", &(seconds as i64 + 1).to_string());
    http_wasm::set(Kind::Response, "Content-Type", "text/plain");
    http_wasm::write(Kind::Response, b"too many requests\n");
    http_wasm::ANSWERED
}

#[no_mangle]
pub extern "C" fn handle_response(_context: u32, _is_error: u32) {}
