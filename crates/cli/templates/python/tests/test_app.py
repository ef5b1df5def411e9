import sys
import unittest

sys.path[:0] = ["src", "vendor/tandem-sdk"]

import app
from tandem import ErrorKind, ServiceError
from tandem.testing import Host


class Greeting(unittest.TestCase):
    host = Host(config={"greeting": "Hello"})

    def test_name_is_greeted(self):
        self.assertEqual(self.host.run(app.run, " World\n"), b"Hello, World!")

    def test_names_that_are_none_are_refused(self):
        for name in ["", " ", "x" * 101]:
            with self.assertRaises(ServiceError) as refused:
                self.host.run(app.run, name)
            self.assertEqual(refused.exception.kind, ErrorKind.INVALID_INPUT)

    def test_greeting_has_to_be_configured(self):
        with self.assertRaisesRegex(ServiceError, "config `greeting` is not set"):
            Host().run(app.run, "World")
