"""Waiting for a condition, however long a busy machine takes."""

import time

LONGEST = 600
"""Seconds after which what is waited for is taken to hang."""


def wait_until(condition, process=None, what=None):
    """Wait until a condition holds, and return what it gave.

    Args:
        condition: called without arguments until it gives something true.
        process: fails the test if it ends before.
        what: called for what to say if the wait is in vain.
    """
    last = time.monotonic() + LONGEST
    while not (found := condition()):
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < last, what() if what else "waited in vain"
        time.sleep(0.02)
    return found
