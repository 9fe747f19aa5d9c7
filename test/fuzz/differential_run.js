// SPDX-License-Identifier: Apache-2.0
//
// differential_run.js — differential_run.c in the engine of node: the same requests, the same calls, the same answers.
//
// usage: node --experimental-wasm-type-reflection differential_run.js
// How:   What happens here must be word for word what happens there; the comment there tells it. The flag makes the
//        engine say what types an export has.
"use strict";
const fs = require("fs");

// One value, seen as its bits and as a number of each type.
const buffer = new ArrayBuffer(8);
const word = new Uint32Array(buffer), big = new BigInt64Array(buffer);
const single = new Float32Array(buffer), twice = new Float64Array(buffer);

let showing, digest, calls, traps, limit, lines;

function mixed(sum, value) {
    sum ^= value;
    return Math.imul(sum << 13 | sum >>> 19, 5) + 0xE6546B64 | 0;
}

function noteText(text) {
    for (let i = 0; i < text.length; i++)
        digest = mixed(digest, text.charCodeAt(i));
}

// ---- values

// Notes a value, and returns how it is written where that is wanted.
function putValue(type, value) {
    let text = "";
    switch (type) {
    case "i32":
        word[0] = value;
        break;
    case "i64":
        big[0] = value;
        break;
    case "f32":
        if (value === value) {
            single[0] = value;
        } else {
            word[0] = 0x7FC00000;
            text = "nan";
        }
        break;
    case "f64":
        if (value === value) {
            twice[0] = value;
        } else {
            word[0] = 0;
            word[1] = 0x7FF80000;
            text = "nan";
        }
        break;
    default:
        word[0] = value === null ? 0 : 1;
        word[1] = 0;
        text = value === null ? "null" : "set";
    }
    const narrow = type === "i32" || type === "f32";
    digest = mixed(digest, word[0]);
    if (!narrow)
        digest = mixed(digest, word[1]);
    if (!showing)
        return "";
    const bits = narrow ? word[0].toString(16) : BigInt.asUintN(64, big[0]).toString(16);
    return ` ${type}:${text || bits}`;
}

let randomState;

function draw() {
    randomState = randomState + 0x9E3779B9 | 0;
    let z = randomState;
    z = Math.imul(z ^ z >>> 16, 0x21F0AAAD);
    z = Math.imul(z ^ z >>> 15, 0x735A2D97);
    return (z ^ z >>> 15) >>> 0;
}

const INTS = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF,
              0xFFFFFFFFFFFFFFFFn, 0x7FFFFFFFFFFFFFFFn, 0x8000000000000000n, 0x100000000, 131068, 131071, 131072,
              0xFFFFFFFE].map(BigInt);
const FLOATS = [0, -0, 0.5, -0.5, 1, -1, 1.5, -2.5, 2e9, -3e9, 5e9, 9.3e18, 1e9, -9.3e18, 1e-46, 1.9e19, 1e-310, 1e300,
                1e38, 1e-40, 1e10, 2 ** 31, 2 ** 32, 2 ** 63, 7, 2 ** 64, 255, -(2 ** 31), 3e38, -(2 ** 63)];

function drawValue(type) {
    const how = draw() % 8, low = draw(), high = draw();
    switch (type) {
    case "f32":
    case "f64": {
        if (how === 3 && high % 4 === 0)
            return NaN;
        const number = how < 4 ? FLOATS[low % FLOATS.length] : how < 6 ? low % 2048 - 1024 : (low | 0) / 65536;
        return type === "f64" ? number : Math.fround(number > 3e38 ? 3e38 : number);
    }
    case "i32":
        return how < 4 ? Number(BigInt.asIntN(32, INTS[low % INTS.length])) : how < 6 ? low % 64 : low | 0;
    case "i64":
        if (how < 4)
            return BigInt.asIntN(64, INTS[low % INTS.length]);
        word[0] = how < 6 ? low % 64 : low;
        word[1] = how < 6 ? 0 : high;
        return big[0];
    default:
        return null;
    }
}

// V8 does not say which trap it was but in words; those of one line are one kind for the comparison.
const TRAPS = [
    [/unreachable/, "UNREACHABLE"],
    [/(divide|remainder) by zero/, "DIVIDE_BY_ZERO"],
    [/unrepresentable/, "CONVERSION_OR_OVERFLOW"],
    [/memory access out of bounds|data segment/, "OOB_MEMORY"],
    [/null function|signature mismatch|table index|table access out of bounds|element segment/, "TABLE_OR_INDIRECT"],
];

function failure(error) {
    traps++;
    for (const [words, kind] of TRAPS) {
        if (error instanceof WebAssembly.RuntimeError && words.test(error.message)) {
            noteText(kind);
            return "= trap " + kind;
        }
    }
    noteText("limit");
    limit = error.message.replace(/\s+/g, "_");
    return "= limit " + limit;
}

// ---- running

function log(type) {
    return (value) => {
        const text = putValue(type, value);
        if (showing)
            lines.push("log" + text);
    };
}
const IMPORTS = {"fuzzing-support": {"log-i32": log("i32"), "log-i64": log("i64"), "log-f32": log("f32"),
                                     "log-f64": log("f64")}};

const callable = (type) => !type.parameters.includes("v128") && !type.results.includes("v128") &&
    type.parameters.length <= 64 && type.results.length <= 64;

function call(exported, row) {
    const {parameters, results} = row.type;
    if (exported.hangLimitInitializer)
        exported.hangLimitInitializer();
    const args = [];
    let text = "";
    for (const type of parameters) {
        const value = drawValue(type);
        args.push(value);
        text += putValue(type, value);
    }
    if (showing)
        lines.push(`call ${row.name}${text}`);
    calls++;
    text = "=";
    try {
        let values = exported[row.name](...args);
        if (results.length === 1)
            text += putValue(results[0], values);
        for (let i = 0; i < results.length && results.length > 1; i++)
            text += putValue(results[i], values[i]);
    } catch (error) {
        text = failure(error);
    }
    if (showing)
        lines.push(text);
}

function putMemory(exported, row) {
    const bytes = exported[row.name].buffer;
    const words = new Int32Array(bytes);
    let hash = 0;
    for (let i = 0; i < words.length; i++)
        hash = mixed(hash, words[i]);
    digest = mixed(digest, hash);
    if (showing)
        lines.push(`memory ${row.name} ${bytes.byteLength} ${(hash >>> 0).toString(16)}`);
}

function live(module, rows, seed, life, rounds) {
    let exported;
    if (showing)
        lines.push("life " + life);
    try {
        exported = new WebAssembly.Instance(module, IMPORTS).exports;
        if (showing)
            lines.push("=");
    } catch (error) {
        const text = failure(error);
        if (showing)
            lines.push(text);
        return;
    }
    for (let round = 0; round < rounds && !limit; round++) {
        for (let i = 0; i < rows.length && !limit; i++) {
            if (rows[i].kind !== "function" || !callable(rows[i].type))
                continue;
            randomState = mixed(mixed(seed, life), round);
            for (let at = 0; at < rows[i].bytes.length; at++)
                randomState = mixed(randomState, rows[i].bytes[at]);
            call(exported, rows[i]);
        }
        for (const row of rows) {
            if (row.kind === "global" && row.type.value !== "v128" && !limit) {
                const text = putValue(row.type.value, exported[row.name].value);
                if (showing)
                    lines.push(`global ${row.name}${text}`);
            }
        }
    }
    for (const row of rows)
        if (row.kind === "memory" && !limit)
            putMemory(exported, row);
}

function validity(bytes) {
    if (WebAssembly.validate(bytes))
        return "valid";
    try {
        new WebAssembly.Module(bytes);
        return "refused inconsistently";
    } catch (error) {
        return "refused " + error.message.replace(/\s+/g, " ");
    }
}

function answer(command, [seed, lives, rounds], bytes) {
    if (command === "valid")
        return validity(bytes);
    showing = command === "show";
    digest = calls = traps = 0;
    limit = "";
    lines = [];
    try {
        const module = new WebAssembly.Module(bytes);
        const rows = WebAssembly.Module.exports(module);
        for (const row of rows)
            row.bytes = Buffer.from(row.name);
        for (let life = 0; life < lives && !limit; life++)
            live(module, rows, seed, life, rounds);
    } catch (error) {
        if (!(error instanceof WebAssembly.CompileError))
            throw error;
        lines.push("refused " + error.message.replace(/\s+/g, " "));
        if (!showing)
            return lines[0];
    }
    if (showing)
        return lines.concat(".").join("\n");
    return `ran ${(digest >>> 0).toString(16).padStart(8, "0")} - ${calls} ${traps} ${limit || "-"}`;
}

// ---- requests

let waiting = Buffer.alloc(0);

// So many bytes, or, of a negative count, those up to a line's end; null at the end of all.
function read(count) {
    const chunk = Buffer.alloc(1 << 16);
    for (;;) {
        const length = count < 0 ? waiting.indexOf(10) + 1 : count;
        if ((count >= 0 || length > 0) && waiting.length >= length) {
            const bytes = waiting.subarray(0, length);
            waiting = waiting.subarray(length);
            return bytes;
        }
        const got = fs.readSync(0, chunk);
        if (got === 0)
            return null;
        waiting = Buffer.concat([waiting, chunk.subarray(0, got)]);
    }
}

function write(text) {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length;)
        at += fs.writeSync(1, bytes, at);
}

write("ready\n");
for (let line = read(-1); line; line = read(-1)) {
    const [command, ...numbers] = line.toString().trim().split(" ");
    const bytes = read(Number(numbers.pop()));
    write(answer(command, numbers.map(Number), bytes) + "\n");
}
