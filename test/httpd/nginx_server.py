# SPDX-License-Identifier: Apache-2.0
"""nginx_server.py: a private nginx, for what is measured or compared beside it.

    server = Nginx(config, {"app.wasm": b"…"}, modules=["ngx_http_brotli_static_module"])

It has a directory, a port of 127.0.0.1 and the document root of its own. `config` is what stands inside `server { }`;
{root} in it is the directory. Raises Missing, which says what to install, where there is no nginx or no such module.
"""
import os
import shutil
import subprocess
import tempfile
import time

import env

MODULES = "/usr/lib/nginx/modules"
PACKAGES = {"ngx_http_brotli_static_module": "libnginx-mod-http-brotli-static"}

FRAME = """
%(load)s
%(user)s
worker_processes 2;
daemon off;
pid "{root}/nginx.pid";
error_log stderr error;
events { worker_connections 256; }
http {
    types { application/wasm wasm; text/html html; }
    access_log off;
    keepalive_requests 100000000;
    client_body_temp_path "{root}/t1"; proxy_temp_path "{root}/t2"; fastcgi_temp_path "{root}/t3";
    uwsgi_temp_path "{root}/t4"; scgi_temp_path "{root}/t5";
    server {
        listen 127.0.0.1:%(port)d%(h2)s;
        root "{root}/docroot";
        %(config)s
    }
}
"""


class Missing(Exception):
    """What is compared with is not here; the text says why."""


class Nginx:
    def __init__(self, config, files, modules=(), h2=False, mtime=None):
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        if not os.access(program, os.X_OK):
            raise Missing("no nginx (Debian: nginx-light)")
        for module in modules:
            if not os.path.exists("%s/%s.so" % (MODULES, module)):
                raise Missing("nginx has no %s (Debian: %s)" % (module, PACKAGES[module]))
        self.root = tempfile.mkdtemp(prefix="wasmserve-nginx-")
        os.chmod(self.root, 0o755)
        for name, data in files.items():
            path = os.path.join(self.root, "docroot", name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as out:
                out.write(data)
            if mtime is not None:
                os.utime(path, (mtime, mtime))
        self.port = env.free_port()
        text = FRAME % {"load": "\n".join('load_module "%s/%s.so";' % (MODULES, module) for module in modules),
                        "user": "user www-data;" if os.getuid() == 0 else "", "port": self.port,
                        "h2": " http2" if h2 else "", "config": config}
        with open(self.root + "/nginx.conf", "w", encoding="utf-8") as out:
            out.write(text.replace("{root}", self.root))
        self.process = subprocess.Popen([program, "-p", self.root, "-c", self.root + "/nginx.conf"],
                                        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        self._wait()

    def _wait(self):
        deadline = time.monotonic() + env.PATIENCE
        while time.monotonic() < deadline:
            try:
                env.Connection(self.port, 1).close()
                return
            except OSError:
                if self.process.poll() is not None:
                    raise RuntimeError("nginx did not start") from None
                time.sleep(0.05)
        raise RuntimeError("nginx does not answer")

    def request(self, method, path, headers=(), body=None):
        with env.Connection(self.port) as connection:
            return connection.request(method, path, list(headers) + [("Connection", "close")], body)

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def remove(self):
        shutil.rmtree(self.root, ignore_errors=True)
