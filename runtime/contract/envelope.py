"""DSSE envelope in a Sigstore bundle v0.3, to bytes and back.

DSSE: https://github.com/secure-systems-lab/dsse/blob/master/protocol.md (PAE). Bundle:
https://github.com/sigstore/protobuf-specs, `sigstore_bundle.proto`, media type v0.3, one signature, a public-key hint.
Rules kept: a file is canonical JSON and the only encoding of its content (base64 included), so one flipped bit is
never the same envelope.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from functools import cached_property

from pydantic import ValidationError

from runtime.contract.canonical import encode, sha256
from runtime.contract.errors import FormatError
from runtime.contract.statement import Statement, decode_statement

PAYLOAD_TYPE = "application/vnd.in-toto+json"
MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SUFFIX = ".sigstore.json"
MAX_BYTES = 4 * 1024 * 1024
MAX_PAYLOAD = (MAX_BYTES - 4096) // 4 * 3
"""Bytes of a statement whose envelope is read: base64 takes a third more, and the rest of it little."""

_BASE64 = rb"([A-Za-z0-9+/]+={0,2})"
_FORM = re.compile(
    b"".join(
        (
            rb'\{"dsseEnvelope":\{"payload":"',
            _BASE64,
            rb'","payloadType":"',
            re.escape(PAYLOAD_TYPE.encode()),
            rb'","signatures":\[\{"keyid":"(SHA256:[A-Za-z0-9+/]{43})","sig":"',
            _BASE64,
            rb'"\}\]\},"mediaType":"',
            re.escape(MEDIA_TYPE.encode()),
            rb'","verificationMaterial":\{"publicKey":\{"hint":"\2"\},"tlogEntries":\[\]\}\}',
        )
    )
)
"""Every file that `Envelope.data` writes for a payload, a signature and a fingerprint, as long as the base64 is the one
that encodes them."""


def pae(payload: bytes) -> bytes:
    """Return the bytes that are signed (DSSE, Pre-Authentication Encoding)."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


@dataclass(frozen=True)
class Envelope:
    """A statement's bytes, one signature over their PAE, and the fingerprint (`SHA256:…`) of the key that made it."""

    payload: bytes
    signature: bytes
    keyid: str

    @cached_property
    def data(self) -> bytes:
        """The file: a Sigstore bundle as canonical JSON."""
        return encode(
            {
                "mediaType": MEDIA_TYPE,
                "verificationMaterial": {"publicKey": {"hint": self.keyid}, "tlogEntries": []},
                "dsseEnvelope": {
                    "payload": b64encode(self.payload).decode(),
                    "payloadType": PAYLOAD_TYPE,
                    "signatures": [{"sig": b64encode(self.signature).decode(), "keyid": self.keyid}],
                },
            }
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the whole file: how other statements name it."""
        return sha256(self.data)

    @cached_property
    def statement(self) -> Statement:
        """The statement; raises FormatError."""
        return decode_statement(self.payload)


def decode_envelope(data: bytes) -> Envelope:
    """Read a file; raises FormatError for anything that is not exactly what `Envelope.data` writes."""
    if len(data) > MAX_BYTES:
        raise FormatError(f"{len(data)} bytes of envelope, at most {MAX_BYTES} are read")
    return _as_written(data) or _as_a_bundle(data)


def _as_written(data: bytes) -> Envelope | None:
    """Read what has our own form to the last byte, without asking what else a bundle could be."""
    match = _FORM.fullmatch(data)
    if match is None:
        return None
    payload, signature = b64decode(match[1]), b64decode(match[3])
    if b64encode(payload) != match[1] or b64encode(signature) != match[3]:
        return None
    envelope = Envelope(payload, signature, match[2].decode())
    envelope.__dict__["data"] = data
    return envelope


def _as_a_bundle(data: bytes) -> Envelope:
    # imported here: it takes longer than reading a thousand files that are as they should be
    from sigstore_models.bundle.v1 import Bundle  # noqa: PLC0415 -- see above

    try:
        # whether these bytes are canonical is seen below: what was read is written again
        bundle = Bundle.from_dict(json.loads(data))
    except (ValidationError, ValueError, TypeError, RecursionError) as error:
        raise FormatError(f"no Sigstore bundle v0.3: {str(error).splitlines()[0]}") from None
    dsse, key = bundle.dsse_envelope, bundle.verification_material.public_key
    if (
        dsse is None
        or key is None
        or key.hint is None
        or dsse.payload_type != PAYLOAD_TYPE
        or len(dsse.signatures) != 1
    ):
        raise FormatError("the bundle holds no in-toto envelope with one signature and a public-key hint")
    envelope = Envelope(dsse.payload, dsse.signatures[0].sig, key.hint)
    if envelope.data != data:
        raise FormatError("the bundle has fields or an encoding that Conductor does not write")
    return envelope
