// SPDX-License-Identifier: Apache-2.0

// Stands in for the _framework/blazor.webassembly.js of a Blazor app: reads the list of the app's files, fetches each by
// its raw name, checked against its digest, asks about it at each visit unless its name has a fingerprint, and has the
// module compiled while it arrives.

(async () => {
  const base = new URL("_framework/", document.baseURI);
  const list = await (await fetch(new URL("blazor.boot.json", base), { cache: "no-cache", credentials: "include" })).json();
  const get = ([name, integrity]) => fetch(new URL(name, base), {
    cache: list.fingerprinted.includes(name) ? "default" : "no-cache", integrity, credentials: "include",
  });
  const bytes = async (entry) => new Uint8Array(await (await get(entry)).arrayBuffer());
  const [{ instance }, ...rest] = await Promise.all([
    WebAssembly.instantiateStreaming(get(Object.entries(list.resources.wasmNative)[0]), {}),
    ...Object.entries(list.resources.assembly).map(bytes),
  ]);
  document.getElementById("app").textContent =
    `${instance.exports.answer()} at /${location.pathname.slice(new URL(document.baseURI).pathname.length)}` +
    ` with ${rest.map(({ length }) => length).join(", ")} bytes`;
})().catch((error) => {
  document.getElementById("app").textContent = String(error);
});
