// SPDX-License-Identifier: Apache-2.0

// Loads the app with a progress bar, starts it, and says what it cost.

import { start, bytes } from "./transfer.js";

const byId = (id) => document.getElementById(id);

// Go's loader is a classic script that defines globalThis.Go.
function script(url) {
  return new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.src = url;
    element.onload = resolve;
    element.onerror = () => reject(new Error(`${url} did not load`));
    document.head.append(element);
  });
}

function show(figures, raw) {
  byId("fact-variant").textContent = figures.coding;
  byId("fact-cost").textContent = bytes(figures.encoded);
  byId("fact-raw").textContent = bytes(raw);
  byId("fact-saved").textContent = `${(100 * (1 - figures.encoded / raw)).toFixed(1)} %`;
  byId("fact-transfer").textContent = figures.transferred === 0 ? "nothing: from the cache" : bytes(figures.transferred);
  byId("fact-cache").textContent = figures.cacheControl;
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
  const bar = byId("load-bar");
  const line = byId("load-line");
  const canvas = byId("app-canvas");
  const raw = manifest.app.sizes.none;
  listen(canvas);
  await script(manifest.loader.url);

  let steps = 0;
  const { response, figures } = await start(manifest.app.url, {
    onProgress(decoded) {
      const percent = Math.floor((100 * decoded) / raw);
      if (percent > bar.value) {
        bar.value = percent;
        bar.dataset.steps = ++steps;
        line.textContent = `Loading: ${bytes(decoded)} of ${bytes(raw)}, ${percent} %`;
      }
    },
  });
  const go = new globalThis.Go();
  go.argv = ["explorer", canvas.id];
  const { instance } = await WebAssembly.instantiateStreaming(response, go.importObject);
  const seen = await figures;
  show(seen, raw);
  line.textContent = `Loaded ${manifest.app.url}: compiled while it arrived, and running.`;
  // Resolves when the program ends, which this one does not do.
  go.run(instance).then(() => { line.textContent = "The app has ended."; });
}
