# SPDX-License-Identifier: Apache-2.0
"""modules.py: small WebAssembly modules, put together byte by byte for the browser tests."""
import random

MAGIC = b"\0asm\1\0\0\0"


def leb(number):
    out = b""
    while True:
        byte, number = number & 0x7f, number >> 7
        out += bytes([byte | (0x80 if number else 0)])
        if not number:
            return out


def text(string):
    data = string.encode()
    return leb(len(data)) + data


def section(kind, data):
    return bytes([kind]) + leb(len(data)) + data


def padding(size, seed=1):
    """A custom section of about `size` bytes that compress to half of them, as code roughly does."""
    return section(0, text("padding") + bytes(random.Random(seed).choices(range(16), k=size)))


def module(answer=42, imports=(), pad=0, traps=False, seed=1):
    """A module that exports answer() → i32, the number (0 to 63). imports: functions without parameters, as
    (module, name). traps: it has a start function that traps. pad: so many bytes more, after the code."""
    functions = 2 if traps else 1
    data = MAGIC + section(1, leb(2) + b"\x60\0\1\x7f" + b"\x60\0\0")
    if imports:
        data += section(2, leb(len(imports)) + b"".join(text(a) + text(b) + b"\0\1" for a, b in imports))
    data += section(3, leb(functions) + b"\0\1"[:functions])
    data += section(7, leb(1) + text("answer") + b"\0" + leb(len(imports)))
    if traps:
        data += section(8, leb(len(imports) + 1))
    bodies = [b"\0\x41" + bytes([answer]) + b"\x0b", b"\0\0\x0b"]
    data += section(10, leb(functions) + b"".join(leb(len(body)) + body for body in bodies[:functions]))
    return data + (padding(pad, seed) if pad else b"")


def hot_module(seed, functions=2000):
    """A module of a size for which Chromium keeps compiled code (128 KiB and more), that exports spin(times): a loop
    which calls some of its functions. seed: 0 to 63, for another module (a process has one compiled form of each)."""
    index = functions
    work = b"\0\x20\0" + (b"\x41" + bytes([seed]) + b"\x6c\x41\x03\x73") * 12 + b"\x0b"
    calls = b"".join(b"\x20\1\x10" + leb(number) + b"\x21\1" for number in range(64))
    spin = (b"\1\1\x7f" + b"\3\x40" + calls + b"\x20\0\x41\x40\x6a\x22\0\x41\0\x4a\x0d\0\x0b" + b"\x20\1\x0b")
    bodies = [work] * functions + [spin]
    return (MAGIC + section(1, leb(1) + b"\x60\1\x7f\1\x7f") + section(3, leb(functions + 1) + b"\0" * (functions + 1))
            + section(7, leb(1) + text("spin") + b"\0" + leb(index))
            + section(10, leb(functions + 1) + b"".join(leb(len(body)) + body for body in bodies)))
