// SPDX-License-Identifier: Apache-2.0

// Does what the browser of a returning visitor does after a deploy: has the release before, and asks for the new one.

import { measure, bytes } from "./transfer.js";

// The browser hands a dictionary out when it has written it to its disk, a moment after the response has ended.
const AWAY = 500;

const byId = (id) => document.getElementById(id);

function show(name, { coding, encoded }) {
  byId(`deploy-${name}`).textContent = `${bytes(encoded)} as ${coding}`;
}

export function offerDeploy({ app, earlier }) {
  const button = byId("deploy-run");
  const line = byId("deploy-line");
  if (!earlier) {
    line.textContent = "There is one release only.";
    return;
  }
  button.disabled = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    line.textContent = "Fetching…";
    try {
      // Through the cache, since only what is in it can be a dictionary; the new one past it, so that it can be asked for
      // again.
      const before = await measure(earlier.url, () => {}, "reload");
      show("before", before);
      await new Promise((resolve) => { setTimeout(resolve, AWAY); });
      const after = await measure(app.url, () => {});
      show("after", after);
      line.textContent =
        /^dc[bz]$/.test(after.coding)
          ? `${(app.sizes.br / after.encoded).toFixed(1)} times less than the smallest whole file.`
          : "This browser takes no dictionaries, or has not stored this one yet: it got the smallest whole file.";
    } catch (error) {
      line.textContent = String(error.message);
    } finally {
      button.disabled = false;
    }
  });
}
