"""`conductor approve` on a real terminal: what it asks, and that only a yes signs."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import subprocess
import sys

import pytest

from tests.cases.plan_world import ADA, tenant
from tests.services.desk import DAY, Desk

pytestmark = pytest.mark.service


def test_a_locked_key_is_opened_on_a_terminal(desk: Desk) -> None:
    desk.commit("Add fjord", **{"tenants/fjord.yaml": tenant("fjord")})
    key = desk.folder / "keys" / ADA
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "open sesame", "-f", key], check=True, timeout=60)
    code, _, err = desk.approve(ADA)
    assert (code, "has a passphrase" in err) == (2, True)
    words = ("approve", "--repo", str(desk.repo), "--person", ADA, "--key", str(key), "--yes", *DAY)
    code, told = on_a_terminal([sys.executable, "-m", "compiler.cli", *words], {"Passphrase of": "open sesame"})
    assert (code, f"{ADA} approved change" in told, "open sesame" in told) == (0, True, False)


@pytest.mark.parametrize(("answer", "ends"), [("n", 1), ("", 1), ("\x04", 1), ("\x03", 130)])
def test_whoever_does_not_say_yes_has_signed_nothing_and_is_told(desk: Desk, answer: str, ends: int) -> None:
    desk.commit("Add fjord", **{"tenants/fjord.yaml": tenant("fjord")})
    words = ("approve", "--repo", str(desk.repo), "--person", ADA, "--key", str(desk.folder / "keys" / ADA), *DAY)
    code, told = on_a_terminal([sys.executable, "-m", "compiler.cli", *words], {"[y/N]": answer})
    assert (code, "nothing was signed" in told, "Aborted" in told) == (ends, True, False)
    assert desk.git("branch", "--list", "approvals") == ""


def test_whoever_says_yes_has_signed(desk: Desk) -> None:
    desk.commit("Add fjord", **{"tenants/fjord.yaml": tenant("fjord")})
    words = ("approve", "--repo", str(desk.repo), "--person", ADA, "--key", str(desk.folder / "keys" / ADA), *DAY)
    code, told = on_a_terminal([sys.executable, "-m", "compiler.cli", *words], {"[y/N]": "Y"})
    assert (code, f"{ADA} approved change" in told) == (0, True)


def on_a_terminal(command: list[str], answers: dict[str, str]) -> tuple[int, str]:
    """Run a command on a terminal of its own, answer what it asks, and return its end and all that was seen."""
    process, terminal = pty.fork()
    if process == 0:
        os.execv(command[0], command)  # noqa: S606 -- an argument list, in the child that has the terminal
    told, waiting = "", dict(answers)
    with contextlib.suppress(OSError):  # the terminal is gone once the command has ended
        while select.select([terminal], [], [], 60)[0] and (data := os.read(terminal, 4096)):
            told += data.decode(errors="replace")
            for question in [question for question in waiting if question in told]:
                os.write(terminal, f"{waiting.pop(question)}\n".encode())
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), told
