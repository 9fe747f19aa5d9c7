// SPDX-License-Identifier: Apache-2.0

// Stands in for the Build/game.framework.js of a Unity web build; unity_loader.js says what for.

globalThis.unityFramework = async function (module) {
  const answer = fetch(module.codeUrl, { credentials: "same-origin" });
  const { instance } = await WebAssembly.instantiateStreaming(answer, {});
  const context = module.canvas.getContext("2d");
  context.font = "40px sans-serif";
  context.fillText(`${new TextDecoder().decode(module.data)} ${instance.exports.answer()}`, 20, 60);
  module.canvas.dataset.said = `${new TextDecoder().decode(module.data)} ${instance.exports.answer()}`;
  return { SendMessage() {}, Quit() {} };
};
