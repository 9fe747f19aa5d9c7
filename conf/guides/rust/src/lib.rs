// SPDX-License-Identifier: Apache-2.0

//! An app for the page beside it: greets whom the page names.

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
pub fn greet(name: &str) -> String {
    format!("Hello, {name}, from Rust.")
}
