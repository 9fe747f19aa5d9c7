# SPDX-License-Identifier: Apache-2.0
"""differential_format.py — what all parts of the generator share: numbers as a module has them, types, accesses, labels.
"""
I32, I64, F32, F64, V128 = 0x7F, 0x7E, 0x7D, 0x7C, 0x7B
TYPES = (I32, I64, F32, F64)
COST_MAX = 100000 # instructions that a call may run, as estimated
LOADS = {I32: (0x28, 0x2C, 0x2D, 0x2E, 0x2F), I64: (0x29, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35), F32: (0x2A,),
         F64: (0x2B,)}
STORES = {I32: (0x36, 0x3A, 0x3B), I64: (0x37, 0x3C, 0x3D, 0x3E), F32: (0x38,), F64: (0x39,)}
EQ = {F32: 0x5B, F64: 0x61}


def leb(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def sleb(value):
    out = bytearray()
    while True:
        byte = value & 0x7F
        value >>= 7
        if value == 0 and not byte & 0x40 or value == -1 and byte & 0x40:
            out.append(byte)
            return bytes(out)
        out.append(byte | 0x80)


def vec(items):
    return leb(len(items)) + b"".join(items)


def vec_name(name):
    return leb(len(name)) + name


def section(number, content):
    return bytes([number]) + leb(len(content)) + content


class Label:
    """A block that is open. `brings` is what a branch to it carries."""

    def __init__(self, height, results, brings, cost):
        self.height, self.results, self.brings, self.cost = height, results, brings, cost
