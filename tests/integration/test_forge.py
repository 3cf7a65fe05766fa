"""What the GitHub action and `conductor comment` do: on a local server that plays the forge, and on real git."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
import yaml

from compiler.driver import compile_commit
from compiler.forges import MARKER
from runtime.agent.decide import Take, decide
from runtime.git.repository import Repository
from runtime.governance.approvals import Approvals
from runtime.ledger.history import replay
from runtime.release import VERSION
from tests.cases.plan_world import ADA, BEN, tenant
from tests.services.desk import DAY, Desk

pytestmark = pytest.mark.service

ROOT = Path(__file__).resolve().parents[2]
ACTION = ROOT / ".github" / "actions" / "conductor"
ROBOT = "github-actions[bot]"


@dataclass
class Forge:
    """Comments as both forges keep them; `asked` is method, path and token of every request."""

    address: str = ""
    comments: list[dict[str, Any]] = field(default_factory=list)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    me: str = ROBOT

    def say(self, login: str, body: str) -> None:
        author = {"login": login, "id": crc32(login.encode())}
        self.comments.append({"id": len(self.comments) + 1, "body": body, "user": author, "author": author})


@pytest.fixture
def forge() -> Iterator[Forge]:
    state = Forge()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            token = self.headers.get("Authorization") or self.headers.get("PRIVATE-TOKEN")
            state.asked.append((self.command, self.path, token))
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            path, _, query = self.path.partition("?")
            found: Any
            if path.endswith("/moved"):
                self.send_response(302)
                self.send_header("Location", state.address + "/user")
                self.end_headers()
                return
            if path == "/user":
                found = {"id": crc32(state.me.encode())}
            elif self.command == "GET":
                page = int(query.rpartition("=")[2])
                found = state.comments[(page - 1) * 100 : page * 100]
            elif self.command == "POST":
                state.say(state.me, body["body"])
                found = state.comments[-1]
            else:
                found = next(item for item in state.comments if item["id"] == int(path.rpartition("/")[2]))
                found["body"] = body["body"]
            data = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_PUT = answer  # noqa: N815 -- the names that the library looks for

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield state
        server.shutdown()
        thread.join()


def action(desk: Desk, run: str, forge: Forge | None = None, /, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the action's step as GitHub's runner would."""
    declared = yaml.safe_load((ACTION / "action.yml").read_text())
    (step,) = [step for step in declared["runs"]["steps"] if step["name"] == "Conductor"]
    environment = dict.fromkeys(step["env"], "")
    (root,) = (path.stem for path in (desk.repo / "evidence" / "genesis").glob("*.json"))
    environment["TRUST_ROOT"] = f"sha256:{root}"
    environment |= {"RUN": run, "REPO": str(desk.repo), "HEAD": desk.git("rev-parse", "HEAD"), "EVENT": "pull_request"}
    if forge is not None:
        environment |= {"GITHUB_API_URL": forge.address, "GITHUB_REPOSITORY": "intelgraph/own", "GITHUB_TOKEN": "t0ken"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", step["run"]],
        env={"PATH": path, "HOME": str(desk.folder), "GITHUB_ACTION_PATH": str(ACTION), **environment, **more},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def own_workflow(desk: Desk, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the job `approved` of the workflow that `init` writes, as GitHub's runner would."""
    template = ROOT / "compiler" / "cli" / "init" / "templates" / "github.yml.jinja"
    declared = yaml.safe_load(template.read_text().replace("<< requirement | quoted >>", "none"))
    step = declared["jobs"]["approved"]["steps"][-1]
    environment = dict.fromkeys(step["env"], "")
    (root,) = (path.stem for path in (desk.repo / "evidence" / "genesis").glob("*.json"))
    environment |= {"TRUST_ROOT": f"sha256:{root}", **more}
    assert environment.keys() == step["env"].keys()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        cwd=desk.repo,
        env={"PATH": path, "HOME": str(desk.folder), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_plan_is_one_comment_that_is_written_anew(desk: Desk, forge: Forge) -> None:
    for number in range(130):
        forge.say("somebody", f"remark {number}")
    forge.say("mallory", f"{MARKER}\nall approved")
    forge.comments[0] |= {"user": None, "body": f"{MARKER}\nby an account that is gone"}
    desk.commit("Add fjord", **{"tenants/fjord.yaml": tenant("fjord")})
    first = action(desk, "plan", forge, NUMBER="12")
    assert (first.returncode, first.stdout) == (0, "comment made\n"), first.stderr
    assert (len(forge.comments), forge.comments[-1]["user"]["login"]) == (132, ROBOT)
    assert forge.comments[-1]["body"].startswith(f"{MARKER}\n### Conductor plan: Add fjord")
    desk.commit("Add glacier", **{"tenants/glacier.yaml": tenant("glacier")})
    again = action(desk, "plan", forge, NUMBER="12")
    assert (again.returncode, again.stdout) == (0, "comment updated\n"), again.stderr
    assert (len(forge.comments), "glacier" in forge.comments[-1]["body"]) == (132, True)
    assert forge.comments[-2]["body"] == f"{MARKER}\nall approved"
    assert {token for _, _, token in forge.asked} == {"Bearer t0ken"}
    assert {path.partition("?")[0] for method, path, _ in forge.asked if method == "GET"} == {
        "/repos/intelgraph/own/issues/12/comments"
    }


def test_a_plan_that_is_unsound_is_commented_and_fails_the_job(desk: Desk, forge: Forge) -> None:
    desk.commit("Add fjord", **{"tenants/fjord.yaml": tenant("fjord").replace("standard", "standart")})
    done = action(desk, "plan", forge, NUMBER="12")
    assert (done.returncode, len(forge.comments)) == (1, 1)
    assert "standart" in forge.comments[0]["body"]


def test_gitlab_has_the_same_in_a_note(forge: Forge) -> None:
    forge.me = "project_7_bot"
    forge.say("mallory", f"{MARKER}\nall approved")
    environment = {
        "PATH": os.environ["PATH"], "CI_API_V4_URL": forge.address, "CI_PROJECT_ID": "7",
        "CONDUCTOR_GITLAB_TOKEN": "t0ken",
    }  # fmt: skip
    command = [str(Path(sys.executable).parent / "conductor"), "comment", "--on", "gitlab", "--number", "3"]
    for text in ("one", "two"):
        done = subprocess.run(
            command, env=environment, input=text, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
    assert [item["body"] for item in forge.comments] == [f"{MARKER}\nall approved", f"{MARKER}\ntwo"]
    assert ("PUT", "/projects/7/merge_requests/3/notes/2", "t0ken") in forge.asked


def test_a_token_is_never_sent_where_a_redirection_points(forge: Forge) -> None:
    environment = {
        "PATH": os.environ["PATH"], "GITHUB_API_URL": f"{forge.address}/moved?", "GITHUB_REPOSITORY": "a/b",
        "GITHUB_TOKEN": "t0ken",
    }  # fmt: skip
    command = [str(Path(sys.executable).parent / "conductor"), "comment", "--on", "github", "--number", "3"]
    done = subprocess.run(command, env=environment, input="x", capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "302" in done.stderr, "t0ken" in done.stderr) == (3, True, False)
    assert [path for _, path, _ in forge.asked if path == "/user"] == []
    plain = {**environment, "GITHUB_API_URL": "http://forge.example"}
    done = subprocess.run(command, env=plain, input="x", capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "use https" in done.stderr) == (2, True)


def test_findings_are_annotations(desk: Desk) -> None:
    assert action(desk, "check").returncode == 0
    (desk.repo / "tenants" / "fjord.yaml").write_text(tenant("fjord").replace("standard", "standart"))
    done = action(desk, "check")
    assert done.returncode == 1
    assert done.stdout.startswith("::error file=tenants/fjord.yaml,line=6,")


def _approved(desk: Desk) -> None:
    for person in (ADA, BEN):
        assert desk.approve(person, "--push").code == 0


def _queued(desk: Desk, *branches: str, how: str) -> tuple[str, str]:
    """What a merge queue makes of branches: base and head of the group."""
    desk.git("switch", "-q", "-C", "queue", "main")
    for branch in branches:
        if how == "merge":
            desk.git("merge", "-q", "--no-ff", "-m", f"Merge {branch}", branch)
        elif how == "squash":
            desk.git("merge", "-q", "--squash", branch)
            desk.git("commit", "-q", "-m", f"Squash {branch}")
        else:
            desk.git("cherry-pick", f"main..{branch}")
    return desk.git("rev-parse", "main"), desk.git("rev-parse", "queue")


def _first_taken(desk: Desk, head: str) -> str | None:
    """The commit that an agent would take first if this were main's head."""
    with Repository(desk.repo) as git:
        history = replay(git, desk.git("rev-parse", "main"))
        at = datetime.now(tz=UTC)
        decision = decide(
            history.verified,
            git,
            head,
            approvals=Approvals(git, git.resolve("approvals")).of,
            compile=compile_commit(git),
            transition=history.transitions(at),
            at=at,
            release=VERSION,
        )
    return decision.commit if isinstance(decision, Take) else None


@pytest.mark.parametrize("how", ["merge", "squash", "rebase"])
def test_a_queue_passes_when_an_agent_would_take_all_that_it_brings(desk: Desk, how: str) -> None:
    for name in ("fjord", "glacier"):
        desk.git("switch", "-q", "-C", name, "main")
        desk.commit(f"Add {name}", **{f"tenants/{name}.yaml": tenant(name)})
        # a change of two commits is approved as one
        desk.commit(f"Describe {name}", **{f"tenants/{name}.yaml": tenant(name).replace("spec:", "spec: # new", 1)})
    base, head = _queued(desk, "fjord", "glacier", how=how)
    queue = {"EVENT": "merge_group", "BASE": base, "HEAD": head}
    assert action(desk, "approved", None, **queue).returncode == 1
    assert _first_taken(desk, head) is None
    desk.git("switch", "-q", "fjord")
    _approved(desk)
    alone = _queued(desk, "fjord", how=how)
    assert action(desk, "approved", None, EVENT="merge_group", BASE=alone[0], HEAD=alone[1]).returncode == 0
    assert _first_taken(desk, alone[1]) == alone[1]
    assert action(desk, "approved", None, **queue).returncode == own_workflow(desk, **queue).returncode == 1
    assert _first_taken(desk, head) not in {None, head}
    desk.git("switch", "-q", "glacier")
    _approved(desk)
    done = action(desk, "approved", None, **queue)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("✓ two-people") == 2
    own = own_workflow(desk, **queue)
    assert (own.returncode, own.stdout) == (0, done.stdout), own.stderr


def test_what_is_installed_is_this_release() -> None:
    assert f"intelgraph-conductor[compiler]=={VERSION}" in (ACTION / "action.yml").read_text()
    assert f"intelgraph-conductor[compiler]=={VERSION}" in (ROOT / ".gitlab" / "conductor.gitlab-ci.yml").read_text()


def test_where_a_history_has_begun_the_check_needs_to_be_told_its_start(desk: Desk) -> None:
    done = action(desk, "approved", None, TRUST_ROOT="")
    assert (done.returncode, "CONDUCTOR_TRUST_ROOT" in done.stderr) == (2, True)
    own = own_workflow(desk, TRUST_ROOT="", EVENT="pull_request", HEAD=desk.git("rev-parse", "HEAD"))
    assert (own.returncode != 0, "CONDUCTOR_TRUST_ROOT" in own.stderr) == (True, True)


def test_without_each_a_queue_of_two_changes_is_one_that_nobody_has_approved(desk: Desk) -> None:
    for name in ("fjord", "glacier"):
        desk.git("switch", "-q", "-C", name, "main")
        desk.commit(f"Add {name}", **{f"tenants/{name}.yaml": tenant(name)})
        _approved(desk)
    base, head = _queued(desk, "fjord", "glacier", how="squash")
    words = ("plan", "--base", base, "--head", head, "--require-approved", *DAY)
    assert desk.conductor(*words).code == 1
    assert desk.conductor(*words, "--each").code == 0


def test_the_hook_finds_what_check_finds_before_a_commit(desk: Desk, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pre_commit",
        "try-repo",
        str(ROOT),
        "conductor-check",
        "--ref",
        "HEAD",
        "--all-files",
    ]
    # an environment of its own: the hook's commands are those that it installs
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PRE_COMMIT_HOME": str(tmp_path / "hooks")}
    environment |= {name: value for name, value in os.environ.items() if name.startswith("PIP_")}

    def hook() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=desk.repo, env=environment, capture_output=True, text=True, timeout=300, check=False
        )

    done = hook()
    assert (done.returncode, "Passed" in done.stdout) == (0, True), done.stdout
    desk.commit("Add fjord", **{"tenants/fjord.yaml": tenant("fjord").replace("standard", "standart")})
    done = hook()
    assert (done.returncode, "did you mean `standard`?" in done.stdout) == (1, True), done.stdout
