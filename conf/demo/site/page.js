// SPDX-License-Identifier: Apache-2.0

// The page's beginning: gets the manifest, which conf/demo/run writes, and starts the parts that it speaks of.

import { loadApp } from "./app.js";
import { offerComparison } from "./compare.js";
import { offerGuests } from "./guests.js";
import { startHeartbeat } from "./heartbeat.js";

startHeartbeat();
try {
  const answer = await fetch("/manifest.json", { cache: "no-cache" });
  if (!answer.ok) {
    throw new Error(`manifest.json: ${answer.status} ${answer.statusText}`);
  }
  const manifest = await answer.json();
  document.getElementById("built-line").textContent = `The app was built by ${manifest.go}.`;
  offerGuests(manifest);
  offerComparison(manifest);
  await loadApp(manifest);
} catch (error) {
  document.getElementById("load-line").textContent = `Something went wrong: ${error.message}`;
  throw error;
}
