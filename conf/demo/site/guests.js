// SPDX-License-Identifier: Apache-2.0

// The forms that ask the guests, and the panel that shows what came of it: the answer's status, how long it took, its
// text, and what the server wrote to its error log meanwhile.

import { duration } from "./transfer.js";

const REQUESTS = {
  hello: (form) => ["/hello?" + form.get("query"), {}],
  words: (form) => ["/words", { method: "POST", body: form.get("text"), headers: { "Content-Type": "text/plain" } }],
  spin: () => ["/spin", {}],
  hungry: () => ["/hungry", {}],
};

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) {
    made.className = className;
  }
  made.textContent = text;
  return made;
}

// The error log's present length, and what was added to it since.
async function logLength() {
  const answer = await fetch("/error-log", { method: "HEAD", cache: "no-store" });
  return answer.ok ? Number(answer.headers.get("Content-Length")) : 0;
}

async function logSince(offset) {
  if ((await logLength()) <= offset) {
    return "";
  }
  const answer = await fetch("/error-log", { cache: "no-store", headers: { Range: `bytes=${offset}-` } });
  return answer.status === 206 || (answer.ok && offset === 0) ? answer.text() : "";
}

// An error page is HTML; what matters of it here is its text.
async function bodyText(answer) {
  const text = await answer.text();
  if (!(answer.headers.get("Content-Type") || "").startsWith("text/html")) {
    return text;
  }
  const lines = new DOMParser().parseFromString(text, "text/html").body.textContent.split("\n");
  return lines.map((line) => line.trim()).filter(Boolean).join("\n");
}

async function ask(url, options) {
  const began = performance.now();
  const answer = await fetch(url, { cache: "no-store", ...options });
  const text = await bodyText(answer);
  return { status: answer.status, reason: answer.statusText, took: performance.now() - began, text };
}

function report(panel, url, answers, log) {
  const first = answers[0];
  const slowest = Math.max(...answers.map((answer) => answer.took));
  const good = answers.every((answer) => answer.status < 400);
  const outcome = element("p", "outcome", "");
  const status = element("span", good ? "good" : "bad", `${first.status} ${first.reason}`.trim());
  status.id = "answer-status";
  const count = answers.length > 1 ? `, ${answers.length} times at once, the slowest` : "";
  outcome.append(`${url}: `, status, `${count} after ${duration(slowest)}`);
  const text = element("pre", "", first.text);
  text.id = "answer-text";
  panel.replaceChildren(outcome, text);
  if (log) {
    const lines = element("pre", "", log.trimEnd());
    lines.id = "answer-log";
    panel.append(element("p", "quiet", "Meanwhile in the server's error log:"), lines);
  }
}

export function offerGuests(manifest) {
  const panel = document.getElementById("answer");
  document.getElementById("guest-words").hidden = !manifest.guests.includes("words");
  for (const form of document.querySelectorAll("form[data-guest]")) {
    const button = form.querySelector("button");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const fields = new FormData(form);
      const [url, options] = REQUESTS[form.dataset.guest](fields);
      const times = Number(fields.get("times") || 1);
      button.disabled = true;
      panel.dataset.state = "waiting";
      try {
        const before = await logLength();
        const answers = await Promise.all(Array.from({ length: times }, () => ask(url, options)));
        report(panel, url, answers, await logSince(before));
      } catch (error) {
        panel.replaceChildren(element("p", "outcome bad", `${url}: ${error.message}`));
      } finally {
        button.disabled = false;
        panel.dataset.state = form.dataset.guest;
      }
    });
  }
}
