"""Plan -> JSON: everything, for tools. Field names do not change their meaning."""

from __future__ import annotations

import json

from compiler.diagnostics.as_json import to_json
from compiler.diagnostics.printable import shown_json
from compiler.plan import Plan, Point
from compiler.plan_resources import DONE, Effect
from runtime.contract.canonical import JSON


def as_json(plan: Plan) -> str:
    """Return the plan as JSON text."""
    return shown_json(json.dumps(value_of(plan), indent=2, ensure_ascii=False)) + "\n"


def value_of(plan: Plan) -> JSON:
    """Return the plan as a JSON value."""
    effects, consent, forecast = plan.effects, plan.consent, plan.forecast
    return {
        "sound": plan.sound,
        "approved": plan.approved,
        "branch": plan.branch,
        "base": point_value(plan.base),
        "head": point_value(plan.head),
        "change": {
            "sha256": plan.change.digest,
            "empty": plan.change.empty,
            "inputs": [list(row) for row in plan.change.inputs],
            "bundle": [list(row) for row in plan.change.bundle],
        },
        "resources": [
            {
                "operation": item.operation.value,
                "kind": item.kind,
                "name": item.name,
                "path": item.path,
                "differences": [one.to_json() for one in item.differences],
                "effects": [_effect(one) for one in item.effects],
            }
            for item in effects.resources
        ],
        "inputs": [
            {
                "operation": item.operation.value,
                "path": item.path,
                "lines": {"in": item.lines.came, "out": item.lines.went} if item.lines else None,
                "diff": list(item.diff),
            }
            for item in effects.inputs
        ],
        "objects": [
            {
                "operation": item.word,
                "target": item.id.target,
                "type": item.id.type,
                "name": item.id.name,
                "tenant": item.tenant,
                "wave": item.wave,
                "differences": [one.to_json() for one in item.differences],
            }
            for item in effects.objects
        ],
        "releases": [{"operation": DONE[operation], "target": name} for operation, name in plan.releases],
        "held": list(plan.held),
        "consequences": [item.to_json() for item in plan.consequences],
        "problems": [
            *map(to_json, plan.problems),
            *(
                {"code": "MC0740", "severity": "error", "rule": item.rule, "message": item.message}
                for item in (() if consent is None else consent.against)
            ),
        ],
        "warnings": [to_json(item) for item in plan.warnings],
        "decisions": plan.decisions.to_json(),
        "uncovered": [{"rule": item.rule, "glob": item.glob, "paths": list(item.paths)} for item in plan.uncovered],
        "secrets": [{"reference": item.reference, "paths": list(item.paths)} for item in plan.secrets],
        "approvals": None if consent is None else consent.to_json(),
        "queue": None if plan.queue is None else plan.queue.to_json(),
        "landed": [
            {
                "commit": item.commit,
                "subject": item.subject,
                "taken": item.taken,
                "meets": list(item.meets),
                "same": item.same,
            }
            for item in plan.landed
        ],
        "forecast": None
        if forecast is None
        else {"same": forecast.same, "differs": list(forecast.differs), "errors": list(forecast.errors)},
        "broken": None if plan.broken is None else plan.broken.to_json(),
    }


def point_value(point: Point) -> JSON:
    """Return a commit and how its manifest is known."""
    return {
        "commit": point.commit,
        "name": point.name,
        "subject": point.subject,
        "commits": point.commits,
        "source": point.source,
    }


def _effect(effect: Effect) -> JSON:
    return {
        "path": effect.path,
        "operation": effect.operation.value,
        "differences": [one.to_json() for one in effect.differences],
    }
