# SPDX-License-Identifier: Apache-2.0
"""delta.py: deltas as RFC 9842 has them, made and read independently of the module: dcz by the zstd command, dcb by
libbrotlidec. Whether a module makes dcb depends on the library that it was built with; `codings_of` says it."""
import base64
import hashlib
import os
import subprocess
import tempfile

import decoders

DCZ_MAGIC = b"\x5e\x2a\x4d\x18\x20\x00\x00\x00"
DCB_MAGIC = b"\xff\x44\x43\x42"


def digest(data):
    return hashlib.sha256(data).digest()


def available(data):
    """The value of Available-Dictionary for this dictionary."""
    return ":%s:" % base64.b64encode(digest(data)).decode()


def sidecar(name, old, suffix=".dcz"):
    """What a delta beside the raw file `name` is called."""
    return "%s.%s%s" % (name, digest(old).hex()[:16], suffix)


def _zstd(arguments, data, old):
    with tempfile.TemporaryDirectory() as folder:
        dictionary, source = os.path.join(folder, "old"), os.path.join(folder, "in")
        for path, content in ((dictionary, old), (source, data)):
            with open(path, "wb") as out:
                out.write(content)
        return subprocess.run(["zstd", "-q", "-c", *arguments, "-D", dictionary, source], check=True,
                              capture_output=True).stdout


def make_dcz(old, new):
    return DCZ_MAGIC + digest(old) + _zstd(["-19"], new, old)


def read_dcz(delta, old):
    """What a client makes of it: the header is looked at first, as a client does."""
    assert delta[:8] == DCZ_MAGIC and delta[8:40] == digest(old), delta[:40].hex()
    return _zstd(["-d", "--long=27"], delta, old)


def read_dcb(delta, old):
    """The same for brotli."""
    assert delta[:4] == DCB_MAGIC and delta[4:36] == digest(old), delta[:36].hex()
    return decoders.decode_br_with(old, delta[36:])


READ = {"dcz": read_dcz, "dcb": read_dcb}


def codings_of(binary):
    """The codings of deltas that a module, or the tool, makes: what it asks of its libraries says which."""
    needed = subprocess.run(["nm", "-D", "--undefined-only", binary], check=True, capture_output=True, text=True).stdout
    known = {"dcz": "ZSTD_CCtx_refPrefix", "dcb": "BrotliEncoderPrepareDictionary"}
    return [coding for coding, function in known.items() if function in needed]
