# SPDX-License-Identifier: Apache-2.0
"""differential_module.py — random valid modules, written instruction by instruction as for a stack machine.

How:     make(seed) is a module of some functions. A body is made by choosing, again and again, an instruction whose
         operands are on the operand stack (or that needs none): so values stay there across blocks, branches, calls
         and changes of the locals they were read from, which generators of expression trees never do.
         Everything ends: functions call only those before them, and themselves in place of a return a few times; loops
         count down, and the estimated number of instructions that a function runs is kept below COST_MAX. Most
         addresses and divisors are bent to what does not trap. NaNs whose bits the specification leaves open are made 0
         before their bits can be seen, those in vectors (differential_vectors.py) as soon as they can come to be.
         What node's engine may not have, and the compiler leaves to the interpreter in part, is in modules for our tiers
         alone, `beyond`: several memories, one of them with 64-bit addresses, wide arithmetic, exceptions, references
         to functions that are called, relaxed vector instructions.
         Functions with vectors in their type are not exported: JavaScript cannot call them.
         Each step draws from a source of its own, that its place gives: (function, step, step within its block, …).
         So a module can be made again of some of its steps, `kept`, and they stay what they are as far
         as their operands allow, which is how a failure is made small (differential_shrink.py).
Inputs:  a seed; the same module for the same seed.
"""
import random
import struct

import differential_vectors as vectors
from differential_beyond import Beyond
from differential_format import (COST_MAX, EQ, F32, F64, I32, I64, LOADS, STORES, TYPES, V128, Label, leb, section, sleb,
                                 vec, vec_name)

FUNCREF = 0x70
PAGES = 2
GLOBALS = 8
TABLE = 16


# code → (operands, result), of what neither traps nor shows the bits of a float.
PLAIN = {0x45: ((I32,), I32), 0x50: ((I64,), I32)}
for first, last, types in ((0x46, 0x4F, (I32, I32)), (0x51, 0x5A, (I64, I64)), (0x5B, 0x60, (F32, F32)),
                           (0x61, 0x66, (F64, F64))):
    PLAIN.update({code: (types, I32) for code in range(first, last + 1)})
for first, last, types, result in (
        (0x67, 0x69, (I32,), I32), (0x6A, 0x6C, (I32, I32), I32), (0x71, 0x78, (I32, I32), I32),
        (0x79, 0x7B, (I64,), I64), (0x7C, 0x7E, (I64, I64), I64), (0x83, 0x8A, (I64, I64), I64),
        (0x8B, 0x91, (F32,), F32), (0x92, 0x97, (F32, F32), F32), (0x99, 0x9F, (F64,), F64),
        (0xA0, 0xA5, (F64, F64), F64), (0xA7, 0xA7, (I64,), I32), (0xAC, 0xAD, (I32,), I64),
        (0xB2, 0xB3, (I32,), F32), (0xB4, 0xB5, (I64,), F32), (0xB6, 0xB6, (F64,), F32), (0xB7, 0xB8, (I32,), F64),
        (0xB9, 0xBA, (I64,), F64), (0xBB, 0xBB, (F32,), F64), (0xBE, 0xBE, (I32,), F32), (0xBF, 0xBF, (I64,), F64),
        (0xC0, 0xC1, (I32,), I32), (0xC2, 0xC4, (I64,), I64)):
    PLAIN.update({code: (types, result) for code in range(first, last + 1)})
# Conversions between slots and accumulators, of which there cannot be too many.
OFTEN = [0xA7, 0xAC, 0xAD, 0x45, 0x50, 0x6A, 0x46, 0x48, 0x7C]
# What makes a value of a type, conversions as often as all else.
MAKERS = {kind: [code for code, (operands, result) in PLAIN.items() if result == kind] for kind in TYPES}
for kind, codes in MAKERS.items():
    convert = [code for code in codes if PLAIN[code][0] != (kind,) * len(PLAIN[code][0]) and not 0x45 <= code <= 0x66]
    codes += convert * (len(codes) // len(convert))
DIVIDE = {I32: (0x6D, 0x6E, 0x6F, 0x70), I64: (0x7F, 0x80, 0x81, 0x82)}
TRUNCATE = {F32: ((0xA8, I32), (0xA9, I32), (0xAE, I64), (0xAF, I64)),
            F64: ((0xAA, I32), (0xAB, I32), (0xB0, I64), (0xB1, I64))}
SATURATE = {F32: ((0, I32), (1, I32), (4, I64), (5, I64)), F64: ((2, I32), (3, I32), (6, I64), (7, I64))}
# Atomic accesses: (code behind 0xFE, type, bytes, how many values it takes): notify, loads, stores, then the families
# of read-modify-write, of which the last takes two.
WIDTHS = ((I32, 4), (I64, 8), (I32, 1), (I32, 2), (I64, 1), (I64, 2), (I64, 4))
ATOMICS = [(0x00, I32, 4, 1)] + [
    (first + i, kind, width, values)
    for first, values in [(0x10, 0), (0x17, 1)] + [(code, 1) for code in range(0x1E, 0x48, 7)] + [(0x48, 2)]
    for i, (kind, width) in enumerate(WIDTHS)]
INTS = (0, 1, 2, 7, 8, 31, 32, 63, 64, 127, 128, 255, 256, 32767, 65535, 65536, 2147483647, 2147483648, 4294967295,
        4294967296, 1 << 62, (1 << 63) - 1)
FLOATS = (0.0, -0.0, 0.5, 1.0, -1.0, 1.5, -2.5, 1e10, -1e10, 2147483648.0, 4294967296.0, 9.3e18, 1e-40, 3e38,
          float("inf"), float("-inf"))


class Body(Beyond):
    def __init__(self, module, place, params, results):
        self.module, self.random, self.place = module, module.random, place
        self.params, self.results = params, results
        many = self.random.random()
        self.locals = list(params) + [self.random.choice(module.kinds) for _ in range(
            self.random.randrange(2, 12) if many < 0.9 else self.random.randrange(200, 400))]
        self.hash = self.spare(I64)
        module.counters = {self.hash}
        self.rounds = None # the parameter that says how often the function may yet begin anew (step_again)
        if module.tail and I32 in params and self.random.random() < 0.6:
            self.rounds = list(params).index(I32)
            module.counters.add(self.rounds)
        self.code = bytearray()
        self.stack = []
        self.labels = [Label(0, results, results, 1)]
        self.cost = self.tries = 0
        self.dead = False

    # ---- small pieces

    def emit(self, *parts):
        for part in parts:
            self.code += part if isinstance(part, bytes) else bytes([part])
        self.cost += self.labels[-1].cost

    def top(self, types):
        """Whether the operands of an instruction are there, within the innermost block."""
        count = len(types)
        return len(self.stack) - self.labels[-1].height >= count and (
            count == 0 or tuple(self.stack[-count:]) == tuple(types))

    def take(self, count):
        taken = self.stack[len(self.stack) - count:]
        del self.stack[len(self.stack) - count:]
        return taken

    def spare(self, kind):
        """A new local."""
        self.locals.append(kind)
        return len(self.locals) - 1

    def local_of(self, kind):
        found = [i for i, have in enumerate(self.locals) if have == kind and i not in self.module.counters]
        return self.random.choice(found) if found else self.spare(kind)

    def constant(self, kind):
        if kind in (I32, I64):
            bits = 32 if kind == I32 else 64
            value = self.random.getrandbits(bits)
            if self.random.random() < 0.6:
                value = self.random.choice(INTS) * self.random.choice((1, 1, 1, -1)) & (1 << bits) - 1
            value -= (1 << bits) if value >> (bits - 1) else 0
            self.emit(0x41 if kind == I32 else 0x42, sleb(value))
        elif kind == V128:
            self.emit(vectors.CONSTANT, self.lanes())
        else:
            self.emit(0x43 if kind == F32 else 0x44,
                      struct.pack("<f" if kind == F32 else "<d", self.random.choice(FLOATS)))
        self.stack.append(kind)

    def lanes(self):
        """Sixteen bytes: lanes of one width, most of them special."""
        kind = self.random.choice("bhiqfd")
        out = b""
        while len(out) < 16:
            if kind in "fd":
                out += struct.pack("<" + kind, self.random.choice(FLOATS))
                continue
            size = struct.calcsize(kind)
            value = self.random.choice(INTS) * self.random.choice((1, -1)) if self.random.random() < 0.6 else \
                self.random.getrandbits(64)
            out += (value & (1 << 8 * size) - 1).to_bytes(size, "little")
        return out

    def global_of(self, kind, first=0):
        """A global that may be written, from `first` on."""
        return self.random.choice([i for i, have in enumerate(self.module.globals) if have == kind and i >= first])

    def source(self, kind, depth=0):
        """A value of a type from nothing: read, constant, or computed from such."""
        how = self.random.random()
        if kind == V128 and how < 0.3:
            self.source_vector(depth)
            return
        if how < 0.3 and depth < 3:
            code = self.random.choice(MAKERS[kind])
            for operand in PLAIN[code][0]:
                self.source(operand, depth + 1)
            self.emit(code)
            self.take(len(PLAIN[code][0]))
        elif how < 0.65:
            self.emit(0x20, leb(self.local_of(kind)))
        elif how < 0.75:
            self.emit(0x23, leb(self.global_of(kind)))
        elif how < 0.85:
            loads = vectors.LOADS if kind == V128 else LOADS[kind]
            self.emit(0x41, sleb(self.random.randrange(0, 4096)), self.random.choice(loads), 0,
                      leb(self.random.choice((0, 1, 8, 1000, 65535, 70000))))
        else:
            self.constant(kind)
            return
        self.stack.append(kind)

    def source_vector(self, depth):
        """A vector computed from values from nothing."""
        if depth >= 3 or self.random.random() < 0.3:
            kind = self.random.choice((F32, F64))
            self.source(kind, depth + 1)
            self.settle_nan()
            self.emit(vectors.SPLATS[kind])
            self.stack[-1] = V128
            return
        operation = self.random.choice([code for code, types in vectors.OPERATIONS.items() if types[1] == V128])
        for operand in vectors.OPERATIONS[operation][0]:
            self.source(operand, depth + 1)
        self.compute(operation)

    def compute(self, operation):
        """A vector operation, whose operands are there."""
        operands, result = vectors.OPERATIONS.get(operation) or vectors.RELAXED[operation]
        self.emit(operation)
        self.take(len(operands))
        self.stack.append(result)
        if operation in vectors.MAKES_NAN:
            self.settle_lanes(vectors.MAKES_NAN[operation])

    def settle_lanes(self, kind):
        """Makes lanes of the vector on top that are NaN 0."""
        local = self.spare(V128)
        self.module.counters.add(local) # where they are still
        self.emit(0x22, leb(local), 0x20, leb(local), 0x20, leb(local), vectors.EQUAL[kind], b"\xfd\x4e")

    def bring(self, types):
        """Puts values of these types on top, the ones that are there if they fit."""
        if not self.top(types):
            for kind in types:
                self.source(kind)

    def observe(self):
        """Takes the top value off the stack and into what the function leaves in a global. An i32 goes as all the
        bits of its extension, a float as its bits."""
        kind = self.stack[-1]
        if kind == V128:
            local = self.spare(V128)
            self.emit(0x22, leb(local), vectors.EXTRACTS[5][0], 1)
            self.stack[-1] = I64
            self.observe()
            self.emit(0x20, leb(local), vectors.EXTRACTS[5][0], 0)
            self.stack.append(I64)
            kind = I64
        if kind in EQ:
            self.settle_nan()
            self.emit(0xBC if kind == F32 else 0xBD)
        if kind in (I32, F32):
            self.emit(0xAD)
        self.emit(0x20, leb(self.hash), 0x85, 0x42, sleb(7), 0x89, 0x21, leb(self.hash))
        self.stack.pop()

    def leave_hash(self):
        self.emit(0x23, leb(1), 0x20, leb(self.hash), 0x85, 0x42, sleb(5), 0x89, 0x24, leb(1))

    def discard(self):
        if self.random.random() < 0.8:
            self.observe()
        else:
            self.emit(0x1A)
            self.stack.pop()

    def only(self, types):
        """Makes the block's part of the stack exactly this."""
        height = self.labels[-1].height
        fits = 0
        while fits < len(types) and height + fits < len(self.stack) and self.stack[height + fits] == types[fits]:
            fits += 1
        while len(self.stack) > height + fits:
            self.discard()
        for kind in types[fits:]:
            self.source(kind)

    def settle_nan(self):
        """Makes a NaN on top 0: its bits are about to be seen."""
        kind = self.stack[-1]
        local = self.spare(kind)
        zero = struct.pack("<f" if kind == F32 else "<d", 0.0)
        self.emit(0x22, leb(local), 0x43 if kind == F32 else 0x44, zero, 0x20, leb(local), 0x20, leb(local),
                  EQ[kind], 0x1B)

    def bend_address(self):
        if self.random.random() < 0.97:
            self.emit(0x41, sleb(self.random.choice((0xFF, 0xFFF, 0xFFFF))), 0x71)

    def memarg(self):
        return leb(0) + leb(self.random.choice((0, 0, 0, 1, 4, 100, 65528, 65535, 65536)))

    # ---- instructions

    def step_plain(self):
        for _ in range(8):
            code = self.random.choice(OFTEN) if self.random.random() < 0.4 else self.random.choice(tuple(PLAIN))
            operands, result = PLAIN[code]
            if self.top(operands):
                self.emit(code)
                self.take(len(operands))
                self.stack.append(result)
                return

    def step_source(self):
        self.source(self.random.choice(self.module.kinds))

    def step_pass(self):
        """A value on its way through what only passes it on."""
        kind = self.random.choice((I32, I32, I64, F32, F64) + self.module.kinds[4:])
        block = bytes([0x02, kind])
        how = self.random.randrange(6)
        self.emit(block if how >= 3 else b"")
        self.source(kind)
        if how == 0:
            place = self.global_of(kind, 2)
            self.emit(0x24, leb(place), 0x23, leb(place))
        elif how == 1:
            local = self.local_of(kind)
            self.emit(0x21, leb(local), 0x20, leb(local))
        elif how == 2:
            self.source(kind)
            self.source(I32)
            self.emit(0x1B)
            self.take(2)
        elif how == 3:
            self.emit(0x0C, 0, 0x0B)
        else:
            self.source(I32)
            if how == 4:
                self.emit(0x0D, 0, 0x1A)
                self.take(2)
                self.source(kind)
            else:
                self.emit(0x0E, leb(1), 0, 0)
                self.stack.pop()
            self.emit(0x0B)
        if self.random.random() < 0.5:
            self.observe()

    def step_local(self):
        """Sets or tees a local, preferably one that was just read."""
        if len(self.stack) <= self.labels[-1].height:
            return
        kind = self.stack[-1]
        tee = self.random.random() < 0.4
        self.emit(0x22 if tee else 0x21, leb(self.local_of(kind)))
        if not tee:
            self.stack.pop()

    def step_global(self):
        if len(self.stack) > self.labels[-1].height:
            kind = self.stack[-1]
            self.emit(0x24, leb(self.global_of(kind)))
            self.stack.pop()

    def step_copysign(self):
        for kind, code in ((F32, 0x98), (F64, 0xA6)):
            if self.top((kind, kind)):
                self.settle_nan()
                self.emit(code)
                self.stack.pop()
                return

    def step_bits(self):
        for kind, code, result in ((F32, 0xBC, I32), (F64, 0xBD, I64)):
            if self.top((kind,)):
                self.settle_nan()
                self.emit(code)
                self.stack[-1] = result
                return

    def step_select(self):
        if len(self.stack) - self.labels[-1].height >= 3 and self.stack[-1] == I32 and \
                self.stack[-2] == self.stack[-3]:
            self.emit(0x1B)
            self.take(2)

    def step_divide(self):
        for kind, codes in DIVIDE.items():
            if self.top((kind, kind)):
                if self.random.random() < 0.95:
                    self.emit(0x41 if kind == I32 else 0x42, sleb(1), 0x72 if kind == I32 else 0x84)
                    self.emit(self.random.choice(codes[1:]))
                else:
                    self.emit(self.random.choice(codes))
                self.stack.pop()
                return

    def step_truncate(self):
        kind = self.stack[-1] if len(self.stack) > self.labels[-1].height else None
        if kind in SATURATE:
            if self.random.random() < 0.95:
                code, result = self.random.choice(SATURATE[kind])
                self.emit(0xFC, code)
            else:
                code, result = self.random.choice(TRUNCATE[kind])
                self.emit(code)
            self.stack[-1] = result

    def step_load(self):
        if self.top((I32,)):
            self.bend_address()
            kind = self.random.choice(self.module.kinds)
            self.emit(self.random.choice(vectors.LOADS if kind == V128 else LOADS[kind]), self.memarg())
            self.stack[-1] = kind

    def step_store(self):
        """Half of them with an operand that was computed before the address."""
        if self.random.random() < 0.5 and len(self.stack) > self.labels[-1].height:
            kind = self.stack[-1]
            local = self.local_of(kind)
            self.emit(0x21, leb(local))
            self.stack.pop()
            self.source(I32)
            self.bend_address()
            self.emit(0x20, leb(local))
            self.stack.append(kind)
        else:
            kind = self.random.choice(self.module.kinds)
            self.source(I32)
            self.bend_address()
            self.source(kind)
            if self.random.random() < 0.5:
                self.step_same()
        kind = self.stack[-1]
        if kind in EQ:
            self.settle_nan()
        if kind == V128:
            self.store_vector()
        else:
            self.emit(self.random.choice(STORES[kind]), self.memarg())
        self.take(2)

    def store_vector(self):
        if self.random.random() < 0.6:
            self.emit(vectors.STORE, self.memarg())
        else:
            code, count = self.random.choice(vectors.STORE_LANES)
            self.emit(code, self.memarg(), self.random.randrange(count))

    def step_vector(self):
        """Whatever can be computed of the vectors on top."""
        for _ in range(8):
            operation = self.random.choice(tuple(vectors.OPERATIONS))
            if self.top(vectors.OPERATIONS[operation][0]):
                self.compute(operation)
                return

    def step_shuffle(self):
        """Of bytes anyhow, or of wider lanes, from both operands or from one."""
        self.bring([V128, V128])
        width = self.random.choice((1, 1, 2, 4, 8))
        first, end = self.random.choice(((0, 32), (0, 32), (0, 16), (16, 32)))
        out = []
        while len(out) < 16:
            lane = self.random.randrange(first // width, end // width) * width
            out += range(lane, lane + width)
        self.emit(vectors.SHUFFLE, bytes(out))
        self.take(1)

    def step_lane(self):
        """Takes a lane out, puts one in, or reads one from memory."""
        how = self.random.randrange(4)
        if how < 2 and self.top((V128,)):
            code, kind, count = self.random.choice(vectors.EXTRACTS)
            self.emit(code, self.random.randrange(count))
            self.stack[-1] = kind
        elif how == 2:
            self.bring([V128])
            code, kind, count = self.random.choice(vectors.REPLACES)
            self.source(kind)
            if kind in EQ:
                self.settle_nan()
            self.emit(code, self.random.randrange(count))
            self.take(1)
        else:
            self.source(I32)
            self.bend_address()
            self.source(V128)
            code, count = self.random.choice(vectors.LOAD_LANES)
            self.emit(code, self.memarg(), self.random.randrange(count))
            self.take(2)
            self.stack.append(V128)

    def step_atomic(self):
        """An atomic access, mostly of a place that is aligned; or a fence, or a wake-up of nobody."""
        if self.random.random() < 0.05:
            self.emit(0xFE, 3, 0)
            return
        operation, kind, width, values = self.random.choice(ATOMICS)
        self.source(I32)
        if self.random.random() < 0.97:
            self.emit(0x41, sleb(0xFFFF & -width), 0x71)
        for _ in range(values):
            self.source(kind)
        offset = width * self.random.choice((0, 0, 1, 12)) if self.random.random() < 0.97 else 1
        self.emit(0xFE, operation, width.bit_length() - 1, leb(offset))
        self.take(1 + values)
        if not 0x17 <= operation <= 0x1D:
            self.stack.append(kind)

    def step_same(self):
        """Computes with the top value without changing its type."""
        kind = self.stack[-1]
        self.source(kind)
        if kind == V128:
            self.compute(self.random.choice([code for code, types in vectors.OPERATIONS.items() if types == vectors.TWO]))
            return
        codes = [code for code, (operands, result) in PLAIN.items() if operands == (kind, kind) and result == kind]
        self.emit(self.random.choice(codes))
        self.stack.pop()

    def step_drop(self):
        if len(self.stack) > self.labels[-1].height:
            self.discard()

    def step_memory(self):
        how = self.random.randrange(5)
        if how == 0:
            self.emit(0x3F, 0)
            self.stack.append(I32)
        elif how == 1:
            self.emit(0x41, sleb(self.random.choice((0, 0, 1))), 0x40, 0)
            self.stack.append(I32)
        elif self.module.bulk:
            for bound in (0xFFF, 0xFF, 0xFF):
                self.source(I32)
                self.emit(0x41, sleb(bound), 0x71)
            self.emit(0xFC, *{2: (leb(11), 0), 3: (leb(10), 0, 0), 4: (leb(8), 0, 0)}[how])
            self.take(3)

    def step_table(self):
        if not self.module.bulk:
            return
        how = self.random.randrange(5)
        if how == 0:
            self.emit(0xFC, leb(16), 0)
            self.stack.append(I32)
        elif how == 3:
            self.emit(0xD0, FUNCREF)
            self.source(I32)
            self.emit(0x41, sleb(1), 0x71, 0xFC, leb(15), 0)
        elif how == 4:
            for bound in (TABLE - 1, 7, 7):
                self.source(I32)
                self.emit(0x41, sleb(bound), 0x71)
            self.emit(0xFC, leb(14), 0, 0)
            self.take(3)
        elif how == 1:
            self.source(I32)
            self.emit(0x41, sleb(TABLE - 1), 0x71, 0x25, 0, 0xD1)
        else:
            self.source(I32)
            self.emit(0x41, sleb(TABLE - 1), 0x71, 0xD2, leb(self.module.first + self.random.randrange(self.module.count)),
                      0x26, 0)
            self.stack.pop()

    def step_call(self):
        """Any function before this one; through the table the types may differ, which traps."""
        made = self.module.made
        factor = self.labels[-1].cost
        callees = [i for i, callee in enumerate(made) if self.cost + callee.cost * factor < COST_MAX]
        if not callees:
            return
        index = self.random.choice(callees)
        callee = made[index]
        self.bring(callee.params)
        tail = self.tails(callee)
        if tail:
            self.leave_hash()
        if self.random.random() < 0.3 and not self.module.bulk:
            self.emit(0x41, sleb(index % TABLE), 0x13 if tail else 0x11,
                      leb(self.module.type_of(callee.params, callee.results)), 0)
            self.cost += max(other.cost for other in made) * factor
        else:
            self.emit(0x12 if tail else 0x10, leb(self.module.first + index))
            self.cost += callee.cost * factor
        self.take(len(callee.params))
        self.stack += callee.results
        self.dead = tail

    def tails(self, callee):
        """Whether the call is to be in place of a return."""
        return self.module.tail and list(callee.results) == list(self.results) and self.random.random() < 0.4

    def step_again(self):
        """Now and then the function calls itself in place of a return, with values that it has on the stack and one
        round less. What is ahead of it costs as often; so there is one such place, and nothing behind it is lived
        through twice."""
        again, self.rounds = self.rounds, None
        if again is None or self.cost * 8 > COST_MAX // 2:
            return
        self.emit(0x20, leb(again), 0x41, sleb(7), 0x71, 0x04, 0x40)
        self.labels.append(Label(len(self.stack), [], [], self.labels[-1].cost))
        for number, kind in enumerate(self.params):
            if number == again:
                self.emit(0x20, leb(again), 0x41, sleb(7), 0x71, 0x41, sleb(1), 0x6B)
                self.stack.append(kind)
            else:
                self.source(kind)
        self.leave_hash()
        number = len(self.module.made)
        if self.random.random() < 0.4 and not self.module.bulk:
            self.emit(0x41, sleb(number % TABLE), 0x13, leb(self.module.type_of(self.params, self.results)), 0)
        else:
            self.emit(0x12, leb(self.module.first + number))
        self.take(len(self.params))
        self.labels.pop()
        self.emit(0x0B)
        self.cost *= 8

    def step_host(self):
        """Tells the host the value on top."""
        kind = self.stack[-1] if len(self.stack) > self.labels[-1].height else None
        if self.module.first and kind in TYPES:
            if kind in EQ:
                self.settle_nan()
            self.emit(0x10, leb(TYPES.index(kind)))
            self.stack.pop()

    def step_branch(self):
        """br_if, br_table, br or return; to a loop only where it counts (see step_block)."""
        depth = self.random.randrange(len(self.labels))
        label = self.labels[-1 - depth]
        if label.brings is None:
            return
        how = self.random.random()
        if depth == len(self.labels) - 1:
            if self.random.random() < 0.7:
                return
            self.leave_hash()
        if how < 0.8 or len(self.labels) == 1:
            self.bring(label.brings)
            self.source(I32)
            if self.random.random() < 0.6:
                self.step_compare()
            self.emit(0x0D, leb(depth))
            self.stack.pop()
            return
        same = [i for i in range(len(self.labels)) if self.labels[-1 - i].brings == label.brings]
        self.bring(label.brings)
        if how < 0.9:
            self.source(I32)
            self.emit(0x41, sleb(7), 0x71, 0x0E, vec([leb(self.random.choice(same)) for _ in range(
                self.random.randrange(6))]), leb(depth))
        else:
            self.emit(*((0x0F,) if depth == len(self.labels) - 1 else (0x0C, leb(depth))))
        self.dead = True

    def step_compare(self):
        """Turns the i32 on top into the answer of a comparison."""
        kind = self.random.choice((I32, I32, I64))
        self.stack.pop()
        if kind == I64:
            self.emit(self.random.choice((0xAC, 0xAD)))
        self.stack.append(kind)
        self.source(kind)
        self.emit(self.random.randrange(0x46, 0x50) if kind == I32 else self.random.randrange(0x51, 0x5B))
        self.take(2)
        self.stack.append(I32)
        if self.random.random() < 0.2:
            self.emit(0x45)

    def finish_block(self):
        label = self.labels[-1]
        if not self.dead:
            self.only(list(label.results))
        del self.stack[label.height:]
        self.stack += label.results
        self.dead = False

    def step_block(self, depth):
        most = self.random.randrange(3) if self.module.parameters else 0
        count = min(len(self.stack) - self.labels[-1].height, most)
        params = self.stack[len(self.stack) - count:]
        results = [self.random.choice(self.module.kinds) for _ in range(self.random.choice((0, 1, 1, 2, 3)))]
        if self.random.random() < 0.3:
            results = list(params)
        kind = sleb(self.module.type_of(params, results))
        how = self.random.randrange(3)
        cost = self.labels[-1].cost
        height = len(self.stack) - count
        if how == 0:
            self.emit(0x02, kind)
            self.labels.append(Label(height, results, results, cost))
            self.steps(self.random.randrange(1, 10), depth + 1)
        elif how == 1:
            self.source(I32)
            if self.random.random() < 0.6:
                self.step_compare()
            self.emit(0x04, kind)
            self.stack.pop()
            self.labels.append(Label(height, results, results, cost))
            self.steps(self.random.randrange(1, 8), depth + 1)
            if self.random.random() < 0.7 or params != results:
                self.finish_block()
                del self.stack[height:]
                self.stack += params
                self.emit(0x05)
                self.place += (-5,)
                self.steps(self.random.randrange(1, 8), depth + 1)
        else:
            self.loop(kind, params, results, height, depth)
        self.finish_block()
        self.labels.pop()
        self.emit(0x0B)

    def loop(self, kind, params, results, height, depth):
        """It goes round while its counter, which nothing else writes, is above 0. Nothing but its own end branches
        back to it, so that COST_MAX holds."""
        times = self.random.randrange(1, 6)
        counter = self.spare(I32)
        self.module.counters.add(counter)
        self.emit(0x41, sleb(times), 0x21, leb(counter), 0x03, kind)
        self.labels.append(Label(height, results, None, self.labels[-1].cost * times))
        self.steps(self.random.randrange(1, 10), depth + 1)
        if self.dead:
            return
        if self.random.random() < 0.5 or not self.top(params):
            self.bring(params)
        self.emit(0x20, leb(counter), 0x41, sleb(1), 0x6B, 0x22, leb(counter))
        if self.random.random() < 0.5:
            self.emit(0x41, sleb(0), 0x4A)
        self.emit(0x0D, leb(0))

    def steps(self, count, depth):
        choices = [(self.step_source, 22), (self.step_plain, 40), (self.step_local, 14), (self.step_pass, 8),
                   (self.step_global, 3),
                   (self.step_copysign, 1), (self.step_bits, 3), (self.step_select, 6), (self.step_divide, 3),
                   (self.step_truncate, 2), (self.step_load, 5), (self.step_store, 5), (self.step_drop, 2),
                   (self.step_memory, 1), (self.step_table, 1), (self.step_call, 3), (self.step_branch, 5),
                   (self.step_host, 1)]
        if self.module.beyond:
            choices += [(self.step_memories, 6), (self.step_behind, 4), (self.step_wide, 4), (self.step_throw, 1), (self.step_call_ref, 2)]
            if depth < 5:
                choices.append((lambda: self.step_try(depth), 3))
        if self.rounds is not None:
            choices.append((self.step_again, 6))
        if self.module.atomics:
            choices.append((self.step_atomic, 5))
        if self.module.beyond and self.module.vectors:
            choices.append((self.step_relaxed, 8))
        if self.module.vectors:
            choices += [(self.step_vector, 40), (self.step_shuffle, 4), (self.step_lane, 8)]
        if depth < 5:
            choices.append((lambda: self.step_block(depth), 8))
        steps, weights = zip(*choices)
        here = self.place
        for number in range(count * 3):
            if self.dead or self.cost > COST_MAX // 2:
                break
            self.place = here + (number,)
            if self.module.begin(self.place):
                self.random.choices(steps, weights)[0]()
        self.place = here
        self.module.begin(here + (-1,))

    def make(self):
        here = self.place
        for local in range(len(self.params), len(self.locals)):
            if local != self.hash and self.random.random() < 0.7 and self.module.begin(here + (-2, local)):
                self.constant(self.locals[local])
                self.emit(0x21, leb(local))
                self.stack.pop()
        self.module.begin(here)
        self.steps(self.random.randrange(10, 60), 0)
        self.only(list(self.results))
        self.leave_hash()
        self.code.append(0x0B)
        entries = []
        for kind in self.locals[len(self.params):]:
            entries.append(leb(1) + bytes([kind]))
        content = vec(entries) + bytes(self.code)
        return leb(len(content)) + content


class Module:
    def __init__(self, seed, bulk, parameters, with_vectors, tail, beyond, atomics, kept=None, exported=None):
        self.seed, self.random = seed, random.Random(seed)
        self.kept, self.exported, self.places = kept, exported, []
        self.bulk, self.parameters, self.vectors, self.tail = bulk, parameters, with_vectors, tail
        self.beyond, self.atomics = beyond, atomics
        self.first = self.random.choice((0, 0, len(TYPES))) # functions are imported: the host's, one for each type
        self.kinds = TYPES + (V128,) * with_vectors
        self.globals = [TYPES[i % 4] for i in range(GLOBALS)] + [V128] * 2 * with_vectors
        self.types, self.made = [], []
        self.counters = set() # locals that the body being made keeps for itself
        self.count = self.random.randrange(2, 9)

    def begin(self, place):
        """Draws from this place's source from now on. Whether the step there is to be taken."""
        number = self.seed
        for part in place:
            number = (number * 1000003 + part + 7) & 0xFFFFFFFFFFFF
        self.random.seed(number)
        if self.kept is not None and place not in self.kept:
            return False
        self.places.append(place)
        return True

    def type_of(self, params, results):
        entry = b"\x60" + vec([bytes([kind]) for kind in params]) + vec([bytes([kind]) for kind in results])
        if entry not in self.types:
            self.types.append(entry)
        return self.types.index(entry)

    def make(self):
        pick, some = self.random.choice, self.random.randrange
        bodies, functions = [], []
        for number in range(self.count):
            self.begin((-3, number))
            kinds = pick((TYPES, self.kinds))
            params = [pick(kinds) for _ in range(some(pick((5, 5, 5, 20))))]
            results = [pick(kinds) for _ in range(pick((0, 1, 1, 1, 2, 5, 5, 16)))]
            if self.tail and self.made and self.random.random() < 0.6: # so that calls can be in place of returns
                results = list(pick(self.made).results)
            body = Body(self, (number,), params, results)
            functions.append(leb(self.type_of(body.params, body.results)))
            bodies.append(body.make())
            self.made.append(body)
        constants = {I32: b"\x41\x07\x0b", I64: b"\x42\x7f\x0b", F32: b"\x43\0\0\x80\x3f\x0b",
                     F64: b"\x44\0\0\0\0\0\0\xf0\x3f\x0b"}
        constants[V128] = vectors.CONSTANT + bytes(range(16)) + b"\x0b"
        exports = [leb(2) + b"f%d" % i + b"\0" + leb(self.first + i) for i, body in enumerate(self.made)
                   if V128 not in list(body.params) + list(body.results) and i in (self.exported or range(self.count))]
        exports += [leb(2) + b"g%d" % i + b"\3" + leb(i) for i in range(GLOBALS)] + [leb(1) + b"m\2\0"]
        self.begin((-4,))
        elements = b"\1\0\x41\0\x0b" + vec([leb(self.first + i % self.count) for i in range(TABLE)])
        data = bytes(some(256) for _ in range(300))
        throws = self.type_of([I32], []) if self.beyond else None
        imports = [vec_name(b"fuzzing-support") + vec_name(b"log-" + name) + b"\0" + leb(self.type_of([kind], []))
                   for kind, name in zip(TYPES, (b"i32", b"i64", b"f32", b"f64"))][:self.first]
        out = b"\0asm\1\0\0\0" + section(1, vec(self.types))
        out += (section(2, vec(imports)) if imports else b"") + section(3, vec(functions))
        memories = [b"\1" + leb(PAGES) + leb(PAGES + 2)] + [b"\1\1\1", b"\5\1\1"] * self.beyond
        out += section(4, b"\1\x70\0" + leb(TABLE)) + section(5, vec(memories))
        if self.beyond:
            out += section(13, vec([b"\0" + leb(throws)]))
        out += section(6, vec([bytes([kind, 1]) + constants[kind] for kind in self.globals]))
        out += section(7, vec(exports)) + section(9, elements)
        if self.bulk:
            out += section(12, leb(2))
        out += section(10, vec(bodies))
        segments = [b"\0\x41\0\x0b" + vec([bytes([byte]) for byte in data])]
        if self.bulk: # memory.init takes segment 0 as it stands first
            segments.insert(0, b"\1" + vec([bytes([byte]) for byte in data]))
        return out + section(11, vec(segments))


def make(seed, parameters=True, with_vectors=False, tail=False, beyond=False, atomics=False, kept=None, exported=None):
    """(a module's bytes, the places of its steps). Every other one uses bulk memory and references; without
    `parameters` no block has any; with `tail` there are tail calls, with `atomics` atomic accesses; `beyond`: see above.
    `kept`: only the steps at these places are taken; `exported`: only these functions are."""
    module = Module(seed, seed % 4 < 2, parameters, with_vectors, tail, beyond, atomics, kept, exported)
    return module.make(), module.places
