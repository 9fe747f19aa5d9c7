// SPDX-License-Identifier: Apache-2.0

// Fetching with figures: how far the body has come, which coding the server chose, and what it cost.
//
// The browser decodes a coded body before a script sees it. What can be counted on the way is therefore decoded
// bytes, and their total is the raw file's size, which the manifest says: Content-Length is the variant's. What the
// variant cost is known when it is over, from the browser's own resource timing.

// The entry of the browser's resource timing for the next fetch of a URL. An observer is used because the page's
// buffer of entries is finite and the heartbeat fills it.
function timingOf(url) {
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

// Starts a fetch. Returns {response, figures}: the response's body reports to onProgress(decoded bytes so far) while
// somebody reads it, and figures is a promise of
//   {coding, encoded, decoded, transferred, cacheControl, milliseconds}
// where transferred is 0 when the browser's cache had it. Rejects where the server does not answer 200.
export async function start(url, { cache = "default", onProgress = () => {} } = {}) {
  const timing = timingOf(url);
  const began = performance.now();
  const answer = await fetch(url, { cache });
  if (!answer.ok) {
    throw new Error(`${url}: ${answer.status} ${answer.statusText}`);
  }
  let decoded = 0;
  let finish;
  const finished = new Promise((resolve) => { finish = resolve; });
  const counter = new TransformStream({
    transform(chunk, controller) {
      decoded += chunk.byteLength;
      onProgress(decoded);
      controller.enqueue(chunk);
    },
    flush() { finish(performance.now() - began); },
  });
  const response = new Response(answer.body.pipeThrough(counter), {
    headers: { "Content-Type": answer.headers.get("Content-Type") },
  });
  const figures = finished.then(async (milliseconds) => {
    const entry = await timing;
    return {
      coding: answer.headers.get("Content-Encoding") || "none",
      cacheControl: answer.headers.get("Cache-Control") || "none",
      encoded: entry.encodedBodySize,
      decoded,
      transferred: entry.transferSize,
      milliseconds,
    };
  });
  return { response, figures };
}

// Reads a body to its end and forgets it.
export async function drain(response) {
  const reader = response.body.getReader();
  for (;;) {
    const { done } = await reader.read();
    if (done) {
      return;
    }
  }
}

export function bytes(n) {
  return n >= 1e6 ? `${(n / 1e6).toFixed(2)} MB` : n >= 1e4 ? `${Math.round(n / 1e3)} kB` : `${n} B`;
}

export function duration(ms) {
  return ms >= 1000 ? `${(ms / 1000).toFixed(2)} s` : `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}
