"""What a test wants seen: `record_property("rates", text)` is printed at the end, also where workers ran the tests."""

from __future__ import annotations

import signal

import pytest
from hypothesis import settings

# a loaded machine is no failure, and a seed that failed is printed
settings.register_profile("conductor", deadline=None, print_blob=True)
settings.load_profile("conductor")

# a shell without job control ignores Ctrl-C for what it starts in the background; what tests start is to hear it
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the rates that tests have recorded."""
    for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")):
        for name, value in report.user_properties:
            if name == "rates":
                terminalreporter.write_line(f"{report.nodeid.rsplit('::', 1)[-1]}: {value}")
