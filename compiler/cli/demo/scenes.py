"""The story, scene after scene. Each is a function of the world and the stage; `PLAY` is their order.

Rules kept: nothing is shown that did not happen; a scene that needs a refusal expects it, and stops the demo if the
command goes through.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from compiler.cli.demo.copy import copy_tree, replace
from compiler.cli.demo.stage import DemoError, Stage
from compiler.cli.demo.world import AGENT, NEW_TENANT, PEOPLE, World

Scene = Callable[[World, Stage], None]
MARA, TOMAS, INES = PEOPLE


def prepare(world: World, stage: Stage, source: Path, keys: dict[str, str]) -> None:
    """Copy the YAML, replace what belongs to another installation, and make repository and remote."""
    stage.scene(
        "Three people and an agent",
        "Private keys never lie in git. These were made just now, and only for this demo:",
    )
    for name in PEOPLE:
        stage.show(f"keys/{name:<16} {PEOPLE[name]}")
    stage.show(f"keys/{'agent':<16} the agent {AGENT}")
    stage.scene(
        "A copy of this repository's own YAML",
        "Everything stays as it is, but for what belongs to another installation:",
    )
    world.repo.mkdir()
    copy_tree(source, world.repo)
    replaced = replace(world.repo, keys=keys, targets=world.places(), created=world.today.isoformat())
    for item in replaced:
        before, after = (_short(value.replace(str(world.folder), "$DEMO")) for value in (item.before, item.after))
        stage.show(f"{item.path:<40} {item.what:<11} {before} → {after}")
    stage.git("init", "-q", "-b", "main", ".", cwd=world.repo, shown=False)
    for setting in (("user.name", "Demo Engineer"), ("user.email", "engineer@demo.invalid")):
        stage.git("config", *setting, cwd=world.repo, shown=False)
    stage.git("init", "-q", "--bare", "-b", "main", str(world.remote), cwd=world.folder, shown=False)
    stage.git("remote", "add", "origin", str(world.remote), cwd=world.repo, shown=False)
    _commit(world, stage, "Describe the installation")
    stage.conductor("check", "--today", world.today.isoformat(), cwd=world.repo)


def genesis(world: World, stage: Stage) -> None:
    """Those who have a key start the history."""
    stage.scene(
        "Genesis",
        "Two people must sign the state that everything starts from, and whoever signs shows that they have their key.",
        "Its digest is the trust root: what an auditor is told on paper, by phone, and never by this repository.",
    )
    for person, more in ((MARA, ()), (TOMAS, ("--more",)), (INES, ())):
        stage.conductor("genesis", "--person", person, "--key", _key(person), *more, cwd=world.repo)
    (found,) = (world.repo / "evidence" / "genesis").glob("*.json")
    (world.folder / "trust-root").write_text(f"sha256:{found.stem}\n")
    stage.spelled[f"sha256:{found.stem}"] = "$(cat ../trust-root)"
    stage.git("push", "-q", "-u", "origin", "main", cwd=world.repo)
    stage.say("The agent makes what genesis says: roles, schemas and grants in two PostgreSQL servers, and a release.")
    _agent(world, stage)


def new_tenant(world: World, stage: Stage) -> None:
    """A new tenant, approved, applied, logged into."""
    stage.scene(
        "A new tenant",
        "A name and a blueprint are a tenant. An engineer writes it on a branch, and plans it:",
    )
    _branch(world, stage, "new-tenant")
    path = world.repo / "tenants" / f"{NEW_TENANT}.yaml"
    path.write_text(
        f"apiVersion: conductor/v1\nkind: Tenant\nmetadata:\n  name: {NEW_TENANT}\n"
        "  description: Routes, crews and cargo of a ferry line.\nspec:\n  blueprint: standard\n"
    )
    for line in path.read_text().splitlines():
        stage.show(line)
    _commit(world, stage, f"Add tenant {NEW_TENANT}")
    stage.conductor("plan", "--today", world.today.isoformat(), cwd=world.repo)
    stage.say("Two people approve exactly that, whoever merges it:")
    _approve(world, stage, TOMAS, "new-tenant")
    _approve(world, stage, MARA, "new-tenant")
    _merge(world, stage, "new-tenant")
    _agent(world, stage)
    _expect(stage, world.log_in(NEW_TENANT), "logged in")


def suspension(world: World, stage: Stage) -> None:
    """One approval is not enough; two are. The login is gone, and that is measured."""
    stage.scene("A suspension, first with one approval", "Somebody merges a suspension that one person has approved.")
    _branch(world, stage, "suspend")
    _edit(world, NEW_TENANT, "blueprint: standard", "blueprint: standard\n  state: suspended")
    _commit(world, stage, f"Suspend {NEW_TENANT}: the contract ended")
    _approve(world, stage, TOMAS, "suspend")
    stage.conductor("plan", "--require-approved", cwd=world.repo, expect=1)
    _merge(world, stage, "suspend")
    stage.say("The agent refuses, and records that it did:")
    _agent(world, stage, expect=1)
    _expect(stage, world.log_in(NEW_TENANT), "logged in")
    stage.say("The second person approves. Nothing needs to be merged again:")
    _approve(world, stage, MARA, "main")
    _agent(world, stage)
    _expect(stage, world.log_in(NEW_TENANT), "not permitted to log in")


def unrelated(world: World, stage: Stage) -> None:
    """Approvals bind what changes and nothing else."""
    stage.scene(
        "Something else is merged in between",
        "A change of velora-retail is approved by two. Before it is merged, a change of another tenant lands.",
    )
    _branch(world, stage, "velora-budget")
    _edit(world, "velora-retail", "blueprint: standard", "blueprint: standard\n  retention_days: 730")
    _commit(world, stage, "Keep velora-retail's data for two years")
    _approve(world, stage, TOMAS, "velora-budget")
    _approve(world, stage, MARA, "velora-budget")
    _branch(world, stage, "nordlicht")
    _edit(world, "nordlicht-energie", "blueprint: standard", "blueprint: standard\n  legal_hold: true")
    _commit(world, stage, "Put nordlicht-energie under legal hold")
    _approve(world, stage, TOMAS, "nordlicht", quiet=True)
    _approve(world, stage, MARA, "nordlicht", quiet=True)
    _merge(world, stage, "nordlicht")
    _agent(world, stage, quiet=True)
    _merge(world, stage, "velora-budget")
    stage.say("The approvals of velora-retail were given before that, and still count:")
    _agent(world, stage)


def related(world: World, stage: Stage) -> None:
    """Where another change meets this one, the old approval no longer fits, and the approver sees what differs."""
    stage.scene(
        "Something related is merged in between",
        "velora-retail is to get another retention, approved by two; but first its blueprint changes.",
    )
    _branch(world, stage, "velora-hold")
    _edit(world, "velora-retail", "retention_days: 730", "retention_days: 1095")
    _commit(world, stage, "Keep velora-retail's data for three years")
    _approve(world, stage, TOMAS, "velora-hold", quiet=True)
    _approve(world, stage, MARA, "velora-hold", quiet=True)
    _branch(world, stage, "blueprint")
    path = world.repo / "tenants" / "blueprints" / "standard.yaml"
    path.write_text(re.sub(r"(?m)^(\s+queries_per_second: )\S+", r"\g<1>250", path.read_text(), count=1))
    _commit(world, stage, "Allow 250 queries a second on standard")
    _approve(world, stage, TOMAS, "blueprint", quiet=True)
    _approve(world, stage, MARA, "blueprint", quiet=True)
    _merge(world, stage, "blueprint")
    _agent(world, stage, quiet=True)
    _merge(world, stage, "velora-hold")
    stage.say("What was approved is not what would be done now; the agent does not take it:")
    _agent(world, stage, expect=1)
    stage.say("Whoever approves again is told what differs from what they approved before:")
    _approve(world, stage, TOMAS, "main", whole=True)
    _approve(world, stage, MARA, "main", quiet=True)
    _agent(world, stage, quiet=True)


def drift(world: World, stage: Stage) -> None:
    """What nobody approved is seen, recorded, and set right."""
    stage.scene("Drift", "Somebody with a superuser's password alters a role by hand:")
    statement = "ALTER ROLE t_velora_retail_app CONNECTION LIMIT 999"
    stage.show(f"psql> {statement}", style="bold cyan")
    world.by_hand(statement)
    stage.say("The agent sees it, records it, and heals it, because the target says `drift: heal`:")
    _agent(world, stage)
    limit = world.asked("SELECT rolconnlimit FROM pg_roles WHERE rolname = 't_velora_retail_app'")
    if limit == "999":
        raise DemoError("the connection limit is still 999")
    stage.show(f"connection limit of t_velora_retail_app: {limit}")


def audit(world: World, stage: Stage) -> None:
    """An auditor with a clone and a trust root, and nothing else of ours."""
    stage.scene("The auditor", "A clone, and the trust root from genesis. No server, no key, no network:")
    stage.git("clone", "-q", str(world.remote), str(world.folder / "auditor"), cwd=world.folder)
    root = (world.folder / "trust-root").read_text().strip()
    stage.conductor("evidence", "log", cwd=world.folder / "auditor")
    stage.conductor("verify", "--trust-root", root, cwd=world.folder / "auditor")


def tampering(world: World, stage: Stage) -> None:
    """One byte."""
    root = (world.folder / "trust-root").read_text().strip()
    ledger = sorted((world.repo / "evidence" / "ledger").rglob("*-result-*.sigstore.json"))
    victim = ledger[len(ledger) // 2]
    name = victim.relative_to(world.repo)
    stage.scene("One byte", f"In the work tree, one byte of {name} is flipped:")
    good = victim.read_bytes()
    victim.write_bytes(good[:100] + bytes([good[100] ^ 1]) + good[101:])
    said = stage.conductor("verify", "--trust-root", root, cwd=world.repo, expect=1)
    if victim.name not in said:
        raise DemoError(f"verification failed, but did not name {name}")
    victim.write_bytes(good)
    stage.say("And put back:")
    stage.conductor("verify", "--trust-root", root, cwd=world.repo)


PLAY: tuple[Scene, ...] = (genesis, new_tenant, suspension, unrelated, related, drift, audit, tampering)


def _agent(world: World, stage: Stage, *, quiet: bool = False, expect: int = 0) -> None:
    stage.conductor("agent", "once", "--key", _key("agent"), cwd=world.repo, quiet=quiet, expect=expect)
    stage.git("pull", "-q", "--ff-only", "origin", "main", cwd=world.repo, shown=False)


def _approve(world: World, stage: Stage, person: str, head: str, *, quiet: bool = False, whole: bool = False) -> None:
    words = ["--person", person, "--key", _key(person), "--head", head]
    after = "" if whole else f"{person} approved"
    stage.conductor("approve", *words, "--yes", "--push", cwd=world.repo, quiet=quiet, after=after)


def _key(name: str) -> str:
    """A private key, as it is typed in `repo/`."""
    return f"../keys/{name}"


def _branch(world: World, stage: Stage, name: str) -> None:
    stage.git("switch", "-q", "-c", name, "main", cwd=world.repo)


def _merge(world: World, stage: Stage, name: str) -> None:
    stage.git("switch", "-q", "main", cwd=world.repo, shown=False)
    stage.git("merge", "-q", "--no-ff", "-m", f"Merge {name}", name, cwd=world.repo)
    stage.git("push", "-q", "origin", "main", cwd=world.repo)


def _commit(world: World, stage: Stage, message: str) -> None:
    stage.git("add", "--all", cwd=world.repo, shown=False)
    stage.git("commit", "-q", "-m", message, cwd=world.repo)


def _edit(world: World, tenant: str, before: str, after: str) -> None:
    path = world.repo / "tenants" / f"{tenant}.yaml"
    text = path.read_text()
    if before not in text:
        raise DemoError(f"tenants/{tenant}.yaml has no line `{before}`")
    path.write_text(text.replace(before, after, 1))


def _expect(stage: Stage, said: str, wanted: str) -> None:
    stage.show(f"the tenant's application logs in: {said}", style="bold")
    if wanted not in said:
        raise DemoError(f"the login was to end with `{wanted}`, and ended with `{said}`")


def _short(value: str) -> str:
    return value if len(value) <= 44 else f"{value[:30]}…{value[-8:]}"
