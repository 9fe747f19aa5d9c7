// SPDX-License-Identifier: Apache-2.0

// The page's beginning: gets the manifest of the app and what conf/demo/run says of its build, and starts the parts.

import { loadApp } from "./app.js";
import { offerComparison } from "./compare.js";
import { offerDeploy } from "./deploy.js";
import { offerGuests } from "./guests.js";
import { startHeartbeat } from "./heartbeat.js";
import { readPacked } from "./packed.js";

startHeartbeat();
try {
  const answer = await fetch("/demo.json", { cache: "no-cache" });
  if (!answer.ok) {
    throw new Error(`demo.json: ${answer.status} ${answer.statusText}`);
  }
  const built = await answer.json();
  document.getElementById("built-line").textContent = `The app was built by ${built.go}.`;
  offerGuests(built);
  const manifest = await readPacked();
  offerComparison(manifest);
  await loadApp(manifest);
  offerDeploy(manifest);
} catch (error) {
  document.getElementById("load-line").textContent = `Something went wrong: ${error.message}`;
  throw error;
}
