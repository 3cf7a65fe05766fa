"""What `init` has made or found -> text, which ends with exactly what to type next."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

from compiler.cli.init.answers import Answers
from compiler.cli.init.fork import Fork
from compiler.cli.init.layout import start_commands
from compiler.cli.options import where
from runtime.contract.plural import plural


def laid_out_text(
    answers: Answers, folder: Path, count: int, left: tuple[str, ...], todo: tuple[str, ...], *, made: bool
) -> str:
    """What was laid out, what is still to be done, and what to type next."""
    lines = [
        f"{answers.platform} is laid out in {folder}: {plural(count, 'file')}"
        + (", a new git repository." if made else ".")
    ]
    if left:
        lines += ["", "Left as they were, because they are yours (an empty folder shows what would be in them):"]
        lines += [f"  {path}" for path in left]
    if todo:
        lines += ["", *todo]
    lines += ["", "Next:", ""]
    commands = (f"cd {quote(str(folder))}", *start_commands(answers))
    lines += [f"  {command}" for command in commands]
    lines += [
        "",
        "Then push main to where everybody works (git remote add origin URL), and let the agent make it so:",
        "",
        f"  conductor agent once --key {quote(answers.agent_private)}",
    ]
    lines += [
        "",
        "Two people sign where history starts, each with their own key. `conductor doctor` says what is missing.",
    ]
    return "\n".join(lines) + "\n"


def fork_text(fork: Fork, folder: Path) -> str:
    """What may not stay of the original, or what two people type next."""
    original = fork.original
    lines = [
        f"A copy of repository {original.repository}, genesis sha256:{original.digest},",
        f"which has taken what commit {fork.verified[:12]} says.",
    ]
    if fork.musts:
        lines += ["", f"Must differ before two people may sign ({len(fork.musts)}):", ""]
        for must in fork.musts:
            lines += [f"  {must.where}: {must.what}", f"    = help: {must.do}"]
    lines += ["", "Worth a look:", "", *(f"  {note}" for note in fork.notes), ""]
    if fork.musts:
        return "\n".join([*lines, "Commit what you change to main, and ask again. Nothing was written."]) + "\n"
    command = f"  conductor genesis{where(folder)} --previous sha256:{original.digest}"
    lines += [
        "No agent of this copy can sign for the original's, or act on its systems. Next, two people of this copy:",
        "",
        f"{command} --person {fork.people[0] if fork.people else 'NAME'} --key FILE",
        f"{command} --person {fork.people[1] if len(fork.people) > 1 else 'OTHER'} --key FILE",
        "",
        "That gives it a repository id of its own: no approval of the original counts here, and no object of the",
        "original is touched. Tell everybody who verifies, approves or runs an agent here the trust root it prints.",
    ]
    return "\n".join(lines) + "\n"
