// SPDX-License-Identifier: Apache-2.0
//
// moonbit.js — MoonBit's compiler, as npm has it for browsers (@moonbit/moonc-worker), on the command line.
//
// usage: node moonbit.js moonc-worker.js PROGRAM.mbt TARGET OUT FUNCTION…
// How:   The package is a script for a worker, which hands its compiler to whoever sends it messages. Here the last
//        statement, which does that, keeps the compiler instead. TARGET is wasm-gc or js; the FUNCTIONs are exported.
"use strict";
const fs = require("fs");
const vm = require("vm");

const [worker, program, target, out, ...exported] = process.argv.slice(2);
const script = fs.readFileSync(worker, "utf8");
const kept = script.replace(/[$\w]+\(([$\w]+)\);\s*(\/\*[^]*?\*\/\s*)?$/, "globalThis.compiler=$1;");
Object.assign(globalThis, { require, self: globalThis });
vm.runInThisContext(kept);
if (!globalThis.compiler)
    throw new Error("the package no longer ends as it did");

const place = { pkg: "test/main", pkgSources: ["test/main:test:/"], target, noOpt: false };
const built = compiler.buildPackage({ ...place, mbtFiles: [["main.mbt", fs.readFileSync(program, "utf8")]], miFiles: [],
    indirectImportMiFiles: [], stdMiFiles: [], isMain: false, errorFormat: "human", enableValueTracing: false });
if (!built.core)
    throw new Error(built.diagnostics.join(""));
const linked = compiler.linkCore({ ...place, coreFiles: [built.core], main: place.pkg, exportedFunctions: exported,
    outputFormat: "wasm", testMode: false, debug: false, sourceMap: false, sources: {}, stopOnMain: false });
fs.writeFileSync(out, linked.result);
