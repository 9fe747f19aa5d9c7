# SPDX-License-Identifier: Apache-2.0
"""differential_beyond.py — steps of a body (differential_module.py) with what node's engine may not have.

The compiler leaves some of it to the interpreter, by whole functions, so that the tiers call each other.
"""
import differential_vectors as vectors
from differential_format import COST_MAX, EQ, I32, I64, LOADS, STORES, V128, Label, leb, sleb


class Beyond:
    """What a Body has of such steps."""

    def step_memories(self):
        """A load, store, fill or copy in a memory that is not the first; the third has 64-bit addresses."""
        memory = self.random.choice((1, 2))
        address = I64 if memory == 2 else I32
        kind = self.random.choice(self.module.kinds)
        memarg = leb(0x40) + leb(memory) + leb(
            self.random.choice((0, 0, 1, 100, 32767)) if self.random.random() < 0.98 else 65535 << self.random.randrange(16))

        def place(bound):
            self.source(address)
            if self.random.random() < 0.98:
                self.emit(0x41 if address == I32 else 0x42, sleb(bound), 0x71 if address == I32 else 0x83)

        how = self.random.randrange(6)
        if how < 2:
            place(0x7FFF)
            self.emit(self.random.choice(vectors.LOADS if kind == V128 else LOADS[kind]), memarg)
            self.stack[-1] = kind
            self.use_loaded()
        elif how < 4:
            place(0x7FFF)
            self.source(kind)
            if kind in EQ:
                self.settle_nan()
            self.emit(vectors.STORE if kind == V128 else self.random.choice(STORES[kind]), memarg)
            self.take(2)
        elif how == 4:
            place(0xFFF)
            self.source(I32)
            place(0xFF)
            self.emit(0xFC, leb(11), memory)
            self.take(3)
        else:
            self.emit(0x3F, memory)
            self.stack.append(address)

    def use_loaded(self):
        """What was loaded is narrowed at once, goes into a local, is computed with what was computed before it, or
        stays: the interpreter has few forms of such loads, and its accumulators hold something all the time."""
        kind = self.stack[-1]
        how = self.random.randrange(5)
        if how == 0 and kind == I64:
            self.emit(0xA7)
            self.stack[-1] = kind = I32
        if how < 2 and kind != V128:
            self.emit(0x21, leb(self.local_of(kind)))
            self.stack.pop()
        elif how < 4 and len(self.stack) - self.labels[-1].height > 1 and self.stack[-2] == kind and kind in (I32, I64):
            self.emit(self.random.choice((0x6A, 0x6B, 0x73) if kind == I32 else (0x7C, 0x7D, 0x85)))
            self.stack.pop()

    def step_behind(self):
        """An operand that is computed into a local, and so known to be in the accumulator, then such a load, then
        both together."""
        kind = self.random.choice((I32, I64))
        local = self.local_of(kind)
        self.source(kind)
        self.step_same()
        self.emit(0x22, leb(local))
        memory = self.random.choice((1, 2))
        self.emit(0x41 if memory == 1 else 0x42, sleb(self.random.randrange(0, 4096)), self.random.choice(LOADS[kind]),
                  leb(0x40) + leb(memory) + leb(0))
        self.stack.append(kind)
        self.use_loaded()
        self.emit(0x20, leb(local))
        self.stack.append(kind)
        if self.top((kind, kind)):
            self.emit(0x6B if kind == I32 else 0x7D)
            self.stack.pop()

    def step_relaxed(self):
        operation = self.random.choice(tuple(vectors.RELAXED))
        self.bring(vectors.RELAXED[operation][0])
        self.compute(operation)

    def step_wide(self):
        how = self.random.randrange(4)
        operands = [I64] * (4 if how < 2 else 2)
        self.bring(operands)
        self.emit(0xFC, leb(19 + how))
        self.take(len(operands))
        self.stack += [I64, I64]

    def step_throw(self):
        """Mostly where somebody catches."""
        if self.tries == 0 and self.random.random() < 0.95:
            return
        self.bring([I32])
        self.emit(0x08, 0)
        self.dead = True

    def step_try(self, depth):
        """block (result i32) … try_table, which catches and branches there, or nothing was thrown."""
        self.emit(0x02, I32)
        self.labels.append(Label(len(self.stack), [I32], [I32], self.labels[-1].cost))
        how = self.random.choice((b"\1\0\0\0", b"\1\0\0\0", b"\0"))
        self.emit(0x1F, 0x40, how)
        self.labels.append(Label(len(self.stack), [], [], self.labels[-1].cost))
        self.tries += 1
        self.steps(self.random.randrange(1, 10), depth + 2)
        if not self.dead and self.random.random() < 0.3:
            self.step_throw()
        self.tries -= 1
        self.finish_block()
        self.labels.pop()
        self.emit(0x0B)
        self.source(I32)
        self.finish_block()
        self.labels.pop()
        self.emit(0x0B)

    def step_call_ref(self):
        made = self.module.made
        factor = self.labels[-1].cost
        callees = [i for i, callee in enumerate(made) if self.cost + callee.cost * factor < COST_MAX]
        if callees:
            index = self.random.choice(callees)
            callee = made[index]
            self.bring(callee.params)
            tail = self.tails(callee)
            if tail:
                self.leave_hash()
            self.emit(0xD2, leb(self.module.first + index), 0x15 if tail else 0x14,
                      leb(self.module.type_of(callee.params, callee.results)))
            self.cost += callee.cost * factor
            self.take(len(callee.params))
            self.stack += callee.results
            self.dead = tail
