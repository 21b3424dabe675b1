"""The greeter over HTTP, on the port that /etc/greeter.env names."""

import html
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from app.greeting import greet

HERE = Path(__file__).resolve().parent.parent


def version() -> dict[str, str]:
    """What release.json, written by the build, says of this release."""
    path = HERE / "release.json"
    return json.loads(path.read_text()) if path.exists() else {"commit": "unreleased"}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    release = version()

    def do_GET(self) -> None:
        """Answer the three pages."""
        url = urlsplit(self.path)
        if url.path == "/healthz":
            self.answer("text/plain", "ok\n")
        elif url.path == "/version":
            self.answer("application/json", json.dumps(self.release) + "\n")
        elif url.path == "/":
            name = parse_qs(url.query).get("name", [""])[0]
            self.answer("text/html; charset=utf-8", f"<h1>{html.escape(greet(name))}</h1>\n")
        else:
            self.answer("text/plain", "not found\n", 404)

    def answer(self, kind: str, text: str, status: int = 200) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet: the host keeps no access log."""


def main() -> None:
    """Serve until stopped."""
    port = int(os.environ.get("PORT", "8080"))
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
