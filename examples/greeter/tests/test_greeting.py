import threading
import unittest
from http.server import ThreadingHTTPServer
from urllib.request import urlopen

from app.greeting import MAX_NAME, greet
from app.server import Handler


class Greeting(unittest.TestCase):
    def test_greets_by_name(self):
        self.assertEqual(greet("Ada"), "Hello, Ada!")

    def test_greets_the_world_when_nobody_is_named(self):
        self.assertEqual(greet("  "), "Hello, world!")

    def test_cuts_a_name_that_is_too_long(self):
        self.assertEqual(greet("x" * 500), f"Hello, {'x' * MAX_NAME}!")


class Service(unittest.TestCase):
    def setUp(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def read(self, path):
        with urlopen(f"http://127.0.0.1:{self.server.server_address[1]}{path}", timeout=5) as answer:
            return answer.read().decode()

    def test_the_page_escapes_what_it_is_told(self):
        self.assertIn("&lt;b&gt;", self.read("/?name=%3Cb%3E"))

    def test_it_says_that_it_is_healthy(self):
        self.assertEqual(self.read("/healthz"), "ok\n")


if __name__ == "__main__":
    unittest.main()
