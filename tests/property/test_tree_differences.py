"""Large trees are compared by the place where they differ: the same answer as comparing all of them."""

from __future__ import annotations

import random

import pytest

from runtime.testing.memory_git import MemoryGit

FOLDER = "evidence/approvals"


@pytest.mark.parametrize("seed", range(25))
def test_what_differs_is_found_wherever_a_large_folder_changes(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 -- a repeatable test
    git = MemoryGit()
    files = {f"{FOLDER}/{chance.randbytes(8).hex()}": chance.randbytes(4) for _ in range(200)}
    git.commit_files(files)
    expected: list[set[tuple[str, bool, bool]]] = []
    for _ in range(12):
        add: dict[str, bytes] = {}
        remove: list[str] = []
        for _ in range(chance.choice((1, 1, 2, 3))):
            known = sorted(path for path in files if path not in remove)
            match chance.choice(("add", "add", "change", "remove", "deepen")):
                case "add":
                    add[f"{FOLDER}/{chance.choice(('', '0', 'zz'))}{chance.randbytes(6).hex()}"] = chance.randbytes(4)
                case "change":
                    add[chance.choice(known)] = chance.randbytes(5)
                case "remove":
                    remove.append(chance.choice(known))
                case _:
                    add[f"{FOLDER}/{chance.randbytes(6).hex()}/deep"] = chance.randbytes(4)
        add = {path: data for path, data in add.items() if path not in remove}
        expected.append(
            {(path, path in files, True) for path, data in add.items() if files.get(path) != data}
            | {(path, True, False) for path in remove}
        )
        git.commit_files(add, remove=remove)
        files = {path: data for path, data in {**files, **add}.items() if path not in remove}
    fresh = MemoryGit()
    fresh.objects, fresh.refs = git.objects, git.refs
    found = [
        {(item.path, item.before is not None, item.after is not None) for item in step.changes}
        for step in fresh.first_parents(fresh.refs["refs/heads/main"])
    ]
    assert found[1:] == expected
    assert set(fresh.files(fresh.refs["refs/heads/main"])) == set(files)
