// SPDX-License-Identifier: Apache-2.0

// Loads the app by the loader that the module serves, starts it, and says what it cost.

import { runGo } from "/wasmserve-loader.js";
import { timingOf, bytes } from "./transfer.js";

const byId = (id) => document.getElementById(id);

// timing: the browser's entry for the download; headers: those of the response; raw: the size of the file.
function show(timing, headers, raw) {
  byId("fact-variant").textContent = headers.get("Content-Encoding") ?? "none";
  byId("fact-cost").textContent = bytes(timing.encodedBodySize);
  byId("fact-raw").textContent = bytes(raw);
  byId("fact-saved").textContent = `${(100 * (1 - timing.encodedBodySize / raw)).toFixed(1)} %`;
  byId("fact-transfer").textContent = timing.transferSize === 0 ? "nothing: from the cache" : bytes(timing.transferSize);
  byId("fact-cache").textContent = headers.get("Cache-Control") ?? "none";
}

function listen(canvas) {
  const buttons = document.querySelectorAll("[data-command]");
  for (const button of buttons) {
    button.addEventListener("click", () => {
      canvas.dispatchEvent(new CustomEvent("app:command", { detail: button.dataset.command }));
    });
  }
  canvas.addEventListener("app:running", () => {
    for (const button of buttons) {
      button.disabled = false;
    }
  });
  canvas.addEventListener("app:drawn", ({ detail }) => {
    canvas.dataset.drawn = Number(canvas.dataset.drawn || 0) + 1;
    byId("app-line").textContent =
      `${detail.milliseconds} ms for this picture, up to ${detail.depth} steps for each point. Drag, scroll, or use the keys.`;
  });
}

export async function loadApp(manifest) {
  const line = byId("load-line");
  const canvas = byId("app-canvas");
  const timing = timingOf(manifest.app.url);
  let last = null;
  listen(canvas);
  line.textContent = "";
  const { exited } = await runGo(manifest.app.url, {
    glue: manifest.glue.url,
    argv: ["explorer", canvas.id],
    show: "#loading",
    onProgress(progress) { last = progress; },
  });
  // This program does not end by itself.
  exited.then((code) => { line.textContent = `The app has ended with ${code}.`; });
  line.textContent = `Loaded ${manifest.app.url}: compiled while it arrived, and running.`;
  show(await timing, last.headers, last.total);
}
