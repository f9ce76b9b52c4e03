"""Show the built book on this machine: python tools/serve.py [8000]"""

from __future__ import annotations

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BOOK = Path(__file__).resolve().parents[1] / "_build" / "html"


def server(port: int, folder: Path = BOOK) -> ThreadingHTTPServer:
    """Return a server of ``folder`` on ``port``, or on a free port when that one is taken."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError:
        return ThreadingHTTPServer(("127.0.0.1", 0), handler)


def main() -> int:
    """Serve until Ctrl-C."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    if not (BOOK / "index.html").exists():
        print("There is no book yet: run make book first.", file=sys.stderr)
        return 1
    with server(port) as running:
        print(f"The book: http://127.0.0.1:{running.server_port}/ (Ctrl-C stops)", flush=True)
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            print("Stopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
