# SPDX-License-Identifier: Apache-2.0
"""env.py: a private httpd for a test module, and clients that show exactly what it sends.

A test module asks the fixture `make_httpd` (conftest.py) for a server:

    @pytest.fixture(scope="module")
    def httpd(make_httpd):
        def setup(h):
            h.write("docroot/a.txt", b"hello")
        return make_httpd(config='<Directory "${docroot}">\\n  WasmServe On\\n</Directory>',
                          modules=["deflate"], setup=setup)

    def test_it(httpd):
        response = httpd.get("/a.txt", [("Accept-Encoding", "br"), ("Accept-Encoding", "gzip")])
        assert response.status == 200 and response.get_all("Vary") == ["Accept-Encoding"]

The server has a root directory of its own (configuration, documents, logs), a free port of 127.0.0.1, the MPM that
the environment names (MPM=event, worker or prefork) and the module of $BUILD_DIR, built with sanitizers or not. The
configuration may use ${docroot}, ${root}, ${port}, ${h2c} (as httpd's own Define), and the object has them as
attributes. When the server stops, its error log is audited: a line of level error or above, a warning of the module,
a crashed child or a sanitizer report that no test declared with `expect_log` fails the test module, and so does a
declared line that never came.
"""
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import h2client
from h2client import ProtocolError

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD_DIR = os.path.join(TOP, os.environ.get("BUILD_DIR", "build"))
MODULE = os.path.join(BUILD_DIR, "mod_wasmserve.so")
TOOL = os.path.join(BUILD_DIR, "wasmserve")

# How long the machine may take to start, to drain or to answer before it counts as hanging. Not a measure of
# speed: a loaded machine with a sanitizer build may use much of it.
PATIENCE = 60

# Loaded besides what a test asks for: enough for a configuration with access control and types.
BASE_MODULES = ["authz_core", "authz_host", "mime", "dir", "env", "setenvif"]

# Prerequisites that a module needs to be loaded before it.
NEEDS = {
    "proxy_http": ["proxy"], "proxy_http2": ["proxy"], "dav_fs": ["dav"], "cache_disk": ["cache"],
    "auth_basic": ["authn_core", "authz_user"], "authn_file": ["authn_core"], "deflate": ["filter"],
}

MIME_TYPES = """\
text/html html
text/plain txt
text/css css
text/javascript js mjs
application/json json
application/wasm wasm
image/png png
"""

LOG_BAD = re.compile(
    r"\[[^]]*:(error|crit|alert|emerg)\]|\[wasmserve:warn\]|AddressSanitizer|LeakSanitizer|ThreadSanitizer"
    r"|runtime error:|exit signal|AH00051|AH00052")


def _apxs_path():
    apxs = os.environ.get("APXS") or shutil.which("apxs") or shutil.which("apxs2")
    assert apxs, "there is no apxs: ./build.sh deps build"
    return apxs


def _apxs(name):
    return subprocess.run([_apxs_path(), "-q", name], check=True, capture_output=True, text=True).stdout.strip()


def build_module(name, folder):
    """The line that loads mod_NAME.c of these tests, another httpd module, which is built in folder."""
    source = "mod_%s.c" % name
    shutil.copy(os.path.join(os.path.dirname(__file__), source), folder)
    done = subprocess.run([_apxs_path(), "-c", source], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return 'LoadModule %s_module "%s/.libs/mod_%s.so"\n' % (name, folder, name)


class Installation:
    """The httpd of this machine; asked once."""

    _known = None

    def __init__(self):
        self.libexec = _apxs("LIBEXECDIR")
        self.program = os.path.join(_apxs("SBINDIR"), _apxs("PROGNAME"))
        listed = subprocess.run([self.program, "-l"], check=True, capture_output=True, text=True).stdout
        # "mod_so.c" → so; these cannot be loaded again.
        self.static = set(re.findall(r"^\s+mod_(\w+)\.c$", listed, re.M))
        version = subprocess.run([self.program, "-v"], check=True, capture_output=True, text=True).stdout
        self.version = tuple(int(n) for n in re.search(r"Apache/(\d+)\.(\d+)\.(\d+)", version).groups())

    @classmethod
    def get(cls):
        if cls._known is None:
            cls._known = cls()
        return cls._known

    def has(self, module):
        return module in self.static or os.path.exists(os.path.join(self.libexec, "mod_%s.so" % module))

    def load_lines(self, modules):
        lines, seen = [], set(self.static)

        def load(name):
            if name in seen:
                return
            seen.add(name)
            for prerequisite in NEEDS.get(name, []):
                load(prerequisite)
            lines.append('LoadModule %s_module "%s/mod_%s.so"' % (name, self.libexec, name))

        for module in modules:
            load(module)
        return lines


def sanitizer():
    """What $BUILD_DIR was built with: "", "address,undefined", "thread"."""
    try:
        with open(os.path.join(BUILD_DIR, "config.env"), encoding="utf-8") as config:
            found = re.search(r"^SANITIZE=(.*)$", config.read(), re.M)
    except FileNotFoundError:
        return ""
    return found.group(1).replace("\\", "").strip("'") if found else ""


def deadline(usual):
    """Milliseconds for a WasmServeTimeout that is soon over for a guest without end, and yet enough for one that does
    little, which has to get through: `usual`, or what that is where a sanitizer makes everything slower. A guest that
    is to end by anything else than its deadline needs none of this, but a minute."""
    return usual * (5 if sanitizer() else 1)


def sanitizer_environment(logs):
    """The variables with which an httpd that was built without sanitizers can load a module that was."""
    kind = sanitizer()
    if not kind:
        return {}
    with open(os.path.join(BUILD_DIR, "config.env"), encoding="utf-8") as config:
        compiler = re.search(r"^CC=(.*)$", config.read(), re.M).group(1)
    version = subprocess.run([compiler, "--version"], check=True, capture_output=True, text=True).stdout
    if "clang" in version:
        library = "libclang_rt.%s-%s.so" % ("tsan" if "thread" in kind else "asan", os.uname().machine)
    else:
        library = "libtsan.so" if "thread" in kind else "libasan.so"
    path = subprocess.run([compiler, "-print-file-name=" + library], check=True, capture_output=True,
                          text=True).stdout.strip()
    # httpd itself never frees its pools at the end, so leaks are looked for in the programs, not here.
    # Nor are httpd and APR instrumented: by which means they hand a connection from thread to thread, ThreadSanitizer does
    # not see, so what their own calls touch is not looked at. What the module touches is.
    common = "log_path=%s/sanitizer:" % logs
    return {
        "LD_PRELOAD": path,
        "ASAN_OPTIONS": common + "detect_leaks=0:allocator_may_return_null=1:detect_stack_use_after_return=0",
        "UBSAN_OPTIONS": common + "print_stacktrace=1",
        "TSAN_OPTIONS": common + "halt_on_error=0:ignore_noninstrumented_modules=1",
    }


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _server_user():
    for name in ("www-data", "apache", "httpd", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("root needs a user to run httpd's children as")


class Response:
    """What came back: `status`, `headers` (name and value as they stood on the wire, in order, duplicates kept),
    `body` (bytes, transfer coding removed, content coding not), `interim` (the 1xx responses before it, likewise)
    and `version` ("1.1", "2")."""

    def __init__(self, version, status, headers, body=b"", reason="", interim=()):
        self.version = version
        self.status = status
        self.reason = reason
        self.headers = headers
        self.body = body
        self.interim = list(interim)

    def get_all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name, default=None):
        """The value of a header that must not stand twice."""
        values = self.get_all(name)
        assert len(values) <= 1, "%s stands %d times: %r" % (name, len(values), values)
        return values[0] if values else default

    def __contains__(self, name):
        return bool(self.get_all(name))

    def tokens(self, name):
        """The members of a comma separated header over all its lines, in lower case."""
        return [token.strip().lower() for value in self.get_all(name) for token in value.split(",") if token.strip()]

    def __repr__(self):
        return "<HTTP/%s %d %r %d bytes>" % (self.version, self.status, self.headers, len(self.body))


class Connection:
    """An HTTP/1.1 connection that sends exactly what it is told and reads exactly one response at a time."""

    def __init__(self, port, timeout=PATIENCE):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def request(self, method, path, headers=(), body=None):
        self.send(format_request(method, path, headers, body))
        return self.read_response(method)

    def _more(self):
        data = self.socket.recv(65536)
        self.buffer += data
        return bool(data)

    def _line(self):
        while b"\r\n" not in self.buffer:
            if not self._more():
                raise ProtocolError("connection closed inside a line: %r" % self.buffer[:200])
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def _exactly(self, size):
        while len(self.buffer) < size:
            if not self._more():
                raise ProtocolError("body of %d bytes ended after %d" % (size, len(self.buffer)))
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def _head(self):
        first = self._line()
        match = re.fullmatch(rb"HTTP/(\d\.\d) (\d{3}) ?(.*)", first)
        if not match:
            raise ProtocolError("not a status line: %r" % first[:200])
        headers = []
        while True:
            line = self._line()
            if not line:
                break
            name, colon, value = line.partition(b":")
            if not colon or not re.fullmatch(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
                raise ProtocolError("not a header line: %r" % line[:200])
            headers.append((name.decode("latin-1"), value.strip(b" \t").decode("latin-1")))
        version, status, reason = match.groups()
        return Response(version.decode(), int(status), headers, reason=reason.decode("latin-1"))

    def read_response(self, method="GET"):
        interim = []
        response = self._head()
        while 100 <= response.status < 200 and response.status != 101:
            interim.append(response)
            response = self._head()
        response.interim = interim
        if method == "HEAD" or response.status in (101, 204, 304):
            return response
        if "chunked" in response.tokens("Transfer-Encoding"):
            if "Content-Length" in response:
                raise ProtocolError("both Content-Length and Transfer-Encoding")
            while True:
                size = int(self._line().split(b";")[0], 16)
                if size == 0:
                    break
                response.body += self._exactly(size)
                if self._exactly(2) != b"\r\n":
                    raise ProtocolError("chunk without an end")
            while self._line():
                pass
        elif "Content-Length" in response:
            response.body = self._exactly(int(response.get("Content-Length")))
        else:
            while self._more():
                pass
            response.body, self.buffer = self.buffer, b""
        return response

    def at_end(self):
        """True if the server has nothing more to say and closes."""
        return not self.buffer and not self._more()


def format_request(method, path, headers=(), body=None):
    """The bytes of a request. `headers` is a list of pairs, sent as they are and in this order; Host, and
    Content-Length for a body, are added where they are missing."""
    lines = ["%s %s HTTP/1.1" % (method, path)]
    names = {name.lower() for name, _ in headers}
    if "host" not in names:
        lines.append("Host: localhost")
    if body is not None and not names & {"content-length", "transfer-encoding"}:
        lines.append("Content-Length: %d" % len(body))
    lines += ["%s: %s" % (name, value) for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b"")


class Httpd:
    """One server. Use the fixture, which stops and audits it; see the head of this file for an example."""

    def __init__(self, config="", modules=(), h2=False, override="All", setup=None, log_level="info",
                 load_module=True, mpm_config=None, environment=None):
        """config: appended to the base configuration. modules: names without mod_. h2: HTTP/2 in cleartext as
        well. override: AllowOverride of the document root. setup: called with this object before the start.
        load_module=False leaves mod_wasmserve out. mpm_config replaces the small numbers of children and threads.
        environment: variables of the server process."""
        self.installation = Installation.get()
        self.mpm = os.environ.get("MPM", "event")
        self.h2 = h2
        self.root = tempfile.mkdtemp(prefix="wasmserve-httpd-")
        # The children run as another user where we are root, and must get through.
        os.chmod(self.root, 0o755)
        self.docroot = os.path.join(self.root, "docroot")
        self.logs = os.path.join(self.root, "logs")
        self.error_log = os.path.join(self.logs, "error_log")
        for folder in (self.docroot, self.logs, os.path.join(self.root, "run")):
            os.mkdir(folder)
            os.chmod(folder, 0o755)
        os.chmod(self.logs, 0o777)  # sanitizer reports of the children
        self.config = config
        self.modules = list(modules) + (["http2"] if h2 else [])
        self.override = override
        self.log_level = log_level
        self.load_module = load_module
        self.mpm_config = mpm_config
        self.environment = dict(environment or {})
        self.port = free_port()
        self.process = None
        self._expected = []  # [regex, was seen, may be absent]
        self._audited = 0    # how much of the error log is accounted for
        self.write("conf/mime.types", MIME_TYPES.encode())
        if setup:
            setup(self)

    # ---- files

    def path(self, name):
        return os.path.join(self.root, name)

    def write(self, name, data, mode=0o644, mtime=None):
        """A file below the server's root ("docroot/app.wasm"), readable by the children; its path."""
        path = self.path(name)
        folder = os.path.dirname(path)
        missing = []
        while not os.path.isdir(folder):
            missing.append(folder)
            folder = os.path.dirname(folder)
        for folder in reversed(missing):
            os.mkdir(folder)
            os.chmod(folder, 0o755)
        with open(path, "wb") as out:
            out.write(data.encode() if isinstance(data, str) else data)
        os.chmod(path, mode)
        if mtime is not None:
            os.utime(path, (mtime, mtime))
        return path

    def make_private(self, name, mode=0o700):
        """A directory below the server's root that belongs to the user of the children; its path."""
        path = self.path(name)
        os.mkdir(path)
        if os.getuid() == 0:
            os.chown(path, _server_user().pw_uid, -1)
        os.chmod(path, mode)
        return path

    # ---- configuration

    def base_config(self, port):
        # AddressSanitizer needs the process's own idea of its stacks, so threads are few in any case.
        tuning = self.mpm_config or {
            "prefork": "StartServers 2\nMinSpareServers 1\nMaxSpareServers 4\nMaxRequestWorkers 16",
        }.get(self.mpm, "StartServers 1\nServerLimit 2\nThreadsPerChild 16\nMinSpareThreads 4\n"
                        "MaxSpareThreads 32\nMaxRequestWorkers 32")
        lines = [
            'Define root "%s"' % self.root,
            'Define docroot "%s"' % self.docroot,
            "Define port %d" % port,
            'ServerRoot "%s"' % self.root,
            'DefaultRuntimeDir "%s/run"' % self.root,
            'PidFile "%s/run/httpd.pid"' % self.root,
            "Listen 127.0.0.1:%d" % port,
            "ServerName localhost",
            'ErrorLog "%s"' % self.error_log,
            "LogLevel warn",
        ]
        lines += self.installation.load_lines(["mpm_" + self.mpm] + BASE_MODULES + self.modules)
        if self.load_module:
            lines += ['LoadModule wasmserve_module "%s"' % MODULE]
        # `notice` is where httpd reports its start and crashed children; the module may say more.
        lines += ["LogLevel notice" + (" wasmserve:%s" % self.log_level if self.load_module else "")]
        if os.getuid() == 0:
            user = _server_user()
            lines += ["User #%d" % user.pw_uid, "Group #%d" % user.pw_gid]
        if self.h2:
            lines += ["Protocols h2c http/1.1", "Define h2c"]
        lines += [
            "KeepAliveTimeout 5", "Timeout %d" % PATIENCE, "GracefulShutdownTimeout 10",
            'TypesConfig "%s/conf/mime.types"' % self.root,
            'DocumentRoot "%s"' % self.docroot,
            tuning,
            '<Directory "/">\n  AllowOverride None\n  Require all denied\n</Directory>',
            '<Directory "%s">\n  AllowOverride %s\n  Options FollowSymLinks\n  Require all granted\n</Directory>'
            % (self.docroot, self.override),
        ]
        return "\n".join(lines) + "\n"

    def _write_config(self, name, config, port):
        return self.write(name, self.base_config(port) + config + "\n")

    def configtest(self, config=None):
        """httpd -t on this configuration (default: the one given) in the same root: (exit code, output)."""
        path = self._write_config("conf/test.conf", self.config if config is None else config, self.port)
        done = subprocess.run(self._command(path) + ["-t"], capture_output=True, text=True, timeout=PATIENCE,
                              env=self._environment())
        return done.returncode, done.stdout + done.stderr

    def _command(self, path):
        return [self.installation.program, "-d", self.root, "-f", path]

    def _environment(self):
        environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8"}
        # A module that was built against libraries in a place of their own finds them there.
        if "LD_LIBRARY_PATH" in os.environ:
            environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
        environment.update(sanitizer_environment(self.logs))
        environment.update(self.environment)
        return environment

    # ---- life

    def start(self):
        """Starts and waits until it answers. A port that somebody else took in between is replaced."""
        assert self.process is None, "already started"
        for attempt in range(3):
            path = self._write_config("conf/httpd.conf", self.config, self.port)
            with open(os.path.join(self.logs, "stderr"), "ab") as stderr:
                # In a session of its own: httpd signals its whole process group when it ends, and in ours are we.
                self.process = subprocess.Popen(self._command(path) + ["-DFOREGROUND"], stdin=subprocess.DEVNULL,
                                                stdout=stderr, stderr=stderr, env=self._environment(),
                                                start_new_session=True)
            if self._wait_for_port():
                return self
            self.process = None
            if "could not bind" not in self._said_at_start() or attempt == 2:
                break
            self.port = free_port()
            with open(os.path.join(self.logs, "stderr"), "wb"):
                pass
        raise AssertionError("httpd did not start:\n" + self._said_at_start())

    def _said_at_start(self):
        with open(os.path.join(self.logs, "stderr"), encoding="utf-8", errors="replace") as stderr:
            return stderr.read() + self.log_text()

    def _wait_for_port(self):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                return False
            if os.path.exists(self.path("run/httpd.pid")):
                try:
                    socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                    return True
                except OSError:
                    pass
            time.sleep(0.02)
        self._kill(self.process)
        return False

    def graceful(self, config=None):
        """A graceful restart, with another configuration if one is given; returns when only the new one is served: for
        a moment after httpd's "resuming", children of the old generation may still take connections."""
        if config is not None:
            self.config = config
            self._write_config("conf/httpd.conf", config, self.port)
        old = self._listening_children()
        resumed = len(re.findall(r"resuming normal operations", self.log_text()))
        self.process.send_signal(signal.SIGUSR1)
        self._wait(lambda: len(re.findall(r"resuming normal operations", self.log_text())) > resumed
                   or self.process.poll() is not None, "the graceful restart")
        assert self.process.poll() is None, "httpd ended at the graceful restart:\n" + self._said_at_start()
        self._wait(lambda: not old & self._listening_children(), "the old children to leave the port")

    def _listening_children(self):
        """The processes of the server, but for the first, that have its port open (proc(5))."""
        with open("/proc/net/tcp", encoding="ascii") as table:
            rows = [line.split() for line in table.readlines()[1:]]
        links = {"socket:[%s]" % row[9] for row in rows if row[3] == "0A" and int(row[1].split(":")[1], 16) == self.port}
        children = set()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.getpgid(int(pid)) == self.process.pid and int(pid) != self.process.pid and any(
                        os.readlink("/proc/%s/fd/%s" % (pid, fd)) in links for fd in os.listdir("/proc/%s/fd" % pid)):
                    children.add(int(pid))
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                pass  # it has just ended, or closed one
        return children

    def stop(self, graceful=False):
        """Ends the server; it must still have been there. The log stays to be read."""
        if self.process is None:
            return
        process, self.process = self.process, None
        ended = process.poll()
        if ended is None:
            if not graceful:
                self._let_connections_close()
            process.send_signal(signal.SIGWINCH if graceful else signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._kill(process)
                raise AssertionError("httpd did not stop within %d s" % PATIENCE) from None
        assert ended is None, "httpd had ended by itself with %r:\n%s" % (ended, self._said_at_start())

    def _let_connections_close(self):
        """Waits, for a few seconds, until no connection is between open and closed. A child of the event MPM that is
        told to stop at once shuts the sockets of its workers, and reads one that a worker is just giving back: now and
        then it crashes in close_worker_sockets() of httpd itself, whatever modules are loaded."""
        deadline = time.monotonic() + 5
        port = "%04X" % self.port
        # ESTABLISHED, SYN_RECV (a browser's spare connection, on which nothing was sent, so that it was not accepted),
        # TIME_WAIT, LISTEN (proc(5))
        settled = {"01", "03", "06", "0A"}
        while time.monotonic() < deadline:
            with open("/proc/net/tcp", encoding="ascii") as table:
                rows = [line.split() for line in table.readlines()[1:]]
            if all(row[3] in settled for row in rows if row[1].endswith(":" + port)):
                return
            time.sleep(0.01)

    @staticmethod
    def _kill(process):
        os.killpg(process.pid, signal.SIGKILL)  # the children as well: it leads a process group of its own
        process.wait()

    def remove(self):
        """Removes the server's files; WASMSERVE_KEEP in the environment keeps them for a look."""
        if not os.environ.get("WASMSERVE_KEEP"):
            shutil.rmtree(self.root, ignore_errors=True)

    @staticmethod
    def _wait(condition, what, patience=PATIENCE):
        deadline = time.monotonic() + patience
        while not condition():
            assert time.monotonic() < deadline, "waited %d s for %s" % (patience, what)
            time.sleep(0.02)

    # ---- the error log

    def log_text(self):
        try:
            with open(self.error_log, encoding="utf-8", errors="replace") as log:
                return log.read()
        except FileNotFoundError:
            return ""

    def log_mark(self):
        """A place in the error log, for `log_since`."""
        return len(self.log_text())

    def log_since(self, mark):
        return self.log_text()[mark:]

    def expect_log(self, regex, optional=False):
        """Declares lines that the tests provoke. Unless optional, one must have come when the audit happens."""
        self._expected.append([re.compile(regex), False, optional])

    def wait_log(self, regex, since=0, patience=PATIENCE):
        """Waits until a line that matches has been written, declares such lines, and returns the match."""
        pattern = re.compile(regex, re.M)
        self._wait(lambda: pattern.search(self.log_since(since)), "%r in the error log" % regex, patience)
        self.expect_log(regex, optional=True)
        return pattern.search(self.log_since(since))

    def audit(self):
        """The lines of the error log that no test declared, and what was declared and never came."""
        lines = self.log_text()[self._audited:].splitlines()
        self._audited = self.log_mark()
        for name in sorted(os.listdir(self.logs)):
            if name.startswith("sanitizer"):
                with open(os.path.join(self.logs, name), encoding="utf-8", errors="replace") as report:
                    lines.append("%s: AddressSanitizer or relative: %s" % (name, report.read()))
        bad = []
        for line in lines:
            declared = False
            for expectation in self._expected:
                if expectation[0].search(line):
                    expectation[1] = declared = True
            if not declared and LOG_BAD.search(line):
                bad.append(line)
        bad += ["expected in the error log, but never came: %s" % regex.pattern
                for regex, seen, optional in self._expected if not seen and not optional]
        self._expected = []
        return bad

    # ---- clients

    def connection(self, timeout=PATIENCE):
        return Connection(self.port, timeout)

    def request(self, method, path, headers=(), body=None):
        """One request on a connection of its own."""
        headers = list(headers)
        if not any(name.lower() == "connection" for name, _ in headers):
            headers.append(("Connection", "close"))
        with self.connection() as connection:
            return connection.request(method, path, headers, body)

    def get(self, path, headers=()):
        return self.request("GET", path, headers)

    def head(self, path, headers=()):
        return self.request("HEAD", path, headers)

    def raw(self, data):
        """Sends bytes as they are and returns everything until the server closes."""
        with self.connection() as connection:
            connection.send(data)
            while connection._more():
                pass
            return connection.buffer

    def h2_connection(self, timeout=PATIENCE):
        """A connection in HTTP/2 with prior knowledge (h2client.H2Connection), for what `h2_request` does not do."""
        assert self.h2, "this server was not started with h2=True"
        return h2client.H2Connection(self.port, timeout)

    def h2_request(self, method, path, headers=(), body=None):
        """One request over HTTP/2 on a connection of its own. Header names are in lower case, as on the wire."""
        with self.h2_connection() as connection:
            heads, received = connection.request(method, path, headers, body)
        responses = []
        for fields in heads:
            names = [name for name, _ in fields]
            if names[:1] != [":status"]:
                break  # trailers
            assert names.count(":status") == 1 and not any(re.search("[A-Z]", name) for name in names)
            responses.append(Response("2", int(fields[0][1]), fields[1:]))
        response = responses.pop()
        response.interim = responses
        response.body = received
        return response


def maker():
    """The fixture `make_httpd` of a test module: yields a function that starts servers (arguments: Httpd). After the
    module's last test they are stopped and their error logs audited. start=False returns one that is not started (for
    `configtest`)."""
    servers = []

    def make(*args, start=True, **keywords):
        server = Httpd(*args, **keywords)
        servers.append(server)
        return server.start() if start else server

    yield make
    wrong = []
    for server in servers:
        try:
            server.stop()
        except AssertionError as error:
            wrong.append(str(error))
        wrong += server.audit()
        server.remove()
    assert not wrong, "the servers of this module:\n" + "\n".join(wrong)
