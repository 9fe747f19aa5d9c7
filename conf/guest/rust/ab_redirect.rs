// SPDX-License-Identifier: Apache-2.0

//! Sends visitors to one of two variants of a place, and keeps them there.
//!
//! WasmServeConfig: "PATH A B PERCENT", such as "/shop /shop-a /shop-b 30". Who asks for PATH or something below is
//! redirected to the same below A or B; B for PERCENT of all addresses. A cookie keeps the choice.

mod http_wasm;
use http_wasm::Kind;

/// The same number, 0 to 99, for the same address, without its port.
fn number_of(source: &str) -> u32 {
    let address = source.rsplit_once(':').map_or(source, |(address, _)| address);
    let hash = address.bytes().fold(2166136261u32, |hash, byte| (hash ^ byte as u32).wrapping_mul(16777619));
    hash / 65536 % 100
}

fn is_b(percent: u32) -> bool {
    for cookies in http_wasm::values(Kind::Request, "cookie") {
        for cookie in cookies.split(';') {
            match cookie.trim() {
                "variant=a" => return false,
                "variant=b" => return true,
                _ => (),
            }
        }
    }
    number_of(&http_wasm::source()) < percent
}

#[no_mangle]
pub extern "C" fn handle_request() -> u64 {
    let (config, uri) = (http_wasm::config(), http_wasm::uri());
    let words: Vec<&str> = config.split_whitespace().collect();
    let (path, a, b, percent) = match words[..] {
        [path, a, b, percent] => (path, a, b, percent.parse().expect("PERCENT is not a number")),
        _ => panic!("WasmServeConfig must be PATH A B PERCENT"),
    };
    let rest = match uri.strip_prefix(path) {
        Some(rest) if rest.is_empty() || rest.starts_with(&['/', '?'][..]) => rest,
        _ => return http_wasm::NEXT,
    };
    let (variant, name) = if is_b(percent) { (b, 'b') } else { (a, 'a') };
    http_wasm::set_status(302);
    http_wasm::set(Kind::Response, "Location", &format!("{}{}", variant, rest));
    http_wasm::set(Kind::Response, "Set-Cookie", &format!("variant={}; Path=/; Max-Age=2592000", name));
    http_wasm::set(Kind::Response, "Cache-Control", "private, no-store");
    http_wasm::ANSWERED
}

#[no_mangle]
pub extern "C" fn handle_response(_context: u32, _is_error: u32) {}
