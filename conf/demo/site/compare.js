// SPDX-License-Identifier: Apache-2.0

// Fetches the app in each of its forms, one after the other, and shows what each costs.

import { measure, bytes, duration } from "./transfer.js";

const NAMES = { br: "Brotli", zstd: "Zstandard", gzip: "gzip", none: "none" };

function row(coding) {
  const line = document.createElement("tr");
  line.dataset.coding = coding;
  const name = document.createElement("th");
  name.scope = "row";
  name.textContent = NAMES[coding];
  const bar = document.createElement("progress");
  bar.max = 100;
  bar.value = 0;
  bar.setAttribute("aria-label", `Progress, ${NAMES[coding]}`);
  const cells = [bar, "–", "–"].map((content) => {
    const cell = document.createElement("td");
    cell.append(content);
    return cell;
  });
  line.append(name, ...cells);
  return { coding, line, bar, size: cells[1], time: cells[2] };
}

async function compare(entry, manifest) {
  const name = manifest.app.url.split("/").pop();
  const raw = manifest.app.sizes.none;
  entry.bar.value = 0;
  const seen = await measure(`/only/${entry.coding}/${name}`, (decoded) => { entry.bar.value = (100 * decoded) / raw; });
  entry.size.textContent = bytes(seen.encoded);
  entry.time.textContent = duration(seen.milliseconds);
  // A browser that does not take this coding gets the file as it is; the row then says so.
  if (seen.coding !== entry.coding) {
    entry.size.textContent += " (not taken by this browser)";
  }
  return seen;
}

export function offerComparison(manifest) {
  const button = document.getElementById("compare-run");
  const line = document.getElementById("compare-line");
  const rows = Object.keys(NAMES).filter((coding) => manifest.app.sizes[coding]).map(row);
  document.getElementById("compare-rows").append(...rows.map((entry) => entry.line));
  button.disabled = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    line.textContent = "Fetching…";
    try {
      const seen = [];
      for (const entry of rows) {
        seen.push(await compare(entry, manifest));
      }
      const best = seen.reduce((a, b) => (b.encoded < a.encoded ? b : a));
      const raw = seen[seen.length - 1];
      line.textContent = `${(raw.milliseconds / best.milliseconds).toFixed(1)} times as fast as the raw file.`;
    } catch (error) {
      line.textContent = String(error.message);
    } finally {
      button.disabled = false;
    }
  });
}
