"""nginx as a file server: one process, and one port for each way in which it may be set."""

from __future__ import annotations

import getpass
import socket
import subprocess
from pathlib import Path

from tests.gateway.tls.pki import Issued, chain_pem
from tests.wire.programs import require
from tests.wire.unit_process import free_tcp_port, until

ADDRESS = "127.0.0.1"


class Nginx:
    """Serves the folder `files` below its home, and takes what is put into `put`."""

    def __init__(self, home: Path) -> None:
        self.home, self.ports = home, dict[str, int]()
        self._servers: list[str] = []
        for folder in ("files", "put", "tmp"):
            (home / folder).mkdir()
        (home / "users").write_text("eva:{PLAIN}secret\n", encoding="ascii")

    def serve(self, name: str, who: Issued | None = None, *lines: str) -> int:
        """Add a port, in clear where nobody is there to show; give it."""
        port = self.ports[name] = free_tcp_port()
        if who is not None:
            path = self.file(f"{name}.pem", who.pem())
            lines = (f"ssl_certificate {path}", f"ssl_certificate_key {path}", *lines)
        settings = "".join(f"    {line};\n" for line in lines)
        self._servers.append(f"""
  server {{
    listen {ADDRESS}:{port}{" ssl" if who else ""};
{settings}
    client_max_body_size 100m;
    location / {{ root {self.home}/files; }}
    location /put/ {{
      alias {self.home}/put/;
      dav_methods PUT;
    }}
    location /asks/ {{
      alias {self.home}/files/;
      auth_basic "files";
      auth_basic_user_file {self.home}/users;
    }}
    location = /moved {{ return 302 /file; }}
    location = /round {{ return 302 /round; }}
    location = /down {{ return 302 http://{ADDRESS}/file; }}
    location = /away {{ return 307 $scheme://localhost:{port}/asks/file; }}
    location = /busy {{ return 503; }}
    location /slow/ {{ alias {self.home}/files/; limit_rate 200k; }}
    location = /chunked {{ ssi on; root {self.home}/files; }}
  }}""")
        return port

    def file(self, name: str, octets: bytes) -> Path:
        path = self.home / name
        path.write_bytes(octets)
        return path

    def authorities(self, *issued: Issued) -> str:
        """Give the lines by which clients' certificates are demanded."""
        path = self.file("clients.pem", chain_pem(*(each.certificate for each in issued)))
        return f"ssl_client_certificate {path}; ssl_verify_client on"

    def start(self) -> None:
        """Come up. Ports that nobody had may be taken by then, which `until` shows."""
        temporary = "".join(
            f"  {kind}_temp_path {self.home}/tmp/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        path = self.file("nginx.conf", f"""
daemon off;
master_process off;
pid {self.home}/pid;
error_log {self.home}/error.log;
user {getpass.getuser()};
events {{ worker_connections 128; }}
http {{
  access_log off;
  sendfile on;
{temporary}{"".join(self._servers)}
}}
""".encode())
        self._process = subprocess.Popen(
            [require("nginx"), "-p", str(self.home), "-c", str(path), "-e",
             f"{self.home}/error.log"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: all(map(_is_open, self.ports.values())), "nginx")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((ADDRESS, port)) == 0
