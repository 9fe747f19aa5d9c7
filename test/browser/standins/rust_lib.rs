// SPDX-License-Identifier: Apache-2.0

//! Stands in for conf/guides/rust/src/lib.rs where wasm-bindgen is not at hand: the module that wasm-bindgen makes of it,
//! with the exports that its glue calls. A string goes in by address and length, and comes out as both, in two results that
//! the caller gave the place for.

#[no_mangle]
pub extern "C" fn __wbindgen_malloc(size: usize, _align: usize) -> *mut u8 {
    let mut bytes = Vec::with_capacity(size.max(1));
    let at = bytes.as_mut_ptr();
    std::mem::forget(bytes);
    at
}

/// # Safety
/// name is what __wbindgen_malloc gave for length bytes; result has room for two words.
#[no_mangle]
pub unsafe extern "C" fn greet(result: *mut usize, name: *mut u8, length: usize) {
    let name = String::from_raw_parts(name, length, length.max(1));
    let text = format!("Hello, {name}, from Rust.").into_bytes().into_boxed_slice();
    *result = text.as_ptr() as usize;
    *result.add(1) = text.len();
    std::mem::forget(text);
}
