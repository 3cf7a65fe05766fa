"""Every code there is, in one place: `MC0012` never changes its meaning and is never used again.

Each has a page `docs/diagnostics/<id>.md`, a case `tests/cases/diagnostics/<id>-<name>/` and a use in the code
(tests/architecture/test_codes.py). Add a code to the section of its range, below the last one of it:

- 00xx files and YAML, 01xx header and fields, 02xx references and uniqueness;
- 03xx tenants and blueprints, 04xx flags, 05xx targets, 06xx governance;
- 07xx the ledger;
- 09xx policy.
"""

from __future__ import annotations

from collections.abc import Mapping

from compiler.diagnostics.model import Code, Severity

# --- 00xx: files -------------------------------------------------------------------------------------------------

FOREIGN_FILE = Code("MC0001", "foreign-file", "a file of no known type lies in one of the five folders")
SYMLINK = Code("MC0002", "symlink", "a symbolic link lies in one of the five folders")
SUBMODULE = Code("MC0003", "submodule", "a submodule lies in one of the five folders")
LFS_POINTER = Code("MC0004", "lfs-pointer", "a file is a Git LFS pointer and not the content itself")
NESTED_ATTRIBUTES = Code("MC0005", "nested-gitattributes", "a .gitattributes file lies in one of the five folders")
FILE_MODE = Code("MC0006", "file-mode", "a file has another mode than 100644")
PATH_NAME = Code("MC0007", "path-name", "a path is not lower-case ASCII")
UNREAD_FILE = Code("MC0008", "unread-file", "a file lies where nothing reads it")
TOO_LARGE = Code("MC0009", "too-large", "a file is larger than 1 MiB")
FOLDER_UNREAD = Code("MC0025", "folder-unread", "a resource lies in a folder that nothing reads", Severity.WARNING)

# --- 00xx: text and YAML -----------------------------------------------------------------------------------------

NOT_UTF8 = Code("MC0010", "not-utf8", "a file is not UTF-8 text")
BAD_CHARACTER = Code("MC0011", "bad-character", "a text holds a tab, a control character or an invisible one")
YAML_SYNTAX = Code("MC0013", "yaml-syntax", "a file is not YAML")
SEVERAL_DOCUMENTS = Code("MC0014", "several-documents", "a file holds more than one YAML document")
NO_DOCUMENT = Code("MC0015", "no-document", "a file holds no resource")
ANCHOR = Code("MC0016", "anchor", "an anchor or alias is used")
MERGE_KEY = Code("MC0017", "merge-key", "a merge key is used")
TAG = Code("MC0018", "tag", "a tag or a directive is used")
DUPLICATE_KEY = Code("MC0019", "duplicate-key", "a key stands twice in one mapping")
AMBIGUOUS_SCALAR = Code("MC0020", "ambiguous-scalar", "a plain value that YAML versions read differently needs quotes")
TOO_DEEP = Code("MC0021", "too-deep", "a document is nested deeper than 32")
KEY_TYPE = Code("MC0022", "key-type", "a key is not a string")
NUMBER_RANGE = Code("MC0023", "number-range", "a number cannot be carried exactly")
MERGE_CONFLICT = Code("MC0024", "merge-conflict", "a merge has left both of its sides in a file")

# --- 01xx: header and fields -------------------------------------------------------------------------------------

API_VERSION = Code("MC0101", "api-version", "a resource has another apiVersion than conductor/v1")
UNKNOWN_KIND = Code("MC0102", "unknown-kind", "a resource has a kind that does not exist")
WRONG_FOLDER = Code("MC0103", "wrong-folder", "a resource lies in another folder than that of its kind")
NAME_DIFFERS = Code("MC0104", "name-differs", "a resource is not called as its file is")
BAD_NAME = Code("MC0105", "bad-name", "a name is not lower-case letters, digits and dashes")
MISSING_KEY = Code("MC0110", "missing-key", "a required key is missing")
UNKNOWN_KEY = Code("MC0111", "unknown-key", "a key is not known here")
WRONG_TYPE = Code("MC0112", "wrong-type", "a value has the wrong type")
OUT_OF_RANGE = Code("MC0113", "out-of-range", "a value is too small, too large, too short or too long")
BAD_FORM = Code("MC0114", "bad-form", "a value has not the form that its field must have")
UNKNOWN_VALUE = Code("MC0115", "unknown-value", "a value is none of those allowed")
INEXACT_NUMBER = Code("MC0117", "inexact-number", "a decimal number stands where only exact values do")
SECRET_VALUE = Code("MC0118", "secret-value", "a secret stands in the file instead of a reference to it", secret=True)

# --- 02xx: references and uniqueness -----------------------------------------------------------------------------

UNKNOWN_REFERENCE = Code("MC0012", "unknown-reference", "a name refers to a resource that does not exist")
"""Older than the ranges: the plan's own example, and a code never changes its meaning."""
DUPLICATE_NAME = Code("MC0201", "duplicate-name", "two files declare the same kind and name")

# --- 03xx: tenants and blueprints --------------------------------------------------------------------------------

OVERRIDE_NOT_ALLOWED = Code("MC0301", "override-not-allowed", "a tenant overrides what its blueprint does not allow")
UNKNOWN_OVERRIDABLE = Code("MC0302", "unknown-overridable", "a blueprint allows overriding what does not exist")
REGION_WITHOUT_TARGET = Code("MC0303", "region-without-target", "a region has no postgres target for its tenants")
UNKNOWN_PLACEHOLDER = Code("MC0304", "unknown-placeholder", "an expression names a placeholder that nothing fills in")
THRESHOLD = Code("MC0305", "threshold", "an alert's threshold and its expression do not fit together")
DUPLICATE_ALERT = Code("MC0306", "duplicate-alert", "a blueprint has two alerts of one name")
TENANT_NAME = Code("MC0307", "tenant-name", "a tenant's name is too short or too long for what is named after it")
SHARED_PASSWORD = Code("MC0308", "shared-password", "two tenants have one password")
UNBALANCED_EXPRESSION = Code("MC0309", "unbalanced-expression", "brackets or quotes of an expression do not match")
NO_ARCHIVE = Code("MC0310", "no-archive", "a tenant is deprovisioned where nothing says how its data is archived")
FOREIGN_SECRET = Code("MC0315", "foreign-secret", "a tenant's password reference names what is no tenant's password")
HELD_AND_ENDED = Code("MC0316", "held-and-ended", "a tenant is deprovisioned and under a legal hold")

# --- 04xx: flags -------------------------------------------------------------------------------------------------

UNKNOWN_VARIANT = Code("MC0401", "unknown-variant", "a flag serves a variant that it does not have")
VARIANT_TYPE = Code("MC0402", "variant-type", "a variant has another type than its flag")
SPLIT_SUM = Code("MC0403", "split-sum", "the percentages of a split do not sum to 100")
UNREACHABLE_RULE = Code("MC0404", "unreachable-rule", "a targeting rule can never decide")
DUPLICATE_RULE = Code("MC0405", "duplicate-rule", "two targeting rules of a flag have one name")
FLAG_EXPIRED = Code("MC0406", "flag-expired", "a flag has outlived its time to live", Severity.WARNING)
COMPARISON = Code("MC0407", "comparison", "a condition has no comparison, or several")
SERVE_OR_SPLIT = Code("MC0408", "serve-or-split", "a targeting rule serves nothing, or in two ways")
FLAG_STARTS_LATER = Code(
    "MC0409", "flag-starts-later", "a flag is dated in the future, and would live longer than it may"
)

# --- 05xx: targets -----------------------------------------------------------------------------------------------

CONTROL_TARGET = Code("MC0501", "control-target", "not exactly one postgres target is the control database")
REGION_TWICE = Code("MC0502", "region-twice", "two postgres targets stand for one region")
SAME_SYSTEM = Code("MC0503", "same-system", "two targets are one running system")
TARGET_IDENTITY = Code("MC0504", "target-identity", "an identity has not the form that its target's type has")
ARCHIVE_RECIPIENT = Code("MC0505", "archive-recipient", "an archive is to be encrypted to what is no age recipient")
ARCHIVE_OF_NOTHING = Code(
    "MC0506", "archive-of-nothing", "a target that holds no tenant's data says how it is archived"
)
NO_SYSTEM = Code("MC0507", "no-system", "a target says of no running system that it is meant", Severity.WARNING)

# --- 06xx: governance --------------------------------------------------------------------------------------------

UNKNOWN_ROLE = Code("MC0601", "unknown-role", "a role is none of those there are")
ROLE_OF_NOBODY = Code("MC0602", "role-of-nobody", "a rule asks for a role that nobody has")
UNMEETABLE_RULE = Code("MC0603", "unmeetable-rule", "a rule asks for more different people than there are")
GLOB_MATCHES_NOTHING = Code("MC0604", "glob-matches-nothing", "a glob matches no path there could be", Severity.WARNING)
SHARED_KEY = Code("MC0605", "shared-key", "one key stands in two places")
MALFORMED_KEY = Code("MC0606", "malformed-key", "a key is no OpenSSH public key of a known kind")
NO_AGENT_KEY = Code("MC0608", "no-agent-key", "no agent has a key, so nothing could be applied or attested")
TOO_FEW_PEOPLE = Code("MC0609", "too-few-people", "there are not two people, so nothing could be approved")
DUPLICATE_PATH_RULE = Code("MC0610", "duplicate-path-rule", "two approval rules have one name")
INCOMPLETE_GOVERNANCE = Code(
    "MC0611", "incomplete-governance", "people are declared, but not by which rules they decide"
)
BAD_GLOB = Code("MC0612", "bad-glob", "a glob has no meaning")
OTHER_RELEASE = Code("MC0613", "other-release", "another release is pinned than the one that runs", Severity.WARNING)
DUPLICATE_ROLE = Code("MC0614", "duplicate-role", "a person has one role twice")
KEY_PROOF = Code("MC0615", "key-proof", "a proof that somebody has a key proves nothing")
GRANT_OF_NOTHING = Code("MC0616", "grant-of-nothing", "a grant gives nobody anything on any tenant", Severity.WARNING)

# --- 07xx: the ledger, as `conductor verify` finds it ------------------------------------------------------------

LEDGER_NO_GENESIS = Code("MC0700", "no-genesis", "no two people have started a history here yet")
LEDGER_GENESIS_SIGNED = Code(
    "MC0701", "genesis-signed", "a genesis is not signed by two different people whom it names"
)
LEDGER_GENESIS_COMMIT = Code("MC0702", "genesis-commit", "a genesis does not describe the commit that it names")
LEDGER_TRUST_ROOT = Code("MC0703", "trust-root", "the genesis that was asked for is not in this repository")
LEDGER_UNPROVEN = Code("MC0704", "unproven", "the trust root was assumed, and a proven one was demanded")
LEDGER_BRANCH = Code("MC0705", "ledger-branch", "the ledger's branch does not lead on from the genesis")
LEDGER_SIGNED = Code("MC0710", "signed", "an entry of the ledger is not signed by an agent's key in force")
LEDGER_CHAIN = Code("MC0711", "chain", "an entry of the ledger is missing, inserted, out of order or replayed")
LEDGER_NAME = Code("MC0712", "name", "an entry of the ledger lies under another path than its content says")
LEDGER_TIME = Code("MC0713", "time", "an entry of the ledger is older than the one before it")
LEDGER_AUTHOR = Code("MC0714", "author", "an entry of the ledger names another agent than the one whose key signed it")
LEDGER_INTENT = Code("MC0715", "intent", "an agent set out to do something while an earlier intent had no result")
LEDGER_RESULT = Code("MC0716", "result", "a result does not answer for the open intent, action by action")
LEDGER_FOREIGN = Code("MC0717", "foreign", "a file of nobody's lies among the evidence")
LEDGER_MAIN_SEEN = Code("MC0718", "main-seen", "an entry does not say where main was, or says what cannot be")
LEDGER_CURRENT = Code("MC0719", "current", "an entry speaks of another manifest than the one that is verified")
LEDGER_COMMIT_SIGNED = Code("MC0720", "commit-signed", "a commit that brings evidence is not signed by an agent's key")
LEDGER_COMMIT_EVIDENCE_ONLY = Code(
    "MC0721", "commit-evidence-only", "a commit that brings evidence changes something else as well"
)
LEDGER_UNCHANGED = Code("MC0722", "unchanged", "a commit changes or removes evidence")
LEDGER_WORK_TREE = Code("MC0723", "work-tree", "evidence in the work tree differs from what is committed")
LEDGER_CAUSE = Code("MC0724", "cause", "an agent says that it acts because of something that did not ask for it")
LEDGER_DECLARED = Code("MC0725", "declared", "an agent sets out to do what is not declared")
LEDGER_CHANGE = Code(
    "MC0730", "change", "a verdict does not start from where the last one ended, with a change that is there"
)
LEDGER_MANIFESTS = Code("MC0731", "manifests", "a verdict names another manifest than its change leads to")
LEDGER_COMPILED_INPUTS = Code(
    "MC0732", "compiled-inputs", "the commit that a verdict takes has other inputs than the approved change says"
)
LEDGER_CANDIDATE = Code(
    "MC0733", "candidate", "a verdict takes a commit that does not follow the last verified one on main"
)
LEDGER_APPROVALS = Code("MC0735", "approvals", "an approval that a verdict names is not with it")
LEDGER_SUMMARY = Code("MC0736", "summary", "a verdict says one thing as a SLSA summary and another as a verdict")
LEDGER_LANDED = Code("MC0737", "landed", "a verdict does not say what landed since its approvals were given")
LEDGER_SURVIVING_KEY = Code("MC0738", "surviving-key", "a change that dismisses an agent's key is taken by that key")
LEDGER_COUNTED = Code("MC0739", "counted", "a verdict names an approval that does not count")
LEDGER_CONSENT = Code("MC0740", "consent", "a verdict is not justified by the approvals that it names")
LEDGER_EMERGENCY = Code("MC0741", "emergency", "a verdict does not say rightly whether it was taken by emergency")
LEDGER_CLEARING = Code("MC0742", "clearing", "a debt is cleared that is not open, or by what does not count")
LEDGER_RENDERED = Code("MC0745", "rendered", "a verified commit renders to another manifest than the ledger says")
LEDGER_CLOSED = Code("MC0750", "closed", "an intent has no result")
LEDGER_ACTED = Code("MC0751", "acted", "a change was taken, and nothing says that it was done")
LEDGER_ACCOUNTED = Code("MC0755", "accounted", "an object that was asked for is passed over in silence")
LEDGER_ANCESTOR = Code("MC0752", "ancestor", "the last verified commit is not on main any more")
LEDGER_OVERDUE = Code("MC0753", "overdue", "the debt of an emergency is open past its deadline")
LEDGER_REWOUND = Code("MC0754", "rewound", "main does not lead on from where the ledger has seen it")
LEDGER_EXTENDS = Code("MC0760", "extends", "the history does not contain the earlier head that was given")
LEDGER_HEARTBEAT = Code("MC0761", "heartbeat", "the ledger has been silent for longer than its agent promised")
LEDGER_AHEAD = Code("MC0762", "ahead", "an entry of the ledger runs ahead of what anybody vouches for")

# --- 09xx: policy ------------------------------------------------------------------------------------------------

POLICY_DENIED = Code("MC0900", "policy-denied", "the repository's own policy does not allow a resource")
POLICY_BUILTIN = Code("MC0901", "policy-builtin", "Rego calls a builtin that wasm lacks")
POLICY_STALE = Code("MC0910", "policy-stale", "the committed policy.wasm is not built from the Rego beside it")
POLICY_NOT_BUILT = Code("MC0911", "policy-not-built", "the policy.wasm or the lock beside it is missing")
POLICY_LOCK = Code("MC0912", "policy-lock", "the lock beside policy.wasm cannot be read")
POLICY_UNUSABLE = Code("MC0913", "policy-unusable", "the committed policy.wasm cannot be loaded, or gives no answer")
TRANSITION_REFUSED = Code("MC0920", "transition-refused", "the verified policy refuses a step, whoever approves it")

ALL: Mapping[str, Code] = {code.id: code for code in tuple(globals().values()) if isinstance(code, Code)}
"""Id -> code, in the order of this file."""

__all__ = ["ALL", "Code", "Severity"]
