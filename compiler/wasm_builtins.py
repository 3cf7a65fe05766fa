"""The builtins of Rego that wasm lacks: a policy.wasm that calls one needs a host that answers, and ours does not.

A host's answer is not OPA's (its `sprintf` differs on null, sets and missing arguments), so all of them are refused,
also those that a host could lend. The table is that of OPA 1.22.2; a test asks the real OPA whether it is complete.
"""

from __future__ import annotations

_FAMILIES = {
    "": "indexof_n sprintf trace",
    "base64url": "encode_no_pad",
    "crypto": "md5 parse_private_keys sha1 sha256",
    "crypto.hmac": "equal md5 sha1 sha256 sha512",
    "crypto.x509": "parse_and_verify_certificates parse_and_verify_certificates_with_options "
    "parse_certificate_request parse_certificates parse_keypair parse_rsa_private_key",
    "glob": "quote_meta",
    "graph": "reachable_paths",
    "graphql": "is_valid parse parse_and_verify parse_query parse_schema schema_is_valid",
    "hex": "decode encode",
    "http": "send",
    "io.jwt": "decode decode_verify encode_sign encode_sign_raw verify_eddsa verify_es256 verify_es384 "
    "verify_es512 verify_hs256 verify_hs384 verify_hs512 verify_ps256 verify_ps384 verify_ps512 "
    "verify_rs256 verify_rs384 verify_rs512",
    "json": "marshal_with_options match_schema patch verify_schema",
    "net": "cidr_contains_matches cidr_expand cidr_is_valid cidr_merge lookup_ip_addr",
    "numbers": "range_step",
    "object": "subset",
    "opa": "runtime",
    "providers.aws": "sign_req",
    "rand": "intn",
    "regex": "find_n globs_match replace split template_match",
    "rego": "parse_module",
    "semver": "compare is_valid",
    "strings": "any_prefix_match any_suffix_match count render_template split_n",
    "time": "add_date clock date diff format now_ns parse_duration_ns parse_ns parse_rfc3339_ns weekday",
    "units": "parse parse_bytes",
    "uri": "is_valid parse",
    "urlquery": "decode decode_object encode encode_object",
    "uuid": "parse rfc4122",
    "yaml": "is_valid marshal unmarshal",
}

LACKING = frozenset(
    f"{family}.{name}" if family else name for family, names in _FAMILIES.items() for name in names.split()
)


def instead(builtin: str) -> str:
    """What to write instead."""
    if builtin in {"sprintf", "strings.render_template"}:
        return 'interpolate: $"tenant {tenant.name} …"'
    if builtin.startswith("time."):
        return "the time is an input: `input.time`"
    if builtin.startswith(("io.jwt.", "crypto.")):
        return "tokens and signatures are verified before the policy is asked; take the result as an input"
    if builtin in {"http.send", "net.lookup_ip_addr", "opa.runtime", "rand.intn", "uuid.rfc4122"}:
        return "a policy's answer depends on its input alone; take the value as an input"
    return "write it with the builtins that wasm has, or take the value as an input"
