"""One line a test, as the suite counts them. Called by the tests in Python."""

import unittest


class Told(unittest.TextTestResult):
    """One line a test, as the suite counts them."""

    def addSuccess(self, test):
        print(f"ok - {test.id()}")

    def addError(self, test, error):
        print(f"not ok - {test.id()}\n{self._exc_info_to_string(error, test)}")
        super().addError(test, error)

    def addFailure(self, test, error):
        print(f"not ok - {test.id()}\n{self._exc_info_to_string(error, test)}")
        super().addFailure(test, error)


def main():
    """Runs the tests of the program that asks."""
    unittest.main(module="__main__", testRunner=unittest.TextTestRunner(resultclass=Told, verbosity=0))
