# SPDX-License-Identifier: Apache-2.0
"""echo_backend.py: a small HTTP/1.1 server behind mod_proxy that shows what reached it.

    with EchoBackend() as backend:
        ... ProxyPass / http://127.0.0.1:%d/ nocanon ... backend.port

It answers every request with an empty 200 whose header repeats the request, as the public http-wasm kit's backend
does: x-httpwasm-next-method, x-httpwasm-next-uri (the target as it stood on the request line) and
x-httpwasm-next-header-NAME-N for the N-th line of each name. A path may have an answer of its own:
`backend.answers["/path"] = function(handler)`. What came is kept in `backend.requests`: (method, target, headers,
body), the headers a list of pairs.
"""
import http.server
import threading


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b""
            while True:
                size = int(self.rfile.readline().split(b";")[0], 16)
                body += self.rfile.read(size)
                self.rfile.readline()
                if size == 0:
                    return body
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _answer(self):
        backend = self.server.backend
        self.body = self._body()
        backend.requests.append((self.command, self.path, self.headers.items(), self.body))
        answer = backend.answers.get(self.path.split("?")[0])
        if answer:
            answer(self)
            return
        seen = {}
        self.send_response(200)
        self.send_header("x-httpwasm-next-method", self.command)
        self.send_header("x-httpwasm-next-uri", self.path)
        for name, value in self.headers.items():
            index = seen[name.lower()] = seen.get(name.lower(), -1) + 1
            self.send_header("x-httpwasm-next-header-%s-%d" % (name, index), value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def reply(self, status=200, headers=(), body=b""):
        """For answers: a whole response with a Content-Length."""
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def log_message(self, *_):
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a proxy that breaks off is what some tests are about


class EchoBackend:
    def __init__(self):
        self.requests = []
        self.answers = {}
        self.server = _Server(("127.0.0.1", 0), _Handler)
        self.server.backend = self
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
