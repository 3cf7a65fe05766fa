"""What a test wants seen: `record_property("rates", text)` is printed at the end, also where workers ran the tests."""

from __future__ import annotations

import pytest
from hypothesis import settings

# a loaded machine is no failure, and a seed that failed is printed
settings.register_profile("conductor", deadline=None, print_blob=True)
settings.load_profile("conductor")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the rates that tests have recorded."""
    for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")):
        for name, value in report.user_properties:
            if name == "rates":
                terminalreporter.write_line(f"{report.nodeid.rsplit('::', 1)[-1]}: {value}")
