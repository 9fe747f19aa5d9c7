// SPDX-License-Identifier: Apache-2.0

//! words.rs counts the words of stdin by way of Rust's standard library: a HashMap (whose seed comes
//! from random_get), sorting, formatting, a panic on demand, and files where an argument names one.

use std::collections::HashMap;
use std::io::{self, Read, Write};

fn main() {
    let mut text = String::new();
    match std::env::args().nth(1).as_deref() {
        Some("panic") => panic!("asked to"),
        Some(path) => text = std::fs::read_to_string(path).expect("cannot read the file"),
        None => {
            io::stdin().read_to_string(&mut text).expect("stdin");
        }
    }
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for word in text.split_whitespace() {
        *counts.entry(word).or_default() += 1;
    }
    let mut sorted: Vec<_> = counts.into_iter().collect();
    sorted.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let stdout = io::stdout();
    let mut out = stdout.lock();
    write!(out, "Content-Type: text/plain\r\n\r\n").unwrap();
    for (word, count) in sorted {
        writeln!(out, "{count} {word}").unwrap();
    }
}
