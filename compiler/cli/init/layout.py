"""Answers -> every file of a new repository, path -> bytes. Pure but for reading what is shipped.

Rules kept: the inputs compile as they stand; Rego, wasm and the page of `evidence/` are this project's own, byte for
byte; what a forge is told comes from the approval rules that are written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from shlex import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from compiler.cli.init.answers import Answers
from compiler.cli.init.forge import changes_ruleset, code_owners, history_ruleset
from compiler.cli.shipped import shipped
from compiler.source import from_files
from runtime.contract.canonical import JSON
from runtime.contract.manifest import INPUT_FOLDERS
from runtime.release import VERSION

AGENT = "conductor"
LEDGER = "ledger"
"""What the agent's own branch may be called, where main takes no robot."""
CHECKS = ("check", "approved")
"""The jobs of the CI files."""

_TEMPLATES = {
    "README.md": "readme.md",
    ".gitattributes": "gitattributes",
    ".gitignore": "gitignore",
    ".pre-commit-config.yaml": "pre_commit.yaml",
    ".github/workflows/conductor.yml": "github.yml",
    ".gitlab-ci.yml": "gitlab.yml",
    "docs/protected-main.md": "protected_main.md",
    **{f"{folder}/README.md": f"{folder}_readme.md" for folder in INPUT_FOLDERS},
    f"policies/agents/{AGENT}.yaml": "agent.yaml",
    "policies/approvals.yaml": "approvals.yaml",
    "policies/compiler.yaml": "compiler.yaml",
    "policies/grants/operations.yaml": "grant.yaml",
    "tenants/blueprints/standard.yaml": "blueprint.yaml",
}
"""Path -> template, of what every repository gets."""


def lay_out(answers: Answers) -> dict[str, bytes]:
    """Return the files."""
    files = {path: _rendered(template, answers) for path, template in _TEMPLATES.items()}
    files[f"spec/targets/{answers.target}.yaml"] = _rendered("target.yaml", answers)
    for member in answers.members:
        files[f"policies/people/{member.name}.yaml"] = _rendered("person.yaml", answers, member=member)
    if answers.tenant is not None:
        files[f"tenants/{answers.tenant}.yaml"] = _rendered("tenant.yaml", answers)
    files |= dict(_shipped())
    files[".github/CODEOWNERS"] = code_owners(inputs_of(files)).encode()
    files[".github/rulesets/history.json"] = _json(history_ruleset(("main", "approvals", LEDGER)))
    files[".github/rulesets/main.json"] = _json(changes_ruleset("main", CHECKS))
    return dict(sorted(files.items()))


def inputs_of(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Those that the compiler reads."""
    inside = {
        path: data for path, data in files.items() if path.startswith(tuple(f"{name}/" for name in INPUT_FOLDERS))
    }
    return dict(from_files(inside).files)


def start_commands(answers: Answers, *, files: bool = True) -> tuple[str, ...]:
    """What two people type to start the history; key files are named unless others read it."""
    first, second, *_ = answers.members
    return (
        "git add --all && git commit --message 'Lay out the installation'",
        *(
            f"conductor genesis --person {one.name} --key {quote(one.private) if files else 'FILE'}"
            for one in (first, second)
        ),
    )


def _shipped() -> Iterator[tuple[str, bytes]]:
    folder = shipped("policies")
    for file in sorted(folder.iterdir()):
        if file.suffix == ".rego" or file.name in {"policy.wasm", "policy.lock.json"}:
            yield f"policies/{file.name}", file.read_bytes()
    yield "evidence/README.md", shipped("evidence/README.md").read_bytes()


def _rendered(template: str, answers: Answers, **more: object) -> bytes:
    text = (
        _environment()
        .get_template(f"{template}.jinja")
        .render(
            platform=answers.platform,
            region=answers.region,
            target=answers.target,
            dsn=answers.dsn,
            identity=answers.identity,
            identity_known=answers.identity_known,
            tenant=answers.tenant,
            agent_name=AGENT,
            agent_key=answers.agent_key,
            requirement=answers.requirement,
            ledger=LEDGER,
            release=VERSION,
            start=start_commands(answers, files=False),
            **more,
        )
    )
    return text.encode()


@cache
def _environment() -> Environment:
    # YAML and Markdown are no HTML; GitHub's workflows have braces of their own
    environment = Environment(  # noqa: S701 -- see above
        loader=PackageLoader("compiler.cli.init", "templates"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
    )
    environment.filters["quoted"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment


def _json(value: JSON) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()
