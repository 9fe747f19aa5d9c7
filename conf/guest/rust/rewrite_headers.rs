// SPDX-License-Identifier: Apache-2.0

//! Changes header fields by configuration, in both directions. WasmServeConfig has a rule in each line:
//!
//!     > Name: value      sets a field of the request
//!     > -Name            removes it
//!     < Name: value      sets a field of the response, unless whoever answers sets it
//!     < -Name            removes it; for this the whole response is held

mod http_wasm;
use http_wasm::Kind;

/// Does the rules for a direction, the removals or the others.
fn apply(kind: Kind, direction: &str, removals: bool) {
    for rule in http_wasm::config().lines() {
        let what = match rule.strip_prefix(direction) {
            Some(what) => what,
            None => continue,
        };
        match what.strip_prefix('-') {
            Some(name) if removals => http_wasm::remove(kind, name),
            None if !removals => {
                if let Some((name, value)) = what.split_once(':') {
                    http_wasm::set(kind, name, value.trim())
                }
            }
            _ => (),
        }
    }
}

#[no_mangle]
pub extern "C" fn handle_request() -> u64 {
    if http_wasm::config().lines().any(|rule| rule.starts_with("< -")) {
        http_wasm::enable(http_wasm::BUFFER_RESPONSE);
    }
    apply(Kind::Request, "> ", true);
    apply(Kind::Request, "> ", false);
    apply(Kind::Response, "< ", false);
    http_wasm::NEXT
}

#[no_mangle]
pub extern "C" fn handle_response(_context: u32, _is_error: u32) {
    // Allowed only if the response is held, which it is if there is something to remove.
    if http_wasm::enable(0) & http_wasm::BUFFER_RESPONSE != 0 {
        apply(Kind::Response, "< ", true);
    }
}
