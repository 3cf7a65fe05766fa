"""Documents -> Resources: header by hand, `spec` by its kind's pydantic model, mistakes by span (plan, section 4).

Rules kept:
- exactly one finding for each mistake, at the place where it is mended;
- a resource with a mistake is still taken, without what is wrong in it, wherever that is possible, so that one mistake
  does not hide another nor look like one elsewhere; it is marked doubtful, and check says nothing about it;
- the name of a resource that could not be read counts as declared, so nothing that refers to it looks wrong.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from shlex import quote
from typing import Any

from pydantic import ValidationError

from compiler.advice import for_type
from compiler.diagnostics import codes
from compiler.diagnostics.model import Diagnostics, Label, Span
from compiler.diagnostics.suggest import did_you_mean, one_of
from compiler.domains.domain import Kind, Resource, Spec
from compiler.faultless import faultless
from compiler.header import API_VERSION, LABEL, MAX_NAME, METADATA_KEYS, NAME, ROOT_KEYS
from compiler.mistakes import forgotten, report
from compiler.nodes import Document, Entry, Mapping, Scalar, plain
from compiler.secrets import find_secrets
from compiler.shape import Facts

DROPS = 4
"""How often what is wrong is left out before a resource is given up."""


@dataclass(frozen=True)
class Husk:
    """A resource with a mistake without which it is none: its name and references are still looked at."""

    kind: Kind
    name: str
    document: Document


@dataclass
class Resources:
    """What was read. `husks` are resources whose spec could not be made; `declared`: kind -> name -> the path that
    declares it, also of what could not be read; `doubtful` are paths of resources without what is wrong in them."""

    resources: list[Resource[Spec]] = field(default_factory=list)
    husks: list[Husk] = field(default_factory=list)
    declared: dict[str, dict[str, str]] = field(default_factory=dict)
    incomplete: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)

    def declare(self, kind: str, name: str, path: str) -> None:
        """Note that a name exists."""
        self.declared.setdefault(kind, {}).setdefault(name, path)


def decode(
    documents: MappingOf[str, Document | None],
    refused: Iterable[str],
    kinds: Sequence[Kind],
    diagnostics: Diagnostics,
) -> Resources:
    """Decode every document. `refused` are files that were not even read."""
    result = Resources()
    by_name = {kind.name: kind for kind in kinds}

    def names(kind: str) -> set[str]:
        return {name for path in documents for _, name in _by_path(path, [by_name[kind]])}

    for path, document in (*documents.items(), *((path, None) for path in refused)):
        decoder = None
        resource: Resource[Spec] | Husk | None = None if document is None else faultless(document, by_name)
        if document is not None and resource is None:
            decoder = _Decoder(document, by_name, names, diagnostics)
            resource = decoder.resource()
        # a wrong name is one finding, and not one more wherever the right one is used
        named = list(_by_path(path, kinds if resource is None else (resource.kind,)))
        if resource is not None:
            named.append((resource.kind.name, resource.name))
        for kind, name in named:
            result.declare(kind, name, path)
        if isinstance(resource, Resource):
            result.resources.append(resource)
            if resource.document.doubtful or (decoder is not None and decoder.dropped):
                result.doubtful.add(path)
            continue
        if resource is not None:
            result.husks.append(resource)
        result.incomplete.update(kind for kind, _ in named)
    return result


def _by_path(path: str, kinds: Iterable[Kind]) -> Iterable[tuple[str, str]]:
    """What a file that could not be read was to declare."""
    folder, _, file = path.rpartition("/")
    name = file.rsplit(".", 1)[0].lower()
    return ((kind.name, name) for kind in kinds if kind.folder == folder and kind.only in {None, name})


class _Decoder:
    """Decodes one document."""

    def __init__(
        self,
        document: Document,
        kinds: MappingOf[str, Kind],
        names: Callable[[str], Iterable[str]],
        diagnostics: Diagnostics,
    ) -> None:
        self.names = names
        self.document = document
        self.path = document.path
        self.kinds = kinds
        self.diagnostics = diagnostics
        self.secrets: frozenset[Span] = frozenset()
        self.dropped = False
        self.strays: list[str] = []
        self.outside: list[str] = []

    def resource(self) -> Resource[Spec] | Husk | None:
        root = self.document.root
        before = len(self.diagnostics)
        self.misplaced()
        self.unknown_keys(root, (*ROOT_KEYS, *self.outside))
        self.secrets = find_secrets(self.document, self.diagnostics)
        self.api_version(root.entries.get("apiVersion"))
        kind = self.kind(root.entries.get("kind"))
        metadata = self.metadata(root.entries.get("metadata"))
        if kind is None or metadata is None:
            return None
        name, labels, description = metadata
        self.folder(kind, name, len(self.diagnostics) == before)
        spec = self.spec(kind, root.entries.get("spec"))
        if spec is None:
            return Husk(kind, name, self.document)
        return Resource(kind, name, labels, description, spec, self.document)

    def misplaced(self) -> None:
        """Find what stands in `metadata` and does not belong there, or the other way round: one mistake, not one at
        each place that is wrong by it."""
        entries = self.document.root.entries
        kind, metadata = entries.get("kind"), entries.get("metadata")
        if metadata is None:
            return
        inside = metadata.value.entries if isinstance(metadata.value, Mapping) else {}
        is_empty = isinstance(metadata.value, Scalar) and metadata.value.value is None
        if "name" in entries and "name" not in inside and (inside or is_empty):
            self.outside = [key for key in METADATA_KEYS if key in entries]
            at = entries[self.outside[0]].key_span
            self.diagnostics.add(
                codes.UNKNOWN_KEY, "`name` stands beside `metadata`", at, help="indent it below `metadata:`"
            )
        if "spec" in entries or not inside:
            return
        if "spec" in inside:
            self.strays = [key for key in inside if key not in METADATA_KEYS]
            at = inside["spec"].key_span
            self.diagnostics.add(
                codes.UNKNOWN_KEY, "`spec` stands within `metadata`", at, help="move it to the left margin: spec:"
            )
            return
        if kind is None:
            return
        # the line `spec:` is lost, and its keys stand in `metadata`
        known = self.kinds.get(kind.value.text) if isinstance(kind.value, Scalar) else None
        fields = known.spec.model_fields if known is not None else {}
        self.strays = [key for key in inside if key in fields and key not in METADATA_KEYS]
        if self.strays:
            at = inside[self.strays[0]].key_span
            self.diagnostics.add(codes.MISSING_KEY, "`spec` is missing", Label(at, "before this line"), help="spec:")

    def first_key(self) -> Span:
        """Where a finding about the whole document points."""
        return next((entry.key_span for entry in self.document.root.entries.values()), self.document.root.span)

    def api_version(self, entry: Entry | None) -> None:
        if entry is None:
            self.missing_root("apiVersion", f"apiVersion: {API_VERSION}")
        elif not isinstance(entry.value, Scalar) or entry.value.value != API_VERSION:
            found = f"`{entry.value.text}`" if isinstance(entry.value, Scalar) and entry.value.text else "another"
            self.add(codes.API_VERSION, f"apiVersion is {found}", entry, f"apiVersion: {API_VERSION}")

    def kind(self, entry: Entry | None) -> Kind | None:
        if entry is None:
            here = [kind for kind in self.kinds.values() if kind.folder == self.path.rpartition("/")[0]]
            self.missing_root("kind", f"kind: {here[0].name}" if here else None)
            return None
        name = entry.value.value if isinstance(entry.value, Scalar) else None
        kind = self.kinds.get(name) if isinstance(name, str) else None
        if kind is None:
            found = f"unknown kind `{name}`" if isinstance(name, str) else "a kind is a word"
            help_ = did_you_mean(str(name), self.kinds, f"one of {one_of(self.kinds)}")
            self.add(codes.UNKNOWN_KIND, found, entry, help_)
        return kind

    def metadata(self, entry: Entry | None) -> tuple[str, dict[str, str], str] | None:
        if entry is None:
            self.missing_root("metadata", "metadata: {name: ...}")
            return None
        if not isinstance(entry.value, Mapping):
            if not self.outside:
                help_ = for_type(None, entry.value, ["a mapping"], Facts()) or "metadata: {name: ...}"
                self.add(codes.WRONG_TYPE, "metadata is a mapping", entry, help_)
            return None
        self.unknown_keys(entry.value, (*METADATA_KEYS, *self.strays))
        named = entry.value.entries.get("name")
        stem = self.path.rsplit("/", 1)[-1].removesuffix(".yaml")
        if named is None and "name" in self.outside:
            return None
        if named is None:
            self.missing("name", entry.value, METADATA_KEYS, entry.key_span, f"name: {stem}")
            return None
        name = self.text(named, "name")
        if name is None:
            return None
        if NAME.fullmatch(name) is None or len(name) > MAX_NAME:
            self.add(
                codes.BAD_NAME,
                f"`{name}` is no name",
                named,
                f"lower-case letters, digits and single dashes, a letter first, at most {MAX_NAME}",
            )
            return None
        return name, self.labels(entry.value.entries.get("labels")), self.description(entry.value)

    def labels(self, entry: Entry | None) -> dict[str, str]:
        if entry is None:
            return {}
        if not isinstance(entry.value, Mapping):
            self.add(codes.WRONG_TYPE, "labels are a mapping of text", entry, "labels: {team: platform}")
            return {}
        for key, item in entry.value.entries.items():
            if LABEL.fullmatch(key) is None and item.key_span not in self.document.doubtful:
                help_ = "letters, digits, `.`, `_`, `/` and `-`, at most 63"
                self.diagnostics.add(
                    codes.BAD_FORM,
                    f"{f'`{key}`' if key else 'nothing'} is no name of a label",
                    item.key_span,
                    help=help_,
                )
        found = {key: self.text(item, f"label `{key}`") for key, item in entry.value.entries.items()}
        return {key: value for key, value in found.items() if value is not None}

    def description(self, metadata: Mapping) -> str:
        entry = metadata.entries.get("description")
        return (self.text(entry, "description") or "") if entry is not None else ""

    def text(self, entry: Entry, what: str) -> str | None:
        value = entry.value
        if isinstance(value, Scalar) and isinstance(value.value, str):
            return value.value
        quoted = f'{entry.key}: "{value.text}"' if isinstance(value, Scalar) and value.text else None
        self.add(codes.WRONG_TYPE, f"{what} is text", entry, quoted)
        return None

    def folder(self, kind: Kind, name: str, unblemished: bool) -> None:  # noqa: FBT001 -- private
        """A kind lies in its folder, and a kind of which there is one in its one file."""
        folder, _, file = self.path.rpartition("/")
        wanted = f"{kind.folder}/{kind.only or file.removesuffix('.yaml')}.yaml"
        if folder != kind.folder and unblemished:
            span = self.document.span(("kind",))
            self.diagnostics.add(
                codes.WRONG_FOLDER,
                f"a {kind.name} does not lie in {folder}/",
                Label(span, f"this kind lies in {kind.folder}/"),
                help=f"mv {quote(self.path)} {wanted}",
            )
        elif kind.only is not None and file != f"{kind.only}.yaml" and name == file.removesuffix(".yaml"):
            self.diagnostics.add(
                codes.NAME_DIFFERS,
                f"the {kind.name} is called `{kind.only}`",
                self.document.span(("metadata", "name")),
                help=f"name: {kind.only}, in {wanted}",
            )

    def spec(self, kind: Kind, entry: Entry | None) -> Spec | None:
        if entry is None:
            if not self.strays:
                self.missing_root("spec", "spec:")
            return None
        node = entry.value
        if isinstance(node, Scalar) and node.value is None and node.span not in self.document.doubtful:
            node = Mapping({}, node.span)
        if not isinstance(node, Mapping):
            self.add(codes.WRONG_TYPE, "spec is a mapping", entry, for_type(None, node, ["a mapping"], Facts()))
            return None
        value = plain(node)
        for place in forgotten(node, kind.spec, self.document, self.diagnostics):
            self.dropped |= _dropped(value, [place])
        misspelt = False
        for turn in range(DROPS):
            try:
                return kind.spec.model_validate_json(json.dumps(value, ensure_ascii=False), strict=True)
            except ValidationError as error:
                errors = error.errors(include_url=False, include_input=False)
                if turn == 0:
                    misspelt = report(
                        errors, kind.spec, self.document, self.secrets, self.diagnostics, names=self.names
                    )
                self.dropped |= any(item["type"] != "extra_forbidden" for item in errors) or misspelt
                if not _dropped(value, [item["loc"] for item in errors]):
                    return None
        return None

    def unknown_keys(self, node: Mapping, known: Sequence[str]) -> None:
        for key, entry in node.entries.items():
            if key not in known and entry.key_span not in self.document.doubtful:
                self.diagnostics.add(
                    codes.UNKNOWN_KEY,
                    f"unknown key `{key}`",
                    entry.key_span,
                    help=did_you_mean(key, set(known) - node.entries.keys(), f"the keys here are {one_of(known)}"),
                )

    def missing(self, key: str, siblings: Mapping, known: Sequence[str], at: Span, help_: str | None) -> None:
        """Say that a key is missing, unless it is there and misspelt, which was said already."""
        if siblings.span in self.document.partial:
            return
        if not any(did_you_mean(other, [key]) for other in siblings.entries if other not in known):
            self.diagnostics.add(codes.MISSING_KEY, f"`{key}` is missing", at, help=help_)

    def missing_root(self, key: str, help_: str | None) -> None:
        """Say that a key of the header is missing."""
        self.missing(key, self.document.root, ROOT_KEYS, self.first_key(), help_)

    def add(self, code: codes.Code, message: str, entry: Entry, help_: str | None) -> None:
        span = entry.value.span if isinstance(entry.value, Scalar) and entry.value.text else entry.key_span
        if span not in self.document.doubtful and entry.value.span not in self.document.doubtful:
            self.diagnostics.add(code, message, span, help=help_)


def _dropped(value: Any, places: Iterable[tuple[str | int, ...]]) -> bool:
    """Take out what is wrong, the last items of lists first; False if something cannot be taken out."""
    parents: list[tuple[Any, str | int]] = []
    for place in places:
        steps: list[tuple[Any, str | int]] = []
        node = value
        for part in place:
            is_item = isinstance(node, list) and isinstance(part, int) and 0 <= part < len(node)
            if is_item or (isinstance(node, dict) and part in node):
                steps.append((node, part))
                node = node[part]
        if not steps:
            return False
        parent, last = steps[-1]
        if not any(parent is other and last == key for other, key in parents):
            parents.append((parent, last))
    for parent, last in sorted(parents, key=lambda item: item[1] if isinstance(item[1], int) else -1, reverse=True):
        del parent[last]
    return True
