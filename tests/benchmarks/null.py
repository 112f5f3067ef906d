"""A Flask application of one route that reads what it is sent and answers a constant, on the emulator's own server class."""

from __future__ import annotations

import signal
import sys
import threading

from flask import Flask, Response, request

from ecs_emulator.http.server import Server


def main() -> None:
    answer = sys.stdin.buffer.read()
    app = Flask(__name__, static_folder=None)

    @app.post("/")
    def null() -> Response:
        request.get_data(cache=False)
        return Response(answer, 200, {"Content-Type": "application/x-amz-json-1.1"})

    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    server = Server("127.0.0.1", 0)
    server.mount(app)
    server.start()
    print(f"null ready: {server.endpoint}", flush=True)
    ended.wait()
    server.stop()


if __name__ == "__main__":
    main()
