// SPDX-License-Identifier: Apache-2.0

//! Lets requests pass that carry a JSON Web Token signed with a key of ours.
//!
//! The token is `Authorization: Bearer …`, signed with HS256 (RFC 7519, RFC 7515); WasmServeConfig is the key. A token with
//! "exp" counts until then, for which the plugin needs WasmServeGrant clock. Who is let in is told to the server behind as
//! X-User, from "sub"; what a client says there itself is removed. Works as a filter (WasmServeFilter) and as an
//! authorization (Require wasmserve).
//!
//! Rust's library has neither SHA-256 nor JSON, so there is the one, and the claims are looked for and not parsed: enough for
//! what the one who has the key has written. A guest that shall accept tokens of others takes crates.

mod http_wasm;
use http_wasm::Kind;

/// FIPS 180-4. The constants are fractions of roots of the first primes, by its own definition (section 4.2.2).
fn sha256(message: &[u8]) -> [u8; 32] {
    let primes: Vec<u32> = (2..312u32).filter(|n| (2..*n).all(|d| n % d != 0)).take(64).collect();
    let k: Vec<u32> = primes.iter().map(|p| root_bits(*p, 3)).collect();
    let mut h: Vec<u32> = primes.iter().take(8).map(|p| root_bits(*p, 2)).collect();
    let mut padded = message.to_vec();
    padded.push(0x80);
    padded.resize((padded.len() + 8 + 63) / 64 * 64 - 8, 0);
    padded.extend_from_slice(&(message.len() as u64 * 8).to_be_bytes());
    for block in padded.chunks(64) {
        let mut w: Vec<u32> = block.chunks(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]])).collect();
        for i in 16..64 {
            let (a, b) = (w[i - 15], w[i - 2]);
            let s0 = a.rotate_right(7) ^ a.rotate_right(18) ^ a >> 3;
            let s1 = b.rotate_right(17) ^ b.rotate_right(19) ^ b >> 10;
            w.push(w[i - 16].wrapping_add(s0).wrapping_add(w[i - 7]).wrapping_add(s1));
        }
        let mut v = h.clone();
        for i in 0..64 {
            let s1 = v[4].rotate_right(6) ^ v[4].rotate_right(11) ^ v[4].rotate_right(25);
            let choice = (v[4] & v[5]) ^ (!v[4] & v[6]);
            let one = v[7].wrapping_add(s1).wrapping_add(choice).wrapping_add(k[i]).wrapping_add(w[i]);
            let s0 = v[0].rotate_right(2) ^ v[0].rotate_right(13) ^ v[0].rotate_right(22);
            let majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
            v.rotate_right(1);
            v[4] = v[4].wrapping_add(one);
            v[0] = one.wrapping_add(s0).wrapping_add(majority);
        }
        for (sum, part) in h.iter_mut().zip(v) {
            *sum = sum.wrapping_add(part);
        }
    }
    let mut digest = [0; 32];
    for (bytes, word) in digest.chunks_mut(4).zip(h) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

/// The first 32 bits of the fraction of a square or cube root, found bit by bit.
fn root_bits(n: u32, degree: u32) -> u32 {
    let target = (n as u128) << (32 * degree);
    let mut root = 0u128;
    for bit in (0..37).rev() {
        if (root | 1 << bit).pow(degree) <= target {
            root |= 1 << bit;
        }
    }
    root as u32
}

/// RFC 2104.
fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut block = if key.len() > 64 { sha256(key).to_vec() } else { key.to_vec() };
    block.resize(64, 0);
    let padded = |pad: u8| block.iter().map(|byte| byte ^ pad).collect::<Vec<u8>>();
    let inner = sha256(&[padded(0x36).as_slice(), text].concat());
    sha256(&[padded(0x5c).as_slice(), &inner].concat())
}

/// base64url without padding.
fn decode(text: &str) -> Option<Vec<u8>> {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (mut out, mut bits, mut held) = (Vec::new(), 0u32, 0);
    for byte in text.bytes() {
        bits = bits << 6 | digits.iter().position(|digit| *digit == byte)? as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    Some(out)
}

/// Where the value of a claim begins.
fn claim<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    let (_, behind) = json.split_once(&format!("\"{}\"", name))?;
    Some(behind.trim_start().strip_prefix(':')?.trim_start())
}

/// The claims of a token that counts, or why it does not.
fn check(token: &str, key: &str) -> Result<String, &'static str> {
    let parts: Vec<&str> = token.split('.').collect();
    let decoded: Option<Vec<Vec<u8>>> = parts.iter().map(|part| decode(part)).collect();
    let decoded = match decoded {
        Some(decoded) if decoded.len() == 3 => decoded,
        _ => return Err("malformed token"),
    };
    let header = String::from_utf8_lossy(&decoded[0]);
    // Whatever else the token says it is signed with is not ours to believe.
    if !claim(&header, "alg").map_or(false, |value| value.starts_with("\"HS256\"")) {
        return Err("another algorithm");
    }
    let mac = hmac(key.as_bytes(), &token.as_bytes()[..parts[0].len() + 1 + parts[1].len()]);
    let difference = mac.iter().zip(&decoded[2]).fold(0, |sum, (a, b)| sum | (a ^ b));
    if decoded[2].len() != mac.len() || difference != 0 {
        return Err("wrong signature");
    }
    let json = String::from_utf8_lossy(&decoded[1]).into_owned();
    if let Some(expiry) = claim(&json, "exp") {
        let digits: String = expiry.chars().take_while(char::is_ascii_digit).collect();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |t| t.as_secs());
        if digits.parse::<u64>().unwrap_or(0) <= now {
            return Err("expired");
        }
    }
    Ok(json)
}

#[no_mangle]
pub extern "C" fn handle_request() -> u64 {
    let (key, authorization) = (http_wasm::config(), http_wasm::get(Kind::Request, "authorization"));
    http_wasm::remove(Kind::Request, "X-User");
    let mut challenge = "Bearer".to_string();
    if let Some(token) = authorization.as_ref().and_then(|value| value.strip_prefix("Bearer ")) {
        match if key.is_empty() { Err("no key") } else { check(token, &key) } {
            Ok(json) => {
                if let Some(subject) = claim(&json, "sub").and_then(|value| value.split('"').nth(1)) {
                    http_wasm::set(Kind::Request, "X-User", subject);
                }
                return http_wasm::NEXT;
            }
            Err(why) => challenge += &format!(" error=\"invalid_token\", error_description=\"{}\"", why),
        }
    }
    http_wasm::set_status(401);
    http_wasm::set(Kind::Response, "WWW-Authenticate", &challenge);
    http_wasm::ANSWERED
}

#[no_mangle]
pub extern "C" fn handle_response(_context: u32, _is_error: u32) {}
