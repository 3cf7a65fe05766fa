"""Rule of the ledger -> its code: what `conductor verify` finds, with the pages that `conductor explain` shows."""

from __future__ import annotations

from collections.abc import Mapping

from compiler.diagnostics import codes
from compiler.diagnostics.model import Code

OF_RULE: Mapping[str, Code] = {
    codes.LEDGER_NO_GENESIS.name: codes.LEDGER_NO_GENESIS,
    codes.LEDGER_GENESIS_SIGNED.name: codes.LEDGER_GENESIS_SIGNED,
    codes.LEDGER_GENESIS_COMMIT.name: codes.LEDGER_GENESIS_COMMIT,
    codes.LEDGER_TRUST_ROOT.name: codes.LEDGER_TRUST_ROOT,
    codes.LEDGER_UNPROVEN.name: codes.LEDGER_UNPROVEN,
    codes.LEDGER_BRANCH.name: codes.LEDGER_BRANCH,
    codes.LEDGER_SIGNED.name: codes.LEDGER_SIGNED,
    codes.LEDGER_CHAIN.name: codes.LEDGER_CHAIN,
    codes.LEDGER_NAME.name: codes.LEDGER_NAME,
    codes.LEDGER_TIME.name: codes.LEDGER_TIME,
    codes.LEDGER_AUTHOR.name: codes.LEDGER_AUTHOR,
    codes.LEDGER_INTENT.name: codes.LEDGER_INTENT,
    codes.LEDGER_RESULT.name: codes.LEDGER_RESULT,
    codes.LEDGER_MAIN_SEEN.name: codes.LEDGER_MAIN_SEEN,
    codes.LEDGER_FOREIGN.name: codes.LEDGER_FOREIGN,
    codes.LEDGER_COMMIT_SIGNED.name: codes.LEDGER_COMMIT_SIGNED,
    codes.LEDGER_COMMIT_EVIDENCE_ONLY.name: codes.LEDGER_COMMIT_EVIDENCE_ONLY,
    codes.LEDGER_UNCHANGED.name: codes.LEDGER_UNCHANGED,
    codes.LEDGER_WORK_TREE.name: codes.LEDGER_WORK_TREE,
    codes.LEDGER_CHANGE.name: codes.LEDGER_CHANGE,
    codes.LEDGER_MANIFESTS.name: codes.LEDGER_MANIFESTS,
    codes.LEDGER_COMPILED_INPUTS.name: codes.LEDGER_COMPILED_INPUTS,
    codes.LEDGER_CANDIDATE.name: codes.LEDGER_CANDIDATE,
    codes.LEDGER_APPROVALS.name: codes.LEDGER_APPROVALS,
    codes.LEDGER_SUMMARY.name: codes.LEDGER_SUMMARY,
    codes.LEDGER_LANDED.name: codes.LEDGER_LANDED,
    codes.LEDGER_SURVIVING_KEY.name: codes.LEDGER_SURVIVING_KEY,
    codes.LEDGER_COUNTED.name: codes.LEDGER_COUNTED,
    codes.LEDGER_CONSENT.name: codes.LEDGER_CONSENT,
    codes.LEDGER_EMERGENCY.name: codes.LEDGER_EMERGENCY,
    codes.LEDGER_CLEARING.name: codes.LEDGER_CLEARING,
    codes.LEDGER_RENDERED.name: codes.LEDGER_RENDERED,
    codes.LEDGER_CLOSED.name: codes.LEDGER_CLOSED,
    codes.LEDGER_ACTED.name: codes.LEDGER_ACTED,
    codes.LEDGER_ACCOUNTED.name: codes.LEDGER_ACCOUNTED,
    codes.LEDGER_CURRENT.name: codes.LEDGER_CURRENT,
    codes.LEDGER_CAUSE.name: codes.LEDGER_CAUSE,
    codes.LEDGER_DECLARED.name: codes.LEDGER_DECLARED,
    codes.LEDGER_ANCESTOR.name: codes.LEDGER_ANCESTOR,
    codes.LEDGER_OVERDUE.name: codes.LEDGER_OVERDUE,
    codes.LEDGER_REWOUND.name: codes.LEDGER_REWOUND,
    codes.LEDGER_EXTENDS.name: codes.LEDGER_EXTENDS,
    codes.LEDGER_HEARTBEAT.name: codes.LEDGER_HEARTBEAT,
    codes.LEDGER_AHEAD.name: codes.LEDGER_AHEAD,
}


def code_of(rule: str) -> Code:
    """Return the code of a rule; the rules of consent share one."""
    return OF_RULE.get(rule, codes.LEDGER_CONSENT)
