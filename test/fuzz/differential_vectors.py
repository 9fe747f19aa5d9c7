# SPDX-License-Identifier: Apache-2.0
"""differential_vectors.py — the vector instructions, as differential_module.py wants them.

How:     OPERATIONS maps what an instruction is written as, its prefix included, to its operands and its result; those
         in MAKES_NAN may have a NaN in a lane whose bits the specification leaves open. They are expanded from names
         of the shape of the specification's own, in the order of the codes.
         Relaxed instructions are in RELAXED, of the same shape: engines may differ, our tiers may not.
"""
from differential_format import F32, F64, I32, I64, V128, leb


def code(number):
    return b"\xfd" + leb(number)


ONE, TWO, SHIFT, TEST = ((V128,), V128), ((V128, V128), V128), ((V128, I32), V128), ((V128,), I32)
THREE = ((V128, V128, V128), V128)
OPERATIONS = {}
for first, last, types in (
        (0x23, 0x4C, TWO), (0x4D, 0x4D, ONE), (0x4E, 0x51, TWO), (0x53, 0x53, TEST), (0x5E, 0x62, ONE),
        (0x63, 0x64, TEST), (0x65, 0x66, TWO), (0x67, 0x6A, ONE), (0x6B, 0x6D, SHIFT), (0x6E, 0x73, TWO),
        (0x74, 0x75, ONE), (0x76, 0x79, TWO), (0x7A, 0x7A, ONE), (0x7B, 0x7B, TWO), (0x7C, 0x81, ONE),
        (0x82, 0x82, TWO), (0x83, 0x84, TEST), (0x85, 0x86, TWO), (0x87, 0x8A, ONE), (0x8B, 0x8D, SHIFT),
        (0x8E, 0x93, TWO), (0x94, 0x94, ONE), (0x95, 0x99, TWO), (0x9B, 0x9F, TWO), (0xA0, 0xA1, ONE),
        (0xA3, 0xA4, TEST), (0xA7, 0xAA, ONE), (0xAB, 0xAD, SHIFT), (0xAE, 0xAE, TWO), (0xB1, 0xB1, TWO),
        (0xB5, 0xBA, TWO), (0xBC, 0xBF, TWO), (0xC0, 0xC1, ONE), (0xC3, 0xC4, TEST), (0xC7, 0xCA, ONE),
        (0xCB, 0xCD, SHIFT), (0xCE, 0xCE, TWO), (0xD1, 0xD1, TWO), (0xD5, 0xDF, TWO), (0xE0, 0xE1, ONE),
        (0xE3, 0xE3, ONE), (0xE4, 0xEB, TWO), (0xEC, 0xED, ONE), (0xEF, 0xEF, ONE), (0xF0, 0xF7, TWO),
        (0xF8, 0xFF, ONE)):
    OPERATIONS.update({code(number): types for number in range(first, last + 1)})
OPERATIONS[code(0x52)] = THREE
# Splats of integers; those of floats and what takes lanes out have steps of their own.
OPERATIONS.update({code(0x0F): ((I32,), V128), code(0x10): ((I32,), V128), code(0x11): ((I32,), V128),
                   code(0x12): ((I64,), V128)})
# Which floats the lanes of a result are, of results that may have a NaN; and what says that a lane is none.
FLOAT_LANES = {F32: [0x5E, 0x67, 0x68, 0x69, 0x6A, 0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9],
               F64: [0x5F, 0x74, 0x75, 0x7A, 0x94, 0xEF, 0xF0, 0xF1, 0xF2, 0xF3, 0xF4, 0xF5]}
MAKES_NAN = {code(number): kind for kind, numbers in FLOAT_LANES.items() for number in numbers}
RELAXED = {code(number): types for first, last, types in (
    (0x100, 0x100, TWO), (0x101, 0x104, ONE), (0x105, 0x10C, THREE), (0x10D, 0x112, TWO), (0x113, 0x113, THREE))
    for number in range(first, last + 1)}
MAKES_NAN.update({code(number): F32 for number in (0x105, 0x106, 0x10D, 0x10E)})
MAKES_NAN.update({code(number): F64 for number in (0x107, 0x108, 0x10F, 0x110)})
EQUAL = {F32: code(0x41), F64: code(0x47)}
SPLATS = {F32: code(0x13), F64: code(0x14)}
# Lanes: what takes one out, what puts one in, how many there are.
EXTRACTS = ((code(0x15), I32, 16), (code(0x16), I32, 16), (code(0x18), I32, 8), (code(0x19), I32, 8),
            (code(0x1B), I32, 4), (code(0x1D), I64, 2), (code(0x1F), F32, 4), (code(0x21), F64, 2))
REPLACES = ((code(0x17), I32, 16), (code(0x1A), I32, 8), (code(0x1C), I32, 4), (code(0x1E), I64, 2),
            (code(0x20), F32, 4), (code(0x22), F64, 2))
SHUFFLE, CONSTANT = code(0x0D), code(0x0C)
LOADS = tuple(code(number) for number in (0x00, 0x00, 0x00, *range(0x01, 0x0B), 0x5C, 0x5D))
STORE = code(0x0B)
LOAD_LANES = tuple((code(0x54 + i), 16 >> i) for i in range(4))
STORE_LANES = tuple((code(0x58 + i), 16 >> i) for i in range(4))
