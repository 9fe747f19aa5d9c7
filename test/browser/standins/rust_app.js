// SPDX-License-Identifier: Apache-2.0

// Stands in for the pkg/app.js that `wasm-bindgen --target web` writes (0.2.93 and newer): the same exports, and the same
// ways to be given a module.

let wasm;

export function greet(name) {
  const bytes = new TextEncoder().encode(name);
  const at = wasm.__wbindgen_malloc(bytes.length, 1);
  new Uint8Array(wasm.memory.buffer, at, bytes.length).set(bytes);
  const result = wasm.__wbindgen_malloc(8, 4);
  wasm.greet(result, at, bytes.length);
  const [text, length] = new Uint32Array(wasm.memory.buffer, result, 2);
  return new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(wasm.memory.buffer, text, length));
}

async function load(module, imports) {
  if (module instanceof Response) {
    return WebAssembly.instantiateStreaming(module, imports);
  }
  const instance = await WebAssembly.instantiate(module, imports);
  return instance instanceof WebAssembly.Instance ? { instance, module } : instance;
}

export default async function init(options) {
  if (wasm !== undefined) {
    return wasm;
  }
  let { module_or_path: module } = options ?? {};
  module ??= new URL("app_bg.wasm", import.meta.url);
  if (typeof module === "string" || module instanceof Request || module instanceof URL) {
    module = fetch(module);
  }
  const { instance } = await load(await module, { wbg: {} });
  wasm = instance.exports;
  return wasm;
}
