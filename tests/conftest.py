"""What a test wants seen: `record_property("rates", text)` is printed at the end, also where workers ran the tests."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the rates that tests have recorded."""
    for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")):
        for name, value in report.user_properties:
            if name == "rates":
                terminalreporter.write_line(f"{report.nodeid.rsplit('::', 1)[-1]}: {value}")
