// SPDX-License-Identifier: Apache-2.0

// Asks the server for a small file four times a second and draws how long each answer took: what a neighbour of a
// misbehaving guest notices.

import { duration } from "./transfer.js";

const EVERY = 250; // ms
const KEPT = 240; // a minute's worth
const FULL = 100; // ms at the chart's top; longer bars are cut there

const SVG = "http://www.w3.org/2000/svg";

export function startHeartbeat() {
  const byId = (id) => document.getElementById(id);
  const chart = byId("beat-chart");
  const beats = []; // milliseconds, or null for a lost one
  let answered = 0;
  let lost = 0;

  function draw() {
    chart.replaceChildren(...beats.map((beat, index) => {
      const bar = document.createElementNS(SVG, "rect");
      const height = beat === null ? 60 : Math.max(1, Math.min(60, (60 * beat) / FULL));
      if (beat === null) {
        bar.classList.add("lost");
      }
      bar.setAttribute("x", KEPT - beats.length + index);
      bar.setAttribute("y", 60 - height);
      bar.setAttribute("width", 0.8);
      bar.setAttribute("height", height);
      return bar;
    }));
    byId("beat-answered").textContent = answered;
    byId("beat-lost").textContent = lost;
    const times = beats.filter((beat) => beat !== null);
    if (times.length > 0) {
      byId("beat-last").textContent = duration(times[times.length - 1]);
      byId("beat-slowest").textContent = duration(Math.max(...times));
    }
  }

  async function beat() {
    const began = performance.now();
    let took = null;
    try {
      const answer = await fetch("/beat.txt", { cache: "no-store", signal: AbortSignal.timeout(5000) });
      await answer.text();
      if (answer.ok) {
        took = performance.now() - began;
      }
    } catch {
      // Not answered, or not in time: that is what is being counted.
    }
    if (took === null) {
      lost++;
    } else {
      answered++;
    }
    beats.push(took);
    beats.splice(0, beats.length - KEPT);
    if (!document.hidden) {
      draw();
    }
    setTimeout(beat, EVERY);
  }
  beat();
}
