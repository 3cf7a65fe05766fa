"""A repository with grants and many tenants, in which each branch makes other decisions flip."""

from __future__ import annotations

from compiler.rego import LOCK, WASM, Lock, sources
from tests.cases.inputs import own_policy
from tests.cases.plan_world import PlanWorld, base_files, tenant

BLUEPRINT = "tenants/blueprints/standard.yaml"
ACCESS = "policies/access.rego"
NAMES = tuple(f"tenant-{number:02}" for number in range(1, 13))


def grant(name: str, roles: str, scopes: str, *more: str) -> str:
    """A grant's YAML."""
    lines = [f"roles: [{roles}]", f"scopes: [{scopes}]", *(more or ("blueprints: [standard, guarded]",))]
    return f"apiVersion: conductor/v1\nkind: Grant\nmetadata:\n  name: {name}\nspec:\n" + "".join(
        f"  {line}\n" for line in lines
    )


def guarded() -> bytes:
    """A blueprint whose tenants neither export nor are read from elsewhere."""
    text = base_files()[BLUEPRINT].replace(b"name: standard", b"name: guarded")
    return text.replace(b"bulk_export: true", b"bulk_export: false").replace(b"reads: true", b"reads: false")


def grants() -> dict[str, bytes]:
    """Who may do what."""
    return {
        "policies/grants/administration.yaml": grant("administration", "admin", "graph.export, tenant.write").encode(),
        "policies/grants/audit.yaml": grant("audit", "pm", "billing.read").encode(),
        "policies/grants/one.yaml": grant("one", "sec-tl", "graph.read", "tenants: [tenant-03]").encode(),
    }


def tree() -> dict[str, bytes]:
    """What the world starts with beside the base tree."""
    files = {f"tenants/{name}.yaml": tenant(name).encode() for name in NAMES}
    files["tenants/vault.yaml"] = tenant("vault").replace("standard", "guarded").encode()
    return {**files, **grants(), "tenants/blueprints/guarded.yaml": guarded()}


def other_rego() -> dict[str, bytes]:
    """A policy that lets everything be exported: one constant is another word, in Rego and in what is built from it."""
    files, old, new = dict(own_policy()), b"graph.export", b"graph.expert"
    assert files[ACCESS].count(old) == files[WASM].count(old) == 1
    files |= {path: files[path].replace(old, new) for path in (ACCESS, WASM)}
    return {**{path: files[path] for path in (ACCESS, WASM)}, LOCK: Lock.of(sources(files), files[WASM]).data}


def flips_world() -> PlanWorld:
    """Branches: `grant`, `narrowed`, `guarded`, `suspended`, `new`, `rego`."""
    world = PlanWorld.begun(tree())
    world.commit(
        {"policies/grants/audit.yaml": grant("audit", "pm, sec-tl", "tenant.read")}, branch="grant", message="Let look"
    )
    world.commit(
        {BLUEPRINT: base_files()[BLUEPRINT].replace(b"export: true", b"export: false")},
        branch="guarded",
        message="Keep it here",
    )
    world.commit(
        {"tenants/tenant-03.yaml": tenant("tenant-03", "state: suspended")}, branch="suspended", message="Suspend it"
    )
    world.commit({"tenants/fjord.yaml": tenant("fjord")}, branch="new", message="Add fjord")
    world.commit(other_rego(), branch="rego", message="Export all")
    return world
