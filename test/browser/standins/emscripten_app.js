// SPDX-License-Identifier: Apache-2.0

// Stands in for the app.js that emcc writes, as far as it deals with its module: what it takes from the page, which
// imports it gives, and how it starts.

var Module = typeof Module !== "undefined" ? Module : {};
var memory;

const imports = {
  fd_write(fd, pieces, count, written) {
    const view = new DataView(memory.buffer);
    let text = "";
    for (let i = 0; i < count; i++) {
      const at = view.getUint32(pieces + 8 * i, true);
      text += new TextDecoder().decode(new Uint8Array(memory.buffer, at, view.getUint32(pieces + 8 * i + 4, true)));
    }
    view.setUint32(written, text.length, true);
    text.split("\n").filter((line) => line).forEach((line) => (Module.print ?? console.log)(line));
    return 0;
  },
};

(function createWasm() {
  const info = { env: imports, wasi_snapshot_preview1: imports };
  const receiveInstance = (instance) => {
    memory = instance.exports.memory;
    instance.exports.__wasm_call_ctors();
    instance.exports.main(0, 0);
    return instance.exports;
  };
  if (Module.instantiateWasm) {
    try {
      return Module.instantiateWasm(info, receiveInstance);
    } catch (error) {
      console.error(`Module.instantiateWasm callback failed with error: ${error}`);
    }
  }
  WebAssembly.instantiateStreaming(fetch("app.wasm", { credentials: "same-origin" }), info)
    .then(({ instance }) => receiveInstance(instance));
  return {};
})();
