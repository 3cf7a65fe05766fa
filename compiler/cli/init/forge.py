"""Approval rules -> what a forge can be told: code owners as hints, and rulesets for its branches.

Rules kept: a forge counts logins, which Conductor does not know, so every line of CODEOWNERS is a comment until
somebody puts logins there; nothing here is needed for a verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from compiler.diagnostics.model import Diagnostics
from compiler.domains.domain import Model
from compiler.domains.governance.kinds import ApprovalPolicySpec, PersonSpec
from compiler.driver import check_tree
from compiler.source import from_files
from runtime.contract.canonical import JSON
from runtime.contract.manifest import INPUT_FOLDERS

GITHUB_ACTIONS: Final = 15368
"""The app by which GitHub's own runners report: a check of the same name that anybody else reports does not count."""
_HEAD = (
    "# Who is asked by policies/approvals.yaml, folder by folder. What counts are signatures (`conductor approve`);",
    "# these lines let the forge ask for a review as well. Put logins for names, and take the `# ` away.",
)


def code_owners(inputs: Mapping[str, bytes]) -> str:
    """Return CODEOWNERS of a tree whose YAML is sound."""
    model = check_tree(from_files(inputs), Diagnostics()).model
    return "\n".join((*_HEAD, *_owners(model))) + "\n"


def _owners(model: Model) -> Iterator[str]:
    people = {name: person.spec.roles for name, person in model.all(PersonSpec).items()}
    for policy in model.all(ApprovalPolicySpec).values():
        for rule in policy.spec.rules:
            asked = ", ".join(f"{count} {role}" for role, count in rule.people.items())
            names = " ".join(f"@{name}" for name, roles in people.items() if set(roles) & set(rule.people))
            for glob in rule.paths:
                if glob.split("/", 1)[0] in INPUT_FOLDERS:
                    yield f"# /{glob.removesuffix('**')} {names}  # {rule.name}: {asked}"


def history_ruleset(branches: Sequence[str]) -> JSON:
    """Return the GitHub ruleset by which nobody, the agent included, rewrites or deletes these branches."""
    rules: list[JSON] = [{"type": "deletion"}, {"type": "non_fast_forward"}]
    return _ruleset("history is never rewritten", branches, rules)


def changes_ruleset(branch: str, checks: Sequence[str]) -> JSON:
    """Return the one by which people's changes come with a pull request and these checks. Deploy keys pass it: the
    agent has one, and pushes what it signed."""
    reviews: JSON = {
        "required_approving_review_count": 0,
        "dismiss_stale_reviews_on_push": False,
        "require_code_owner_review": False,
        "require_last_push_approval": False,
        "required_review_thread_resolution": False,
    }
    required: JSON = {
        "strict_required_status_checks_policy": False,
        "required_status_checks": [{"context": check, "integration_id": GITHUB_ACTIONS} for check in checks],
    }
    rules: list[JSON] = [
        {"type": "pull_request", "parameters": reviews},
        {"type": "required_status_checks", "parameters": required},
    ]
    agent: JSON = {"actor_id": None, "actor_type": "DeployKey", "bypass_mode": "always"}
    return _ruleset(f"{branch} takes what is sound and approved", [branch], rules, agent)


def _ruleset(name: str, branches: Sequence[str], rules: list[JSON], *passing: JSON) -> JSON:
    """The form that `Import a ruleset` reads."""
    return {
        "name": name,
        "target": "branch",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": [f"refs/heads/{branch}" for branch in branches], "exclude": []}},
        "rules": rules,
        "bypass_actors": list(passing),
    }
