# SPDX-License-Identifier: Apache-2.0
"""slow_backend.py: a server that answers exactly the bytes it is told, right or wrong, and then closes the connection.

    backend.say("/app.wasm", cut_answer, whole_answer)      the first request gets the first, all later ones the last
"""
import socket
import threading
import time


def answer(body, headers=(), status="200 OK", length=None):
    """The bytes of a response; length: what Content-Length says, if not the truth."""
    lines = ["HTTP/1.1 " + status, "Content-Length: %d" % (len(body) if length is None else length), "Connection: close"]
    return ("\r\n".join(lines + ["%s: %s" % pair for pair in headers]) + "\r\n\r\n").encode() + body


class Backend:
    """Listens on a free port of 127.0.0.1 from the constructor to close()."""

    def __init__(self):
        self.answers = {}
        self.slow = set()      # paths whose answer comes in pieces
        self.given_up = set()  # paths whose client did not wait for all of it
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=32)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def say(self, path, *answers):
        with self.lock:
            self.answers[path] = list(answers)

    def say_slowly(self, path, data):
        """64 KiB every tenth of a second."""
        self.say(path, data)
        self.slow.add(path)

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self.handle, args=(connection,), daemon=True).start()

    def handle(self, connection):
        with connection:
            connection.settimeout(60)
            head = b""
            while b"\r\n\r\n" not in head:
                data = connection.recv(65536)
                if not data:
                    return
                head += data
            path = head.split(b" ")[1].decode("latin-1")
            with self.lock:
                answers = self.answers.get(path, [answer(b"nothing here", status="404 Not Found")])
                data = answers.pop(0) if len(answers) > 1 else answers[0]
            try:
                for at in range(0, len(data), 65536):
                    connection.sendall(data[at:at + 65536])
                    if path in self.slow:
                        time.sleep(0.1)
            except OSError:
                self.given_up.add(path)

    def close(self):
        self.listener.close()
