"""People, agents, rules and pin as a snapshot carries them, and when they cannot be read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runtime.contract.errors import FormatError
from runtime.governance.config import FOLDER, Governance, Person
from runtime.governance.judge import judge
from runtime.testing.court import Court
from runtime.testing.small_tree import document, key_of, person, public

CONTENTS = dict(Court.open().verified.snapshot.contents)
MARA = f"{FOLDER}person/mara.json"


def test_every_key_leads_to_its_owner() -> None:
    governance = Governance.of(CONTENTS)
    assert governance.owner_of_key[key_of("mara").fingerprint] == "mara"
    assert governance.agent_of_key[key_of("conductor-eu").fingerprint] == "conductor-eu"
    assert governance.public_keys[key_of("ines").fingerprint] == key_of("ines").public_line


@pytest.mark.parametrize(
    ("path", "text", "why"),
    [
        (MARA, '{"keys":[],"name":"mara"}', "`roles` is missing"),
        (MARA, '{"name":"mara", "keys":[],"roles":[]}', "canonical"),
        (MARA, person("tomas", "mc").data().decode(), "called by the name in it"),
        (f"{FOLDER}person/tomas-2.json", person("tomas", "mc").data().decode(), "called by the name in it"),
        (f"{FOLDER}robot/r2.json", "{}", "no kind `robot`"),
        (f"{FOLDER}compiler/second.json", '{"release":"1"}', "exactly one"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(path: str, text: str, why: str) -> None:
    with pytest.raises(FormatError, match=why):
        Governance.of({**CONTENTS, path: text})


def test_without_rules_or_pin_there_is_no_governance() -> None:
    for kind in ("approval-policy/approvals", "compiler/compiler"):
        with pytest.raises(FormatError, match="exactly one"):
            Governance.of({path: text for path, text in CONTENTS.items() if path != f"{FOLDER}{kind}.json"})


def test_line_that_is_no_key_signs_nothing() -> None:
    court = Court.open()
    broken = Person(name="mara", keys=(public(key_of("mara")).model_copy(update={"public": "no key"}),), roles=("mc",))
    governance = Governance.of({**CONTENTS, MARA: broken.data().decode()})
    court = replace(court, verified=replace(court.verified, governance=governance))
    change = court.change({"spec/notes.yaml": document(text="new")})
    judgement = judge(court.case(change, court.approve(change, "mara", "tomas")))
    assert judgement.people == ("tomas",)
    assert [problem.rule for problem in judgement.rejected] == ["authentic"]
