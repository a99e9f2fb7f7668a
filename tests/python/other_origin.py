"""Opens pages that have the JavaScript of the documentation in them, at another origin than the server's.

Reads {"port": ..., "script": ...}. The pages are served at this port: the page at 127.0.0.1 has a listed origin, and what
its script writes to the console is printed; the page at localhost has one that is not listed, and gets no answer.
"""

import json
import shutil
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from playwright.sync_api import sync_playwright

PATIENCE = 60_000  # milliseconds

given = json.load(sys.stdin)
html = f"<!doctype html><html lang='en'><title>app</title><script>{given['script']}</script></html>".encode()


class App(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(html)))
        self.end_headers()
        self.wfile.write(html)

    def log_message(self, *_):
        pass


def console(page, host):
    """What the script of the page writes to the console."""
    with page.expect_console_message(lambda line: line.type == "log", timeout=PATIENCE) as line:
        page.goto(f"http://{host}:{given['port']}/")
    return line.value.text


app = ThreadingHTTPServer(("127.0.0.1", given["port"]), App)
threading.Thread(target=app.serve_forever, daemon=True).start()
chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
assert chromium, "chromium is not there, which the test of the pages needs"
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
    page = browser.new_page()
    answer = console(page, "127.0.0.1")
    refused = console(page, "localhost")
    browser.close()
assert refused.startswith("error") and "Failed to fetch" in refused, refused
print(answer)
