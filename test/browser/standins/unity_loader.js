// SPDX-License-Identifier: Apache-2.0

// Stands in for the Build/game.loader.js of a Unity web build: what it fetches, by which names and in which way. The data
// by fetch, the framework as a script, which in turn fetches the code and has it compiled while it arrives. None of it is
// decoded here: without Decompression Fallback, that is the browser's affair.

function createUnityInstance(canvas, config, onProgress = () => {}) {
  const script = () => new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.src = config.frameworkUrl;
    element.onload = () => resolve(globalThis.unityFramework);
    element.onerror = () => reject(new Error(`Unable to load file ${config.frameworkUrl}!`));
    document.body.appendChild(element);
  });
  const data = async () => {
    const answer = await fetch(config.dataUrl);
    if (!answer.ok) {
      throw new Error(`Unable to load file ${config.dataUrl}!`);
    }
    return new Uint8Array(await answer.arrayBuffer());
  };
  onProgress(0);
  return Promise.all([script(), data()]).then(async ([framework, bytes]) => {
    if (typeof framework !== "function") {
      throw new Error(`Unable to parse ${config.frameworkUrl}! Is Content-Encoding present?`);
    }
    onProgress(0.9);
    const instance = await framework({ canvas, codeUrl: config.codeUrl, data: bytes });
    onProgress(1);
    return instance;
  });
}
