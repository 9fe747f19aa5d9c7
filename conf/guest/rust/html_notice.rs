// SPDX-License-Identifier: Apache-2.0

//! Puts a notice at the end of every page.
//!
//! WasmServeConfig is the HTML that goes in front of the last </body>. What is not HTML, and HTML that whoever answers has
//! compressed, passes as it is. The response is held for it, up to WasmServeBody.

mod http_wasm;
use http_wasm::Kind;

#[no_mangle]
pub extern "C" fn handle_request() -> u64 {
    http_wasm::enable(http_wasm::BUFFER_RESPONSE);
    http_wasm::NEXT
}

#[no_mangle]
pub extern "C" fn handle_response(_context: u32, _is_error: u32) {
    let kind = http_wasm::get(Kind::Response, "content-type").unwrap_or_default();
    if !kind.to_ascii_lowercase().starts_with("text/html")
        || http_wasm::get(Kind::Response, "content-encoding").is_some()
    {
        return;
    }
    let page = http_wasm::body(Kind::Response);
    let end = page.windows(7).rposition(|window| window.eq_ignore_ascii_case(b"</body>"));
    if let Some(end) = end {
        http_wasm::write(Kind::Response, &page[..end]);
        http_wasm::write(Kind::Response, http_wasm::config().as_bytes());
        http_wasm::write(Kind::Response, &page[end..]);
    }
}
