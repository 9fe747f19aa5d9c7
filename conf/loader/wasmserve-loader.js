// SPDX-License-Identifier: Apache-2.0
//
// wasmserve-loader.js — loads a WebAssembly app once, when it is needed, says how far it has come and, if it does not
// come, why and what to do.
//
//     import { runGo } from "./wasmserve-loader.js";
//     const { exited } = await runGo("app.wasm", { show: "#loading" });
//
// How:      A module is fetched and compiled by one flight for each URL, which everybody who asks for it shares. The
//           browser compiles while the bytes arrive (compileStreaming); a clone of the response counts them on the way.
//           The original response is what is compiled, because only with it does Chromium find, and keep, the machine
//           code of an earlier visit: one that a script has put together has no address to keep it under.
// Progress: What a script sees of a compressed body are decoded bytes. Their total is what the server announces as
//           X-Uncompressed-Content-Length; Content-Length only where nothing is, or can be, encoded. Where neither is
//           known, or the announcement proves wrong, the total is null: no figure rather than a wrong one.
// Failures: Each has a kind, a sentence that says what happened and one that says what to do (`texts` below). A failed
//           load is forgotten, so that asking again tries again; an answer that was wrong in itself is then fetched
//           past the browser's cache.
// Browsers: Those with WebAssembly.compileStreaming: Chromium 61, Firefox 58, Safari 15. Works in workers, except for
//           `show`. Nothing is evaluated and no style attribute written: a strict Content-Security-Policy will do, as
//           long as it has 'wasm-unsafe-eval'.

// ---- what is said ------------------------------------------------------------------------------------------

// Everything that a visitor may read, to be replaced piece by piece for another language: texts.retry = "Nochmal".
// An error is [what happened, what to do]. It gets {name, url, status, type, loaded, total, reason, missing, glue},
// as far as they are known.
export const texts = {
  label: "Loading the app",
  waiting: "Loading…",
  loading: ({ loaded, total, percent }) =>
    percent === null ? `Loading: ${megabytes(loaded)}` : `Loading: ${percent} % of ${megabytes(total)}`,
  starting: "Starting…",
  retry: "Try again",
  errors: {
    unsupported: () => [
      "This browser cannot run WebAssembly as it arrives.",
      "Use a current version of Chrome, Edge, Firefox or Safari.",
    ],
    offline: ({ name }) => [
      `No answer for ${name}.`,
      "Check the connection and try again. If the file lies on another site, that site must allow it to this one " +
        "(Access-Control-Allow-Origin), and a Content-Security-Policy must name it in connect-src.",
    ],
    integrity: ({ name }) => [
      `No answer for ${name}, or not the file that this page expects.`,
      "Reload the page. If that does not help, the integrity value in the page is not that of the file on the server.",
    ],
    missing: ({ name, status }) => [
      `${name} is not on the server (${status}).`,
      "Reload the page: it may be older than the last deployment. If that does not help, the file was not uploaded, " +
        "or its name is written differently there.",
    ],
    refused: ({ name, status }) => [
      `The server does not give out ${name} (${status}).`,
      "Sign in if this site asks for it. Otherwise its configuration (Require) or the permissions of the file forbid it.",
    ],
    server: ({ name, status }) => [
      `The server answered ${status} for ${name}.`,
      "Try again in a moment. The server's error log says what happened.",
    ],
    page: ({ name }) => [
      `A web page came in place of ${name}.`,
      "The file is not there, and a rule for unknown addresses (RewriteRule, FallbackResource, a sign-in page) answered " +
        "instead: upload the file, and except .wasm from the rule.",
    ],
    type: ({ name, type }) => [
      type ? `${name} came as "${type}"; it must be exactly "application/wasm".` :
        `${name} came without a type; it must be "application/wasm".`,
      "Switch on WasmServe for this directory, or add the line: AddType application/wasm .wasm" +
        (/^application\/wasm;/i.test(type) ? " – and no AddCharset for it." : ""),
    ],
    cut: ({ name, loaded, total }) => [
      `The download of ${name} broke off after ${megabytes(loaded)}${total === null ? "" : ` of ${megabytes(total)}`}.`,
      "Try again. If it always ends there, the file on the server is not whole, or a time limit on the way is too short.",
    ],
    coded: ({ name }) => [
      `${name} arrived compressed, and the server did not say so.`,
      "Switch on WasmServe for this directory, which sends Content-Encoding with compressed files, or remove the one " +
        "that has the name of the raw file.",
    ],
    bad: ({ name, reason }) => [
      `${name} is no WebAssembly module that this browser can run: ${reason}`,
      "The file is damaged, or newer than the browser. Update the browser; if that does not help, build the file anew " +
        "and upload it in binary mode.",
    ],
    policy: () => [
      "This page's Content-Security-Policy does not allow WebAssembly.",
      "Add 'wasm-unsafe-eval' to its script-src.",
    ],
    memory: ({ name }) => [
      `There is not enough memory for ${name}.`,
      "Close other tabs and programs, and try again.",
    ],
    import: ({ name, missing, reason }) => [
      missing ? `${name} and this page do not fit together; missing: ${missing}` :
        `${name} and this page do not fit together: ${reason}`,
      "Reload the page: its script and the module may be of different deployments. If that does not help, deploy both " +
        "from the same build; Go's wasm_exec.js must be of the very version that built the app.",
    ],
    glue: ({ glue }) => [
      `${glue} did not load.`,
      "Try again. If that does not help, the script is not on the server, or a Content-Security-Policy forbids it.",
    ],
    start: ({ name, reason }) => [
      `${name} failed as it started: ${reason}`,
      "Try again. The browser's console has the details for whoever wrote the app.",
    ],
  },
};

function megabytes(bytes) {
  return bytes < 1e5 ? `${Math.round(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

// A load that failed. kind is a key of texts.errors; message says what happened and advice what to do; the other
// details (url, status, type, loaded, total, missing) stand beside them, and cause is the browser's own error.
export class WasmLoadError extends Error {
  constructor(kind, details, cause) {
    const name = shortName(details.url);
    const [message, advice] = texts.errors[kind]({ reason: cause?.message, ...details, name });
    super(message, { cause });
    Object.assign(this, details);
    this.name = "WasmLoadError";
    this.kind = kind;
    this.advice = advice;
  }

  // Whether another try can have another end without the page being loaded anew.
  get retryable() {
    return this.kind !== "unsupported" && this.kind !== "policy";
  }
}

// The path for a file of this site, the whole address for one of another.
function shortName(url) {
  const { origin, pathname } = new URL(url);
  return origin === globalThis.location.origin ? pathname : origin + pathname;
}

function absolute(url) {
  return new URL(url, globalThis.document?.baseURI ?? globalThis.location.href).href;
}

// ---- one flight for each URL -------------------------------------------------------------------------------

const flights = new Map(); // by absolute URL: what is on its way, or has arrived
const distrusted = new Set(); // URLs whose last answer was wrong, and may lie in the browser's cache
const WRONG = new Set(["missing", "refused", "server", "page", "type", "coded", "bad", "integrity"]); // by such a failure

// How large the decoded body of a response will be, or null where nobody knows. Content-Encoding of another site's
// answer cannot be seen, so the absence of one means something only on our own.
export function rawSize(response) {
  const announced = response.headers.get("X-Uncompressed-Content-Length");
  const plain = response.type === "basic" && !response.headers.get("Content-Encoding");
  const size = announced ?? (plain ? response.headers.get("Content-Length") : null);
  return size !== null && /^\d+$/.test(size) ? Number(size) : null;
}

// What is wrong with a response before its body is looked at: a kind, or null.
function wrongAnswer(response) {
  if (response.status === 404 || response.status === 410) {
    return "missing";
  }
  if (response.status === 401 || response.status === 403) {
    return "refused";
  }
  if (!response.ok || response.body === null) {
    return "server";
  }
  const type = response.headers.get("Content-Type") ?? "";
  if (/^(text\/html|application\/xhtml\+xml)\b/i.test(type)) {
    return "page";
  }
  return type.toLowerCase() === "application/wasm" ? null : "type";
}

// What is wrong with a body by its first bytes, where it is no module: a kind, or null.
function wrongHead(head) {
  const begins = (...bytes) => bytes.every((byte, index) => head[index] === byte);
  if (begins(0x1f, 0x8b) || begins(0x28, 0xb5, 0x2f, 0xfd)) {
    return "coded";
  }
  return /^\s*</.test(String.fromCharCode(...head)) ? "page" : null;
}

function progressOf({ url, loaded, total, headers, over }) {
  const percent = total === null ? null : total === 0 ? 100 : Math.floor((100 * loaded) / total);
  return { url, loaded, total, percent, headers, done: over };
}

// A watcher that throws is its page's own error; it must not keep the others from their app.
function tell(watcher, progress) {
  try {
    watcher(progress);
  } catch (error) {
    globalThis.reportError(error);
  }
}

function notify(flight) {
  const progress = progressOf(flight);
  for (const watcher of flight.watchers) {
    tell(watcher, progress);
  }
}

// Reads a clone of the body to its end and keeps the flight's figures. What is returned tells, at any time, how it
// began and how it ended; `over` is a promise that only ever resolves.
function count(body, flight) {
  const seen = { head: [], ended: false, error: null, over: null };
  const reader = body.getReader();
  const read = async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        seen.ended = true;
        return;
      }
      if (seen.head.length < 8) {
        seen.head.push(...value.subarray(0, 8 - seen.head.length));
      }
      flight.loaded += value.byteLength;
      if (flight.total !== null && flight.loaded > flight.total) {
        flight.total = null;
      }
      notify(flight);
    }
  };
  seen.over = read().catch((error) => { seen.error = error; });
  return seen;
}

// Why compiling failed, from what the browser says and what the count has seen.
async function diagnose(error, flight, seen) {
  const fail = (kind) => new WasmLoadError(kind, { url: flight.url, loaded: flight.loaded, total: flight.total }, error);
  if (/Content.Security.Policy|\bCSP\b|unsafe-eval/i.test(error.message)) {
    return fail("policy");
  }
  // The two readers of a body learn of its end one after the other. If there is more to come, that is not what failed.
  await Promise.race([seen.over, new Promise((resolve) => { setTimeout(resolve, 500); })]);
  if (seen.error || (seen.ended && flight.loaded < flight.total)) {
    return fail("cut");
  }
  const isModule = [0, 0x61, 0x73, 0x6d].every((byte, index) => seen.head[index] === byte);
  if (!isModule) {
    return fail(wrongHead(seen.head) ?? "bad");
  }
  return fail(error instanceof RangeError ? "memory" : "bad");
}

// Fetches and compiles. Rejects with a WasmLoadError; when the flight is aborted nobody is left to see which.
async function download(flight, request) {
  const { url, controller } = flight;
  if (typeof globalThis.WebAssembly?.compileStreaming !== "function") {
    throw new WasmLoadError("unsupported", { url });
  }
  let response;
  try {
    response = await fetch(url, { ...request, signal: controller.signal });
  } catch (error) {
    throw new WasmLoadError(request.integrity ? "integrity" : "offline", { url }, error);
  }
  const wrong = wrongAnswer(response);
  if (wrong !== null) {
    const { status, headers } = response;
    controller.abort();
    throw new WasmLoadError(wrong, { url, status, type: headers.get("Content-Type") ?? "" });
  }
  flight.headers = response.headers;
  flight.total = rawSize(response);
  notify(flight);
  const seen = count(response.clone().body, flight);
  try {
    const module = await WebAssembly.compileStreaming(response);
    await seen.over;
    return module;
  } catch (error) {
    const failure = await diagnose(error, flight, seen);
    controller.abort();
    throw failure;
  }
}

function begin(url, request) {
  const flight = {
    url, loaded: 0, total: null, headers: null, over: false, users: 0,
    watchers: new Set(), controller: new AbortController(), module: null,
  };
  const fresh = distrusted.delete(url) ? { cache: "reload" } : {};
  flight.module = download(flight, { ...request, ...fresh }).then((module) => {
    flight.total = flight.loaded;
    flight.over = true;
    notify(flight);
    return module;
  }, (error) => {
    forget(flight, WRONG.has(error.kind));
    throw error;
  });
  flight.module.catch(() => {});
  flights.set(url, flight);
  return flight;
}

// The next one who asks for it begins anew, past the browser's cache if what came was wrong.
function forget(flight, wrong) {
  if (flights.get(flight.url) === flight) {
    flights.delete(flight.url);
  }
  if (wrong) {
    distrusted.add(flight.url);
  }
}

// Takes part in the flight for a URL: a promise of {module, flight}. Whoever aborts leaves; the last one to leave a
// flight that has not arrived ends it.
function join(url, { request, signal, onProgress }) {
  signal?.throwIfAborted();
  const flight = flights.get(url) ?? begin(url, request);
  return new Promise((resolve, reject) => {
    const leave = () => {
      flight.users--;
      flight.watchers.delete(onProgress);
      signal?.removeEventListener("abort", aborted);
    };
    const aborted = () => {
      leave();
      if (flight.users === 0 && !flight.over) {
        forget(flight, false);
        flight.controller.abort();
      }
      reject(signal.reason);
    };
    flight.users++;
    if (onProgress) {
      flight.watchers.add(onProgress);
      tell(onProgress, progressOf(flight));
    }
    signal?.addEventListener("abort", aborted);
    flight.module.then((module) => {
      leave();
      resolve({ module, flight });
    }, (error) => {
      leave();
      reject(error);
    });
  });
}

// ---- what pages call ---------------------------------------------------------------------------------------

// Loads the module at a URL and has it started: a promise of what start(module) returns, or of the WebAssembly.Module
// where there is no start. Options, all of them optional:
//   start       function of the compiled module; what it throws or rejects with is a failed load
//   show        element, or selector of one, in which progress, errors and a button to try again are shown. Then a
//               failure does not reject: the promise waits for a try that succeeds (or for an abort)
//   onProgress  called with {url, loaded, total, percent, headers, done}; total and percent are null where unknown,
//               headers are those of the response once it is there
//   onError     called with the WasmLoadError of each failed try
//   signal      an AbortSignal; the promise then rejects with its reason
//   request     further options of fetch(): credentials, integrity, priority, … of the first who asks
export async function load(url, { start, show, onProgress, onError, signal, request } = {}) {
  const address = absolute(url);
  const view = show ? createView(show, signal) : null;
  const watch = (progress) => {
    view?.progress(progress);
    onProgress?.(progress);
  };
  for (;;) {
    let arrived = null;
    try {
      arrived = await join(address, { request, signal, onProgress: watch });
      view?.starting();
      const result = start ? await start(arrived.module) : arrived.module;
      signal?.throwIfAborted();
      view?.remove();
      return result;
    } catch (error) {
      if (signal?.aborted) {
        view?.remove();
        throw signal.reason;
      }
      const failure = startFailure(error, address);
      if (arrived && failure.kind === "import") {
        forget(arrived.flight, true);
      }
      onError?.(failure);
      const again = view?.failed(failure);
      if (!again) {
        throw failure;
      }
      await again;
    }
  }
}

function startFailure(error, url) {
  if (error instanceof WasmLoadError) {
    return error;
  }
  // By name: the error may be of another frame's making, and then it is of another class.
  const { name, message = String(error) } = error ?? {};
  const kind = name === "LinkError" ? "import" : name === "RangeError" && /memory/i.test(message) ? "memory" : "start";
  return new WasmLoadError(kind, { url, reason: message }, error);
}

// The imports of a module that an import object does not have, as "module.name".
export function missingImports(module, imports) {
  return WebAssembly.Module.imports(module)
    .filter((entry) => imports?.[entry.module]?.[entry.name] === undefined)
    .map((entry) => `${entry.module}.${entry.name}`);
}

async function link(module, imports, url) {
  const missing = missingImports(module, imports);
  if (missing.length > 0) {
    const more = missing.length > 5 ? ` and ${missing.length - 5} more` : "";
    throw new WasmLoadError("import", { url, missing: missing.slice(0, 5).join(", ") + more });
  }
  return WebAssembly.instantiate(module, imports);
}

// Loads and instantiates: a promise of {module, instance}, with the options of load(). Each caller has an instance of
// its own; the module is shared.
export function instantiate(url, imports = {}, options = {}) {
  const start = async (module) => ({ module, instance: await link(module, imports, absolute(url)) });
  return load(url, { ...options, start });
}

// Loads a program that Go or TinyGo has compiled for the browser, and runs it: a promise of {module, instance, go,
// exited}, where exited is a promise of the exit code. Options beside those of load():
//   argv   the program's arguments, its name first (default: the name of the file)
//   env    its environment, an object
//   glue   the address of its wasm_exec.js (default: "wasm_exec.js"), which is loaded unless there is a class Go yet
export function runGo(url, { argv, env, glue = "wasm_exec.js", ...options } = {}) {
  const address = absolute(url);
  const ready = () => (globalThis.Go ? Promise.resolve() : loadScript(absolute(glue), address));
  ready().catch(() => {}); // beside the module; start() has the error
  const start = async (module) => {
    await ready();
    const go = new globalThis.Go();
    let code = null;
    go.argv = argv ?? [address.replace(/[?#].*/, "").split("/").pop()];
    Object.assign(go.env, env);
    go.exit = (value) => { code = value; };
    const instance = await link(module, go.importObject, address);
    // TinyGo's run() has the code; Go's tells exit() alone.
    const exited = go.run(instance).then((value) => code ?? value ?? 0);
    return { module, instance, go, exited };
  };
  return load(url, { ...options, start });
}

const scripts = new Map();

function loadScript(glue, url) {
  if (!scripts.has(glue)) {
    scripts.set(glue, new Promise((resolve, reject) => {
      const fail = (cause) => {
        scripts.delete(glue);
        reject(new WasmLoadError("glue", { url, glue: shortName(glue) }, cause));
      };
      if (!globalThis.document) {
        fail(new Error("in a worker, import it before"));
        return;
      }
      const element = document.createElement("script");
      element.src = glue;
      element.onload = () => (globalThis.Go ? resolve() : fail(new Error("it defines no class Go")));
      element.onerror = () => fail();
      document.head.append(element);
    }));
  }
  return scripts.get(glue);
}

// For emscripten, whose own script starts the app: Module.instantiateWasm = emscripten("app.wasm", options). The module is
// fetched beside that script. It has no way to be told of a failure, so without `show` that goes to onError, or else to
// the console.
export function emscripten(url, options = {}) {
  join(absolute(url), options).catch(() => {}); // what failed is tried, and told, when the script asks for it
  return (imports, receive) => {
    instantiate(url, imports, options).then(({ instance, module }) => receive(instance, module), (error) => {
      if (!options.onError) {
        globalThis.reportError(error);
      }
    });
    return {};
  };
}

// Fetches and compiles the module when the page has nothing else to do, so that load() finds it there: a promise of
// whether it worked. Not for visitors who ask their browser to save data.
export async function prefetch(url, { signal, request } = {}) {
  if (globalThis.navigator.connection?.saveData) {
    return false;
  }
  await new Promise((resolve) => { (globalThis.requestIdleCallback ?? ((go) => setTimeout(go, 200)))(resolve); });
  return join(absolute(url), { signal, request: { priority: "low", ...request } }).then(() => true, () => false);
}

// ---- what is shown -----------------------------------------------------------------------------------------

// Every selector has a specificity of nothing (:where), so that any rule of the page wins.
const STYLE = `
  :where(.wasmserve) { max-width: 36rem; overflow-wrap: anywhere; }
  :where(.wasmserve-bar) { height: .5rem; border-radius: .25rem; overflow: hidden; background: rgba(128, 128, 128, .3); }
  :where(.wasmserve-fill) { height: 100%; width: 0; background: var(--wasmserve-color, #2563eb); }
  :where(.wasmserve[data-state=unknown] .wasmserve-fill, .wasmserve[data-state=starting] .wasmserve-fill) {
    width: 100%; animation: wasmserve-pulse 1.2s ease-in-out infinite alternate; }
  :where(.wasmserve-text, .wasmserve-error p) { margin: .5em 0; }
  :where(.wasmserve-error) { border-inline-start: .25rem solid #b91c1c; padding-inline-start: .75rem; }
  :where(.wasmserve-error p:first-child) { font-weight: bold; }
  :where(.wasmserve [hidden]) { display: none; }
  @keyframes wasmserve-pulse { from { opacity: .2; } to { opacity: .7; } }
  @media (prefers-reduced-motion: reduce) { :where(.wasmserve-fill) { animation: none !important; opacity: .5; } }
`;
let styled = false;

function addStyle() {
  if (!styled) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
    styled = true;
  }
}

function make(tag, name, attributes = {}) {
  const element = document.createElement(tag);
  element.className = `wasmserve-${name}`;
  for (const [key, value] of Object.entries(attributes)) {
    element.setAttribute(key, value);
  }
  return element;
}

// Puts a box into the element: <div class="wasmserve" data-state="waiting|loading|unknown|starting|failed"> with a bar
// (role progressbar), a line of text, and, after a failure, the error with its button.
function createView(place, signal) {
  const parent = typeof place === "string" ? document.querySelector(place) : place;
  if (!parent) {
    throw new TypeError(`wasmserve-loader: there is no element ${place} to show the progress in`);
  }
  addStyle();
  const box = document.createElement("div");
  box.className = "wasmserve";
  const bar = make("div", "bar", {
    role: "progressbar", "aria-label": texts.label, "aria-valuemin": "0", "aria-valuemax": "100", tabindex: "-1",
  });
  const fill = make("div", "fill");
  const line = make("p", "text");
  const problem = make("div", "error", { role: "alert" });
  bar.append(fill);
  box.append(bar, line, problem);
  parent.append(box);

  let shown = null; // the figure in the bar, so that only changes are written
  const say = (state, text, percent = null) => {
    box.dataset.state = state;
    line.textContent = text;
    bar.setAttribute("aria-valuetext", text);
    if (percent !== shown) {
      shown = percent;
      fill.style.width = percent === null ? "" : `${percent}%`;
      if (percent === null) {
        bar.removeAttribute("aria-valuenow");
      } else {
        bar.setAttribute("aria-valuenow", percent);
      }
    }
  };
  const working = (works) => {
    bar.hidden = line.hidden = !works;
    problem.hidden = works;
  };
  working(true);
  say("waiting", texts.waiting);

  return {
    progress(progress) {
      if (progress.headers === null) {
        say("waiting", texts.waiting);
      } else {
        say(progress.percent === null ? "unknown" : "loading", texts.loading(progress), progress.percent);
      }
    },
    starting() { say("starting", texts.starting); },
    remove() { box.remove(); },
    // Shows the error. Returns a promise of the visitor's wish to try again, or null where that is of no use.
    failed(error) {
      const what = document.createElement("p");
      const advice = document.createElement("p");
      what.textContent = error.message;
      advice.textContent = error.advice;
      box.dataset.state = "failed";
      box.dataset.kind = error.kind;
      working(false);
      problem.replaceChildren(what, advice);
      if (!error.retryable) {
        return null;
      }
      const button = make("button", "retry", { type: "button" });
      button.textContent = texts.retry;
      problem.append(button);
      return new Promise((resolve, reject) => {
        const aborted = () => {
          box.remove();
          reject(signal.reason);
        };
        signal?.addEventListener("abort", aborted, { once: true });
        button.addEventListener("click", () => {
          signal?.removeEventListener("abort", aborted);
          delete box.dataset.kind;
          problem.replaceChildren();
          working(true);
          say("waiting", texts.waiting);
          bar.focus(); // the button that had it is gone
          resolve();
        }, { once: true });
      });
    },
  };
}
