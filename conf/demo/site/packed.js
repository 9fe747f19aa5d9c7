// SPDX-License-Identifier: Apache-2.0

// What the page knows of its app: read from the manifest that `wasmserve pack` wrote into the app's folder.

const FOLDER = "/app/";
const APP = "explorer.wasm";

// A promise of {app, glue, earlier}: app is {url, sizes, delta}, the bytes of each coding ("none" is the raw file) and of
// the delta from the release before, null without one; glue is {url} of the script that belongs to that very release;
// earlier is {url} of the release before, null where the folder holds none.
export async function readPacked() {
  const answer = await fetch(`${FOLDER}manifest.json`, { cache: "no-cache" });
  if (!answer.ok) {
    throw new Error(`manifest.json: ${answer.status} ${answer.statusText}`);
  }
  const manifest = await answer.json();
  const { current, versions } = manifest.units.find((unit) => unit.versions.some(({ files }) => APP in files));
  const now = versions.find(({ hash }) => hash === current).files;
  const before = versions.find(({ hash }) => hash !== current)?.files[APP];
  const sizes = Object.fromEntries(now[APP].variants.map(({ coding, size }) => [coding, size]));
  const delta = now[APP].deltas.find(({ dictionary }) => dictionary === before?.sha256);
  return {
    app: { url: FOLDER + now[APP].name, sizes: { ...sizes, none: now[APP].size }, delta: delta?.size ?? null },
    glue: { url: FOLDER + now["wasm_exec.js"].name },
    earlier: before ? { url: FOLDER + before.name } : null,
  };
}
