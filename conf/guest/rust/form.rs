// SPDX-License-Identifier: Apache-2.0

//! A form to write to somebody, and what becomes of it: a line of JSON in a file.
//!
//! A program that answers requests (WasmServeHandler), in CGI's way. Needs WasmServeGrant dir:DIRECTORY:/messages:rw, and
//! DIRECTORY must be one in which httpd's user can write. GET shows the form; POST takes its fields "name" and "message",
//! adds a line to /messages/messages.jsonl, and says thank you.
//!
//! Everything that a visitor has typed is escaped where it is shown or kept, a line is written by one call (so that those
//! of two requests do not mix), and a body has a largest size.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};

const LARGEST: u64 = 16384;

fn head(status: u32, more: &str) {
    print!("Status: {}\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n{}\r\n", status, more);
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn page(status: u32, more: &str, notice: &str, name: &str, message: &str) {
    head(status, more);
    println!(
        "<!DOCTYPE html><title>Write to us</title><p>{}</p><form method=\"post\"><input name=\"name\" value=\"{}\">\
         <textarea name=\"message\">{}</textarea><button>Send</button></form>",
        notice, html(name), html(message),
    );
}

/// A part of an application/x-www-form-urlencoded body.
fn decode(text: &str) -> String {
    let digit = |at: usize| text.as_bytes().get(at).and_then(|byte| (*byte as char).to_digit(16));
    let (mut bytes, mut at) = (Vec::new(), 0);
    while at < text.len() {
        match (text.as_bytes()[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                at += 2;
            }
            (b'+', ..) => bytes.push(b' '),
            (byte, ..) => bytes.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn field(body: &str, name: &str) -> String {
    let found = body.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
    found.map_or(String::new(), |(_, value)| decode(value))
}

/// A text as a JSON string (RFC 8259 §7).
fn json(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|c| match c {
            '"' | '\\' => format!("\\{}", c),
            c if c < ' ' => format!("\\u{:04x}", c as u32),
            c => c.to_string(),
        })
        .collect();
    format!("\"{}\"", escaped)
}

fn keep(name: &str, message: &str) -> io::Result<()> {
    let line = format!("{{\"name\": {}, \"message\": {}}}\n", json(name), json(message));
    OpenOptions::new().append(true).create(true).open("/messages/messages.jsonl")?.write_all(line.as_bytes())
}

fn post(kind: &str) {
    if !kind.to_lowercase().starts_with("application/x-www-form-urlencoded") {
        return page(415, "", "This is no form.", "", "");
    }
    let mut body = Vec::new();
    if io::stdin().take(LARGEST + 1).read_to_end(&mut body).is_err() || body.len() as u64 > LARGEST {
        return page(413, "", "This is too long.", "", "");
    }
    let body = String::from_utf8_lossy(&body);
    let (name, message) = (field(&body, "name"), field(&body, "message"));
    if name.is_empty() || message.is_empty() {
        page(422, "", "Please fill in both fields.", &name, &message);
    } else if let Err(error) = keep(&name, &message) {
        eprintln!("/messages/messages.jsonl: {}", error);
        page(500, "", "This could not be kept; please try again later.", &name, &message);
    } else {
        head(200, "");
        println!("<!DOCTYPE html><title>Thank you</title><p>Thank you, {}!</p>", html(&name));
    }
}

fn main() {
    let variable = |name| std::env::var(name).unwrap_or_default();
    match variable("REQUEST_METHOD").as_str() {
        "POST" => post(&variable("CONTENT_TYPE")),
        "GET" | "HEAD" => page(200, "", "Write to us:", "", ""),
        _ => page(405, "Allow: GET, HEAD, POST\r\n", "This is no way to write to us.", "", ""),
    }
}
