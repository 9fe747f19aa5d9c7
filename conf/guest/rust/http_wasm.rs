// SPDX-License-Identifier: Apache-2.0

//! The http-wasm interface for guests in Rust, without any crate:
//!
//!     rustc --crate-type cdylib --target wasm32-wasip1 -O -o guest.wasm guest.rs
//!
//! (the target is called wasm32-wasi by Rust before 1.78). A guest defines handle_request and
//! handle_response. What may be called when is said in the interface (http-wasm/http-wasm,
//! http-handler-abi.md).
#![allow(dead_code)]

/// What handle_request returns. The upper 32 bits of what lets the request pass come back to handle_response.
pub const ANSWERED: u64 = 0;
pub const NEXT: u64 = 1;

pub const BUFFER_REQUEST: u32 = 1;
pub const BUFFER_RESPONSE: u32 = 2;
pub const TRAILERS: u32 = 4;

/// One of a message's parts.
#[derive(Clone, Copy)]
pub enum Kind {
    Request = 0,
    Response = 1,
    RequestTrailers = 2,
    ResponseTrailers = 3,
}

mod host {
    #[link(wasm_import_module = "http_handler")]
    extern "C" {
        pub fn enable_features(features: u32) -> u32;
        pub fn get_config(buf: *mut u8, limit: u32) -> u32;
        pub fn log(level: i32, text: *const u8, length: u32);
        pub fn get_method(buf: *mut u8, limit: u32) -> u32;
        pub fn set_method(text: *const u8, length: u32);
        pub fn get_uri(buf: *mut u8, limit: u32) -> u32;
        pub fn set_uri(text: *const u8, length: u32);
        pub fn get_source_addr(buf: *mut u8, limit: u32) -> u32;
        pub fn get_header_values(
            kind: u32, name: *const u8, name_length: u32, buf: *mut u8, limit: u32,
        ) -> u64;
        pub fn set_header_value(
            kind: u32, name: *const u8, name_length: u32, value: *const u8, length: u32,
        );
        pub fn add_header_value(
            kind: u32, name: *const u8, name_length: u32, value: *const u8, length: u32,
        );
        pub fn remove_header(kind: u32, name: *const u8, name_length: u32);
        pub fn read_body(kind: u32, buf: *mut u8, limit: u32) -> u64;
        pub fn write_body(kind: u32, bytes: *const u8, length: u32);
        pub fn get_status_code() -> u32;
        pub fn set_status_code(status: u32);
    }
}

/// Asks twice: for the length, then for the bytes.
fn text(get: unsafe extern "C" fn(*mut u8, u32) -> u32) -> String {
    let length = unsafe { get(std::ptr::null_mut(), 0) };
    let mut buf = vec![0; length as usize];
    unsafe { get(buf.as_mut_ptr(), length) };
    String::from_utf8_lossy(&buf).into_owned()
}

/// Asks for features and returns those that are on.
pub fn enable(features: u32) -> u32 {
    unsafe { host::enable_features(features) }
}

/// What WasmServeConfig says.
pub fn config() -> String {
    text(host::get_config)
}

/// Writes a line to the server's log: -1 debug, 0 info, 1 warn, 2 error.
pub fn log(level: i32, line: &str) {
    unsafe { host::log(level, line.as_ptr(), line.len() as u32) }
}

pub fn method() -> String {
    text(host::get_method)
}

pub fn uri() -> String {
    text(host::get_uri)
}

pub fn source() -> String {
    text(host::get_source_addr)
}

pub fn status() -> u32 {
    unsafe { host::get_status_code() }
}

pub fn set_method(method: &str) {
    unsafe { host::set_method(method.as_ptr(), method.len() as u32) }
}

pub fn set_uri(uri: &str) {
    unsafe { host::set_uri(uri.as_ptr(), uri.len() as u32) }
}

pub fn set_status(status: u32) {
    unsafe { host::set_status_code(status) }
}

/// All values of a header field.
pub fn values(kind: Kind, name: &str) -> Vec<String> {
    let (at, length) = (name.as_ptr(), name.len() as u32);
    let found = unsafe { host::get_header_values(kind as u32, at, length, std::ptr::null_mut(), 0) };
    let mut buf = vec![0; found as u32 as usize];
    unsafe { host::get_header_values(kind as u32, at, length, buf.as_mut_ptr(), found as u32) };
    buf.pop(); // the last one is ended by a NUL as well
    if found == 0 {
        return Vec::new();
    }
    buf.split(|byte| *byte == 0).map(|value| String::from_utf8_lossy(value).into_owned()).collect()
}

/// The first value of a header field.
pub fn get(kind: Kind, name: &str) -> Option<String> {
    values(kind, name).into_iter().next()
}

pub fn set(kind: Kind, name: &str, value: &str) {
    unsafe {
        host::set_header_value(
            kind as u32, name.as_ptr(), name.len() as u32, value.as_ptr(), value.len() as u32,
        )
    }
}

pub fn add(kind: Kind, name: &str, value: &str) {
    unsafe {
        host::add_header_value(
            kind as u32, name.as_ptr(), name.len() as u32, value.as_ptr(), value.len() as u32,
        )
    }
}

pub fn remove(kind: Kind, name: &str) {
    unsafe { host::remove_header(kind as u32, name.as_ptr(), name.len() as u32) }
}

/// Reads a body to its end.
pub fn body(kind: Kind) -> Vec<u8> {
    let mut body = Vec::new();
    let mut buf = [0; 16384];
    loop {
        let got = unsafe { host::read_body(kind as u32, buf.as_mut_ptr(), buf.len() as u32) };
        body.extend_from_slice(&buf[..got as u32 as usize]);
        if got >> 32 != 0 {
            return body;
        }
    }
}

/// Replaces a body with its first call in a function, and adds to it with the next ones.
pub fn write(kind: Kind, bytes: &[u8]) {
    unsafe { host::write_body(kind as u32, bytes.as_ptr(), bytes.len() as u32) }
}
