# SPDX-License-Identifier: Apache-2.0
"""Filters of a wanted behaviour: plugins of the guest test/guests/script.c, whose head has the language."""


class Scripts:
    """Collects plugins and writes their scripts.

        scripts = Scripts(guest("script"))
        config = scripts.plugin("name", "> set 0 x-a 1", "< log 0 done") + location("/", "WasmServeFilter name")
        make_httpd(config=config, setup=scripts.write)
    """

    def __init__(self, module):
        self.module = module
        self.texts = {}

    def plugin(self, name, *lines, directives=()):
        """The section of a plugin with that script; it may log, unless directives grant something else."""
        self.texts[name] = "\n".join(lines) + "\n"
        directives = list(directives)
        if not any(line.startswith("WasmServeGrant") for line in directives):
            directives.append("WasmServeGrant log")
        return "<WasmServePlugin %s>\nWasmServeModule \"%s\"\nWasmServeConfig @scripts/%s\n%s\n</WasmServePlugin>\n" % (
            name, self.module, name, "\n".join(directives))

    def write(self, httpd):
        for name, text in self.texts.items():
            httpd.write("scripts/" + name, text)


def location(path, *lines):
    return "<Location \"%s\">\n%s\n</Location>\n" % (path, "\n".join(lines))


def directory(path, *lines):
    return "<Directory \"${docroot}%s\">\n%s\n</Directory>\n" % (path, "\n".join(lines))
