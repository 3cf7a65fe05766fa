"""Attacks on the rules of consent: one for each, and each is kept out by that rule alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

from runtime.contract.change import Change
from runtime.contract.possession import Holder
from runtime.governance.case import Case, Problem, Signed
from runtime.governance.config import CompilerPin, KeyProof, Person
from runtime.governance.judge import judge
from runtime.governance.people import Approver
from runtime.testing.court import Court
from runtime.testing.proofs import proof, proved
from runtime.testing.small_tree import RULES, agent, document, key_of, person, policy, public, small_tree

RefusedBy = Callable[[str, Case], None]

NOTES = {"spec/notes.yaml": document(text="new")}
SUSPEND = {"tenants/acme.yaml": document(blueprint="basic", state="suspended")}
RESUME = {"tenants/acme.yaml": document(blueprint="basic")}
APPROVALS = "policies/approvals.yaml"


def test_forged_signature(court: Court, refused_by: RefusedBy) -> None:
    """I write an approval in Mara's name, with the fingerprint of her key, and sign it with my own.

    Rule: `authentic`.
    """
    change = court.change(SUSPEND)
    mine = court.sign(change, key_of("mallory")).envelope
    forged = Signed.of(replace(mine, keyid=key_of("mara").fingerprint))
    refused_by("authentic", court.case(change, (forged, *court.approve(change, "tomas"))))


def test_key_that_its_owner_never_gave(court: Court, refused_by: RefusedBy) -> None:
    """I wrote the files that the genesis names, and gave a colleague there the key of somebody who knows nothing of us.
    Two others signed it, who cannot know whose key is whose. What I get that somebody to sign, with a story, is now the
    colleague's approval.

    Rule: `proved`.
    """
    started = replace(court, verified=replace(court.verified, unproved=frozenset({key_of("ines").fingerprint})))
    change = started.change({"flags/checkout.yaml": document(tenants=["acme"], on=True)})
    refused_by("proved", started.case(change, started.approve(change, "tomas", "ines")))


def test_proof_in_the_very_change_that_it_lets_through(court: Court) -> None:
    """No attack: without it nobody else's key would ever be proved where the rules ask for three people."""
    started = replace(court, verified=replace(court.verified, unproved=frozenset({key_of("ines").fingerprint})))
    change = started.change(proof("person/ines", key_of("ines")))
    assert judge(started.case(change, started.approve(change, "mara", "ines"))).allowed
    stolen = started.change(proof("person/ines", key_of("mallory")))
    assert not judge(started.case(stolen, started.approve(stolen, "mara", "ines"))).allowed


def test_approval_of_something_else(court: Court, refused_by: RefusedBy) -> None:
    """Mara approved a harmless change. I file her statement under mine.

    Rule: `subject`.
    """
    harmless, mine = court.change({"spec/other.yaml": document(text="harmless")}), court.change(SUSPEND)
    refused_by("subject", court.case(mine, (*court.approve(harmless, "mara"), *court.approve(mine, "tomas"))))


def test_evergreen_approval(court: Court, refused_by: RefusedBy) -> None:
    """I get Tomas to approve after a verdict that does not exist: nothing is ever later than it, so it is never spent.

    Rule: `after-known`.
    """
    change = court.change(SUSPEND)
    evergreen = court.sign(change, key_of("tomas"), after="ab" * 32)
    refused_by("after-known", court.case(change, (evergreen, *court.approve(change, "mara"))))


def test_replay_of_what_was_taken_back(court: Court, refused_by: RefusedBy) -> None:
    """They approved my change, it went live, they took it back with two approvals. I merge it again: the old approvals
    have the right digest and are far from expired.

    Rule: `unspent`.
    """
    approvals = court.approve(court.change(SUSPEND), "mara", "tomas")
    later = court.after(SUSPEND).after(RESUME)
    refused_by("unspent", later.case(later.change(SUSPEND), approvals))


def test_approval_signed_for_a_later_day(court: Court, refused_by: RefusedBy) -> None:
    """Mara signs for next week, when the freeze is over. I hand it in today.

    Rule: `begun`.
    """
    change = court.change(SUSPEND)
    planned = court.sign(change, key_of("mara"), signed_at=court.now + timedelta(days=7))
    refused_by("begun", court.case(change, (planned, *court.approve(change, "tomas"))))


def test_expired_approval(court: Court, refused_by: RefusedBy) -> None:
    """Mara approved for one hour, while she watches. I wait until she has gone home.

    Rule: `unexpired`.
    """
    change = court.change(SUSPEND)
    short = court.sign(change, key_of("mara"), expires_at=court.now + timedelta(hours=1))
    tomorrow = court.later(days=1)
    refused_by("unexpired", tomorrow.case(change, (short, *tomorrow.approve(change, "tomas"))))


def test_approval_that_gives_itself_a_year(court: Court, refused_by: RefusedBy) -> None:
    """The rules let an approval hold two weeks. The one I collected says that it expires in a year.

    Rule: `approval-days`.
    """
    change = court.change(SUSPEND)
    long = court.sign(change, key_of("mara"), expires_at=court.now + timedelta(days=365))
    later = court.later(days=20)
    refused_by("approval-days", later.case(change, (long, *later.approve(change, "tomas"))))


def test_withdrawn_approval(court: Court, refused_by: RefusedBy) -> None:
    """Mara approved, thought again and withdrew. Her first statement is still there, and I count on it.

    Rule: `not-withdrawn`.
    """
    change = court.change(SUSPEND)
    approvals = court.approve(change, "mara", "tomas")
    later = court.later(hours=1)
    withdrawal = later.sign(change, key_of("mara"), kind="withdrawal")
    refused_by("not-withdrawn", later.case(change, (*approvals, withdrawal)))


def test_one_person_with_two_keys(refused_by: RefusedBy) -> None:
    """I have a laptop key and a token key, both declared under my name. I approve with each: that makes two.

    Rule: `counted-once`.
    """
    files = {
        "policies/people/mara.yaml": person("mara", "mc", "pm", "sre", keys=2).data(),
        "policies/people/ines.yaml": person("ines", "sec-tl", "sre").data(),
        APPROVALS: policy({**RULES, "notes": (("spec/**",), ("sre", "sre"))}).data(),
    }
    court = Court.open(small_tree(**files))
    change = court.change(NOTES)
    both = (court.sign(change, key_of("mara", 1)), court.sign(change, key_of("mara", 2)))
    refused_by("counted-once", court.case(change, both))


def test_alone_where_no_rule_looks(court: Court, refused_by: RefusedBy) -> None:
    """No rule by path speaks of this file, so nobody is asked for. I approve it alone.

    Rule: `two-people`.
    """
    change = court.change(NOTES)
    refused_by("two-people", court.case(change, court.approve(change, "mara")))


def test_two_friends_without_the_role(court: Court, refused_by: RefusedBy) -> None:
    """Ines and I are two people, and neither is a product manager. We suspend somebody's tenant.

    Rule: `by-path`.
    """
    change = court.change(SUSPEND)
    refused_by("by-path", court.case(change, court.approve(change, "ines", "tomas")))


def test_one_person_in_two_roles(refused_by: RefusedBy) -> None:
    """I am platform and product manager. With any second person beside me, both roles are there.

    Rule: `one-role-each`.
    """
    court = Court.open(small_tree(**{"policies/people/mara.yaml": person("mara", "mc", "platform", "pm").data()}))
    change = court.change(SUSPEND)
    refused_by("one-role-each", court.case(change, court.approve(change, "mara", "ines")))


def test_approvals_given_in_a_copy(court: Court, refused_by: RefusedBy) -> None:
    """In the training copy of this repository the same people approve anything. I bring their statements home.

    Rule: `this-repository`.
    """
    change = court.change(NOTES, repository="f" * 32)
    refused_by("this-repository", court.case(change, court.approve(change, "mara", "tomas")))


def test_approvals_given_for_another_branch(court: Court, refused_by: RefusedBy) -> None:
    """They approved it for the sandbox branch. Main has the same files.

    Rule: `this-branch`.
    """
    change = court.change(NOTES, branch="sandbox")
    refused_by("this-branch", court.case(change, court.approve(change, "mara", "tomas")))


def test_accomplice_whom_the_change_itself_appoints(court: Court, refused_by: RefusedBy) -> None:
    """My change declares my friend Jon as compliance lead. Jon approves it, as compliance lead.

    Rule: `rights-before`.
    """
    change = court.change(proved({"policies/people/jon.yaml": person("jon", "mc", "sec-tl").data()}))
    refused_by("rights-before", court.case(change, court.approve(change, "jon", "ines")))


def test_rule_that_the_change_itself_loosens(court: Court, refused_by: RefusedBy) -> None:
    """My change strikes compliance and security from the rule about policies, and declares Jon. What is left of the
    rule I meet myself, and Jon is the second person.

    Rule: `rights-before`.
    """
    loose = {**RULES, "policies": (("policies/**",), ("platform",))}
    edits = {APPROVALS: policy(loose).data(), "policies/people/jon.yaml": person("jon", "qa").data()}
    change = court.change(proved(edits))
    refused_by("rights-before", court.case(change, court.approve(change, "tomas", "jon")))


def test_new_rules_in_the_shadow_of_a_large_change(court: Court, refused_by: RefusedBy) -> None:
    """Everybody looks at the tenant in my pull request. Its last file doubles the days that approvals hold.

    Rule: `policies-alone`.
    """
    change = court.change({**SUSPEND, APPROVALS: policy(approval_days=28).data()})
    refused_by("policies-alone", court.case(change, court.approve(change, "mara", "tomas", "ines")))


def test_governance_rendered_from_somewhere_else(court: Court, refused_by: RefusedBy) -> None:
    """I found a way to have a note rendered into the folder of people: it gives me a role, and no policy was touched.

    Rule: `governed-by-policies`.
    """
    path = "config/governance/person/mara.json"
    old, new = court.verified.snapshot.contents[path], person("mara", "admin", "mc", "pm", "sec-tl").data().decode()
    honest = court.change(NOTES)
    row = (path, court.verified.snapshot.manifest.bundle[path], sha256(new.encode()).hexdigest())
    change = Change(honest.repository, honest.branch, honest.inputs, (row,), {path: (old, new)})
    refused_by("governed-by-policies", court.case(change, court.approve(change, "mara", "tomas", "ines")))


def test_rule_that_locks_everybody_out(court: Court, refused_by: RefusedBy) -> None:
    """My rule for policies asks for a role that nobody has. Once it is taken, nobody can ever take it back.

    Rule: `can-be-met`.
    """
    locked = {**RULES, "policies": (("policies/**",), ("auditor",))}
    change = court.change({APPROVALS: policy(locked).data()})
    refused_by("can-be-met", court.case(change, court.approve(change, "mara", "ines")))


def test_last_agent_is_taken_away(court: Court, refused_by: RefusedBy) -> None:
    """I have the only agent's key removed in the name of hygiene. After that no verdict can be signed any more.

    Rule: `agent-left`.
    """
    change = court.change({"policies/agents/conductor-eu.yaml": agent(keys=0).data()})
    refused_by("agent-left", court.case(change, court.approve(change, "mara", "ines")))


def test_second_name_for_the_same_key(court: Court, refused_by: RefusedBy) -> None:
    """I have a deputy declared who is nobody: his key is mine. From then on I am two people.

    Rule: `one-name-a-key`.
    """
    deputy = Person(name="jon", keys=(public(key_of("mara")),), roles=("mc", "sec-tl"))
    change = court.change({"policies/people/jon.yaml": deputy.data(), **proof("person/jon", key_of("mara"))})
    refused_by("one-name-a-key", court.case(change, court.approve(change, "mara", "ines")))


def test_key_that_its_owner_knows_nothing_of(court: Court, refused_by: RefusedBy) -> None:
    """Jon signs for another firm; his public key is on his home page. I have it declared under my own new name: what I
    get him to sign there, with a story, is then mine to use here. A proof for that name I cannot have, so I bring one
    that he gave under his own.

    Rule: `possession`.
    """
    other = Person(name="eve", keys=(public(key_of("jon")),), roles=("mc", "sec-tl"))
    change = court.change({"policies/people/eve.yaml": other.data(), **proof("person/jon", key_of("jon"))})
    refused_by("possession", court.case(change, court.approve(change, "mara", "ines")))


def test_proof_of_another_repository(court: Court, refused_by: RefusedBy) -> None:
    """Jon has proved his key in our other repository. I copy the file, and he is somebody here too.

    Rule: `possession`.
    """
    elsewhere = proof("person/jon", key_of("jon"), repository="fe" * 16)
    change = court.change({"policies/people/jon.yaml": person("jon", "mc", "sec-tl").data(), **elsewhere})
    refused_by("possession", court.case(change, court.approve(change, "mara", "ines")))


def test_proof_signed_with_another_key(court: Court, refused_by: RefusedBy) -> None:
    """I write the proof of Jon's key myself, with Jon's name, key and repository, and sign it with mine.

    Rule: `possession`.
    """
    mine = KeyProof.by(key_of("mallory"), Holder("person", "jon"), court.verified.repository, court.now, "jon")
    forged = mine.model_copy(update={"key": public(key_of("jon"))})
    edits = {"policies/people/jon.yaml": person("jon", "mc").data(), "policies/keys/jon.yaml": forged.data()}
    change = court.change(edits)
    refused_by("possession", court.case(change, court.approve(change, "mara", "ines")))


def test_change_that_main_has_taken_back(court: Court, refused_by: RefusedBy) -> None:
    """My approved change was reverted before the agent saw it. I bring the agent to take the commit nevertheless.

    Rule: `still-stands`.
    """
    change = court.change(NOTES)
    main = court.verified.snapshot.manifest.inputs
    refused_by("still-stands", court.case(change, court.approve(change, "mara", "tomas"), main=main))


def test_step_that_the_policy_forbids(court: Court, refused_by: RefusedBy) -> None:
    """Two people with every role will help me to skip the retention period.

    Rule: `transitions`.
    """

    def forbids(approvers: tuple[Approver, ...]) -> tuple[Problem, ...]:
        return (Problem("transitions", "the retention period has not passed"),)

    change = court.change(SUSPEND)
    refused_by("transitions", court.case(change, court.approve(change, "mara", "tomas"), transition=forbids))


def test_old_agent_that_judges_by_old_rules(court: Court, refused_by: RefusedBy) -> None:
    """I keep an agent of a release with a hole in it running, and let it judge a change that pins the repaired one.

    Rule: `pinned-release`.
    """
    change = court.change({"policies/compiler.yaml": CompilerPin(release="9.0.0").data()})
    refused_by("pinned-release", court.case(change, court.approve(change, "mara", "ines"), release="0.0.1"))
