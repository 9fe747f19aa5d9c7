// SPDX-License-Identifier: Apache-2.0

// Fetching with figures: how far the body has come, which coding the server chose, and what it cost.
//
// The browser decodes a coded body before a script sees it. What can be counted on the way is therefore decoded
// bytes; what the variant cost is known when it is over, from the browser's own resource timing.

// The entry of the browser's resource timing for the next fetch of a URL. An observer is used because the page's
// buffer of entries is finite and the heartbeat fills it.
export function timingOf(url) {
  const absolute = new URL(url, location.href).href;
  return new Promise((resolve) => {
    const observer = new PerformanceObserver((list) => {
      const entry = list.getEntriesByName(absolute).pop();
      if (entry) {
        observer.disconnect();
        resolve(entry);
      }
    });
    observer.observe({ type: "resource" });
  });
}

// Fetches past the browser's cache (or in another of its ways: "reload" leaves the answer there), reads the body to its
// end and forgets it; onProgress gets the decoded bytes so far.
// A promise of {coding, encoded, milliseconds}. Rejects where the server does not answer 200.
export async function measure(url, onProgress, cache = "no-store") {
  const timing = timingOf(url);
  const began = performance.now();
  const answer = await fetch(url, { cache });
  if (!answer.ok) {
    throw new Error(`${url}: ${answer.status} ${answer.statusText}`);
  }
  const reader = answer.body.getReader();
  let decoded = 0;
  for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
    decoded += value.byteLength;
    onProgress(decoded);
  }
  const milliseconds = performance.now() - began;
  const { encodedBodySize } = await timing;
  return { coding: answer.headers.get("Content-Encoding") ?? "none", encoded: encodedBodySize, milliseconds };
}

export function bytes(n) {
  return n >= 1e6 ? `${(n / 1e6).toFixed(2)} MB` : n >= 1e4 ? `${Math.round(n / 1e3)} kB` : `${n} B`;
}

export function duration(ms) {
  return ms >= 1000 ? `${(ms / 1000).toFixed(2)} s` : `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}
