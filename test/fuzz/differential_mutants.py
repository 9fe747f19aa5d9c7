# SPDX-License-Identifier: Apache-2.0
"""differential_mutants.py — modules that were valid and mostly are no longer: is this engine's verdict V8's?

How:     edits() draws some changes of a module: of bytes, of bits, of runs of bytes, of whole sections, and inside of
         sections and function bodies with the sizes around them put right, so that not every change ends in a size that
         is wrong. apply() makes the module. judge() asks the engines, and knows where they may differ (ONLY_OURS, ONLY_V8).
"""
import re

from differential_format import leb, sleb

# Of what is refused only by ours: this engine's report, and why that is no mistake.
ONLY_OURS = (
    (r"needs a WebAssembly feature", "a feature that V8 has and this engine has another form of, or that it was told not "
     "to have"),
    (r"^refused REF_TYPE .* is no reference type", "V8 lets a segment without elements have any type"),
    (r"^refused ATOMIC_ALIGNMENT", "V8 lets atomic accesses be less aligned than the specification wants"),
)
# Of what is refused only by V8: its message.
ONLY_V8 = (
    (r"exceeds (internal|maximum|implementation)? ?limit|exceeds the maximum|out of memory|is larger than|"
     r"too large|maximum \w+ size", "a limit of V8"),
    (r"experimental", "a feature that V8 has only by a flag"),
    (r"expected memory index 0, found", "the index of a memory is a LEB128 number only since there can be several"),
)
OPCODES = [bytes([code]) for code in (0x00, 0x01, 0x05, 0x0B, 0x0F, 0x1A, 0x1B, 0x45, 0x6A, 0x7C, 0x92, 0xA0, 0xA7, 0xAC,
                                      0xB2, 0xBC, 0xD1)]
OPCODES += [b"\x20\0", b"\x21\0", b"\x22\1", b"\x23\0", b"\x24\1", b"\x41\0", b"\x42\0", b"\x43\0\0\0\0", b"\x0c\0",
            b"\x0d\0", b"\x0d\1", b"\x0e\1\0\1", b"\x10\0", b"\x12\0", b"\x11\0\0", b"\x13\0\0", b"\x02\x40", b"\x03\x7f",
            b"\x04\x40", b"\x28\2\0", b"\x36\2\0", b"\x29\3\0", b"\x29\4\0", b"\x3f\0", b"\x40\0", b"\xd0\x70", b"\xd2\0",
            b"\xfc\0", b"\xfc\x0a\0\0", b"\xfc\x0b\0", b"\xfc\x08\0\0", b"\xfc\x09\0", b"\xfc\x10\0", b"\xfd\x0f",
            b"\xfd\x15\1", b"\xfd\x6e", b"\xfd\0\4\0", b"\xfe\x10\2\0", b"\xfe\x1e\2\0", b"\x1c\1\x7f", b"\x25\0",
            b"\x26\0"]
BYTES = (0, 1, 2, 3, 4, 5, 0x0B, 0x3F, 0x40, 0x41, 0x60, 0x6F, 0x70, 0x7B, 0x7C, 0x7D, 0x7E, 0x7F, 0x80, 0xFC, 0xFD, 0xFE,
         0xFF)


def unleb(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def sections(module):
    """[[id, content]]; raises IndexError where it is none."""
    at, found = 8, []
    while at < len(module):
        number = module[at]
        size, at = unleb(module, at + 1)
        found.append([number, module[at:at + size]])
        at += size
    return found


def joined(parts):
    return b"\0asm\1\0\0\0" + b"".join(bytes([number]) + leb(len(content)) + content for number, content in parts)


def bodies(content):
    count, at = unleb(content, 0)
    found = []
    for _ in range(count):
        size, at = unleb(content, at)
        found.append(content[at:at + size])
        at += size
    return found


# ---- edits: (name, numbers and bytes). Positions are taken modulo what there is, so that each can be left out.

def spliced(data, at, delete, insert):
    at %= len(data) + 1
    return data[:at] + insert + data[at + delete:]


def edit_bytes(module, at, delete, insert):
    return spliced(module, at, delete, insert)


def edit_bit(module, at, bit):
    at %= len(module)
    return module[:at] + bytes([module[at] ^ 1 << bit]) + module[at + 1:]


def edit_run(module, source, target, count):
    return spliced(module, target, 0, module[source % len(module):][:count])


def edit_order(module, first, second):
    parts = sections(module)
    first, second = first % len(parts), second % len(parts)
    parts[first], parts[second] = parts[second], parts[first]
    return joined(parts)


def edit_without(module, which):
    parts = sections(module)
    del parts[which % len(parts)]
    return joined(parts)


def edit_twice(module, which):
    parts = sections(module)
    parts.insert(which % len(parts), list(parts[which % len(parts)]))
    return joined(parts)


def edit_section(module, which, at, delete, insert):
    parts = sections(module)
    part = parts[which % len(parts)]
    part[1] = spliced(part[1], at, delete, insert)
    return joined(parts)


def edit_body(module, which, at, delete, insert):
    parts = sections(module)
    for part in parts:
        if part[0] == 10:
            functions = bodies(part[1])
            which %= len(functions)
            functions[which] = spliced(functions[which], at, delete, insert)
            part[1] = leb(len(functions)) + b"".join(leb(len(body)) + body for body in functions)
    return joined(parts)


EDITS = {edit.__name__: edit for edit in (edit_bytes, edit_bit, edit_run, edit_order, edit_without, edit_twice,
                                          edit_section, edit_body)}


def draw_bytes(random):
    how = random.random()
    if how < 0.4:
        return random.choice(OPCODES)
    if how < 0.7:
        return bytes([random.choice(BYTES)])
    if how < 0.8:
        return leb(random.choice((127, 128, 16384, 65535, 65536, 1 << 31, (1 << 32) - 1, 1 << 32)))
    if how < 0.9:
        return sleb(random.choice((-1, -64, -65, -(1 << 31), 1 << 31, -(1 << 63))))
    return random.randbytes(random.randrange(1, 6))


def edits(random, module):
    """Some changes of a module, mostly one."""
    out = []
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        at = random.randrange(len(module) + 1)
        how = random.random()
        delete, insert = random.choice(((1, 1), (1, 1), (0, 1), (1, 0), (2, 0), (2, 1)))
        insert = draw_bytes(random) if insert else b""
        if how < 0.15:
            out.append(("edit_bytes", at, 1, bytes([random.choice(BYTES)])))
        elif how < 0.25:
            out.append(("edit_bit", at, random.randrange(8)))
        elif how < 0.3:
            out.append(("edit_run", random.randrange(len(module)), at, random.randrange(1, 30)))
        elif how < 0.33:
            out.append(("edit_order", at, at // 7 + 1))
        elif how < 0.35:
            out.append(("edit_without", at))
        elif how < 0.37:
            out.append(("edit_twice", at))
        elif how < 0.6:
            out.append(("edit_section", random.randrange(1 << 20), random.randrange(1 << 20), delete, insert))
        else:
            out.append(("edit_body", random.randrange(1 << 20), random.randrange(1 << 20), delete, insert))
    return out


def apply(module, changes):
    """The module with these changes, as far as they can be made one after the other."""
    for name, *numbers in changes:
        try:
            module = EDITS[name](module, *numbers)
        except (IndexError, ZeroDivisionError):
            pass # what was changed before left nothing to find sections in
    return module


# ---- verdicts

def judge(theirs, ours):
    """(whether both say valid, why they may differ or None, what differs or None)."""
    if (theirs == "valid") == (ours == "valid") and not ours.startswith("died") and not theirs.startswith("died"):
        return ours == "valid", None, None
    for pattern, reason in ONLY_OURS if theirs == "valid" else ONLY_V8 if ours == "valid" else ():
        if re.search(pattern, ours if theirs == "valid" else theirs):
            return False, reason, None
    return False, None, "node says %s, ours %s" % (theirs[:200], ours[:200])
