// SPDX-License-Identifier: Apache-2.0
//
// differential_run.js — replays the transcripts of differential_run.c in the engine of node.
//
// usage: node differential_run.js FILE.wasm…
// How:   For each FILE.wasm the calls in FILE.wasm.ours are made again, and FILE.wasm.theirs is written in the same
//        form: word for word the same where both engines agree. Where the other transcript ends early, this one does.
"use strict";
const fs = require("fs");

const view = new DataView(new ArrayBuffer(8));

function bitsOf(type, value) {
    switch (type) {
    case "i32": return (value >>> 0).toString(16);
    case "i64": return BigInt.asUintN(64, value).toString(16);
    case "f32":
        view.setFloat32(0, value);
        return Number.isNaN(value) ? "nan" : view.getUint32(0).toString(16);
    case "f64":
        view.setFloat64(0, value);
        return Number.isNaN(value) ? "nan" : view.getBigUint64(0).toString(16);
    default: return value === null ? "null" : "set";
    }
}

function valueOf(text) {
    const [type, bits] = text.split(":");
    switch (type) {
    case "i32": return parseInt(bits, 16) | 0;
    case "i64": return BigInt.asIntN(64, BigInt("0x" + bits));
    case "f32":
        view.setUint32(0, parseInt(bits, 16));
        return view.getFloat32(0);
    case "f64":
        view.setBigUint64(0, BigInt("0x" + bits));
        return view.getFloat64(0);
    default: return null;
    }
}

// V8 does not say which trap it was but in words; those of one line are one kind for the comparison.
const TRAPS = [
    [/unreachable/, "UNREACHABLE"],
    [/(divide|remainder) by zero/, "DIVIDE_BY_ZERO"],
    [/divide result unrepresentable/, "INTEGER_OVERFLOW"],
    [/float unrepresentable/, "INVALID_CONVERSION"],
    [/memory access out of bounds|data segment/, "OOB_MEMORY"],
    [/null function|signature mismatch|table index is out of bounds/, "INDIRECT"],
    [/table access out of bounds|table index|element segment/, "OOB_TABLE"],
    [/call stack/, "STACK"],
];

function trapOf(error) {
    for (const [words, kind] of TRAPS)
        if (words.test(error.message))
            return " trap " + kind;
    return " unknown " + error.message;
}

function nameOf(hex) {
    return hex === "-" ? "" : Buffer.from(hex, "hex").toString("utf8");
}

function hash(bytes) {
    let h = 0x811C9DC5;
    for (let i = 0; i < bytes.length; i++)
        h = Math.imul(h ^ bytes[i], 0x01000193);
    return (h >>> 0).toString(16);
}

function replay(path) {
    const lines = [];
    const log = (type) => (value) => lines.push(`log ${type}:${bitsOf(type, value)}`);
    const imports = {"fuzzing-support": {"log-i32": log("i32"), "log-i64": log("i64"), "log-f32": log("f32"),
                                         "log-f64": log("f64")}};
    let exported = {};
    const refill = () => exported.hangLimitInitializer && exported.hangLimitInitializer();

    for (const line of fs.readFileSync(path + ".ours", "utf8").split("\n")) {
        const words = line.split(" ");
        switch (words[0]) {
        case "instantiate":
            lines.push(line);
            try {
                const module = new WebAssembly.Module(fs.readFileSync(path));
                exported = new WebAssembly.Instance(module, imports).exports;
                lines.push("=");
            } catch (error) {
                lines.push("=" + trapOf(error));
            }
            break;
        case "call": {
            const arrow = words.indexOf("->");
            const types = words.slice(arrow + 1);
            refill();
            lines.push(line);
            try {
                let values = exported[nameOf(words[1])](...words.slice(2, arrow).map(valueOf));
                if (types.length < 2)
                    values = types.length === 0 ? [] : [values];
                lines.push("=" + types.map((type, i) => ` ${type}:${bitsOf(type, values[i])}`).join(""));
            } catch (error) {
                lines.push("=" + trapOf(error));
            }
            break;
        }
        case "global": {
            const type = words[2].split(":")[0];
            lines.push(`global ${words[1]} ${type}:${bitsOf(type, exported[nameOf(words[1])].value)}`);
            break;
        }
        case "memory": {
            const bytes = new Uint8Array(exported[nameOf(words[1])].buffer);
            lines.push(`memory ${words[1]} ${bytes.length} ${hash(bytes)}`);
            break;
        }
        case "refused":
            lines.push(WebAssembly.validate(fs.readFileSync(path)) ? "accepted" : line);
            break;
        }
    }
    fs.writeFileSync(path + ".theirs", lines.join("\n") + "\n");
}

process.argv.slice(2).forEach(replay);
