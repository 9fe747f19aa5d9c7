# SPDX-License-Identifier: Apache-2.0
"""differential_shrink.py — makes what a module fails with small, by making the module with fewer of its choices.

How:     A source says how a module is made: Steps, by differential_module.py of a seed; Bytes, by wasm-opt from random
         bytes; Edits, by mutating another module. Each has a list of choices, and makes a module of any part of it that
         is valid by the way it is made. The list is cut in halves, quarters and so on, and what can be left out without
         the failure going away is.
"""
import differential_module
import differential_mutants


class Steps:
    """The generator's steps. `options` are those of differential_module.make()."""

    def __init__(self, seed, parameters, vectors, tail, beyond=False, atomics=False, then=lambda module: module):
        self.seed, self.options, self.then = seed, (parameters, vectors, tail, beyond, atomics), then
        self.exported, self.tiers_alone = None, beyond
        self.choices = [place for place in differential_module.make(seed, *self.options)[1] if place[0] >= 0]

    def make(self, kept=None):
        kept = None if kept is None else set(kept)
        return self.then(differential_module.make(self.seed, *self.options, kept, self.exported)[0])

    def __str__(self):
        return "seed %d of differential_module.py, parameters %s, vectors %s, tail calls %s, beyond %s, atomics %s" % (
            self.seed, *self.options)


class Bytes:
    """What `make_of` makes of bytes, which may be None."""

    def __init__(self, data, make_of, text):
        self.data, self.make_of, self.text = data, make_of, text
        self.choices = [(at, data[at:at + 8]) for at in range(0, len(data), 8)]

    def make(self, kept=None):
        return self.make_of(b"".join(part for _, part in (self.choices if kept is None else kept)))

    def __str__(self):
        return self.text


class Edits:
    def __init__(self, module, edits, text):
        self.module, self.choices, self.text = module, edits, text

    def make(self, kept=None):
        return differential_mutants.apply(self.module, self.choices if kept is None else kept)

    def __str__(self):
        return self.text


def shrink(source, choices, fails, most=600):
    """The choices that are left, when none of the parts tried can be left out, or after `most` attempts. `fails` is
    asked with a module."""
    choices = list(choices)
    size = max(1, len(choices) // 2)
    attempts = 0
    while True:
        at, smaller = 0, False
        while at < len(choices) and attempts < most:
            kept = choices[:at] + choices[at + size:]
            module = source.make(kept)
            attempts += 1
            if module is not None and fails(module):
                choices, smaller = kept, True
            else:
                at += size
        if attempts >= most or size == 1 and not smaller:
            return choices
        size = max(1, size // 2) if size > 1 else 1
