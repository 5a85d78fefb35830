"""Serves one page."""

from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from service.greeting import greeting

PAGE = Path(__file__).parent / "templates/page.html"


class Handler(BaseHTTPRequestHandler):
    """Answers every path with a greeting."""

    def do_GET(self):
        """Send the page."""
        body = PAGE.read_text().replace("GREETING", greeting(self.path.strip("/") or "world")).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", 8000), Handler).serve_forever()
