"""A text x a forge's API -> one comment on a pull request: made once, then updated in place.

APIs: https://docs.github.com/rest/issues/comments and https://docs.gitlab.com/api/notes. Rules kept: a comment is ours
if its first line is the marker and its author is who we are, because anybody may write the marker; the token goes to
the API's own host and nowhere else, never over plain HTTP but to this machine; answers are read with limits, and no
error quotes the token, or what a library says of a request or an answer that it could not read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Protocol
from urllib.error import URLError
from urllib.parse import SplitResult, quote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from runtime.contract.errors import EnvironmentFailedError, UsageError

MARKER = "<!-- conductor: plan -->"
_SECONDS = 30
_PAGES = 50
_PAGE = 100
_MAX_BYTES = 16 * 1024 * 1024
_CUT = "\n\n… the rest does not fit into a comment: `conductor plan` shows it\n"


class Forge(Protocol):
    """Comments of one pull request. `longest` is how many characters one may have."""

    @property
    def longest(self) -> int: ...  # noqa: D102 -- see above

    def mine(self) -> str | None:
        """Return the id of the comment that we have made, None if there is none."""
        ...

    def create(self, text: str) -> None:
        """Make it."""
        ...

    def update(self, comment: str, text: str) -> None:
        """Write it anew."""
        ...


def put(forge: Forge, text: str) -> bool:
    """Make the comment say `text`; True if it was not there before. Raises EnvironmentFailedError."""
    body = f"{MARKER}\n{text}"
    if len(body) > forge.longest:
        body = body[: forge.longest - len(_CUT)] + _CUT
    there = forge.mine()
    if there is None:
        forge.create(body)
    else:
        forge.update(there, body)
    return there is None


@dataclass(frozen=True)
class GitHub:
    """Comments of a pull request. `author` is whose token it is: that of a workflow is `github-actions[bot]`'s."""

    api: str
    repository: str
    number: int
    token: str
    author: str = "github-actions[bot]"
    longest: int = 65_000

    def mine(self) -> str | None:
        """Return the id of our comment."""
        for item in _pages(self._request, f"{self._repo}/issues/{self.number}/comments"):
            match item:
                case {"body": str(body), "user": {"login": self.author}} if body.startswith(MARKER):
                    return _number(item)
        return None

    def create(self, text: str) -> None:
        """Make the comment."""
        self._request("POST", f"{self._repo}/issues/{self.number}/comments", {"body": text})

    def update(self, comment: str, text: str) -> None:
        """Write it anew."""
        self._request("PATCH", f"{self._repo}/issues/comments/{comment}", {"body": text})

    @property
    def _repo(self) -> str:
        return f"/repos/{quote(self.repository)}"

    def _request(self, method: str, path: str, body: Mapping[str, str] | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/vnd.github+json"}
        return _ask(method, self.api + path, headers, body)


@dataclass(frozen=True)
class GitLab:
    """Notes of a merge request. `project` is its number or path."""

    api: str
    project: str
    number: int
    token: str
    longest: int = 900_000

    def mine(self) -> str | None:
        """Return the id of our note."""
        match self._request("GET", "/user"):
            case {"id": int(me)}:
                pass
            case _:
                raise EnvironmentFailedError("the forge did not say whose token it is", help=_LOOK)
        for item in _pages(self._request, self._notes):
            match item:
                case {"body": str(body), "author": {"id": int(author)}} if author == me and body.startswith(MARKER):
                    return _number(item)
        return None

    def create(self, text: str) -> None:
        """Make the note."""
        self._request("POST", self._notes, {"body": text})

    def update(self, comment: str, text: str) -> None:
        """Write it anew."""
        self._request("PUT", f"{self._notes}/{comment}", {"body": text})

    @property
    def _notes(self) -> str:
        return f"/projects/{quote(self.project, safe='')}/merge_requests/{self.number}/notes"

    def _request(self, method: str, path: str, body: Mapping[str, str] | None = None) -> Any:
        return _ask(method, self.api + path, {"PRIVATE-TOKEN": self.token}, body)


def from_environment(forge: str, number: int, environment: Mapping[str, str]) -> Forge:
    """Return the forge that a job runs on; raises UsageError for a variable that is missing, or cannot be right."""

    def need(name: str, what: str) -> str:
        value = environment.get(name, "").strip()
        if not value:
            raise UsageError(f"{name} is not set", help=f"{what}; see docs/forge.md")
        if not (value.isascii() and value.isprintable()) or " " in value:
            raise UsageError(
                f"{name} holds a character that it cannot have: a space, the end of a line, or one beyond ASCII",
                help=f"{what}; see docs/forge.md",
            )
        return value

    def address(name: str, what: str) -> str:
        api = need(name, what).rstrip("/")
        _place(api, name)
        return api

    if forge == "github":
        api = address("GITHUB_API_URL", "a job of GitHub Actions has it")
        repository = need("GITHUB_REPOSITORY", "a job of GitHub Actions has it")
        token = need("GITHUB_TOKEN", "give the step `env: {GITHUB_TOKEN: ${{ github.token }}}`")
        author = environment.get("CONDUCTOR_COMMENT_AUTHOR") or GitHub.author
        return GitHub(api, repository, number, token, author)
    api = address("CI_API_V4_URL", "a job of GitLab has it")
    project = need("CI_PROJECT_ID", "a job of GitLab has it")
    token = need(
        "CONDUCTOR_GITLAB_TOKEN", "make a project access token that may use the API, and a masked variable of it"
    )
    return GitLab(api, project, number, token)


def _pages(request: Any, path: str) -> Iterator[dict[str, Any]]:
    for page in range(1, _PAGES + 1):
        found = request("GET", f"{path}?per_page={_PAGE}&page={page}")
        if not isinstance(found, list):
            raise EnvironmentFailedError("the forge did not answer with a list of comments", help=_LOOK)
        yield from (item for item in found if isinstance(item, dict))
        if len(found) < _PAGE:
            return


def _number(item: Mapping[str, Any]) -> str:
    match item:
        case {"id": int(number)}:
            return str(number)
    raise EnvironmentFailedError("the forge answered with a comment that has no number", help=_LOOK)


class _Stay(HTTPRedirectHandler):
    """Follow no redirection: the token would go along."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = build_opener(_Stay)
_LOOK = "see what it says to the same request, and whether the token may write comments: docs/forge.md"


def _place(url: str, what: str) -> SplitResult:
    """Where a URL leads; raises UsageError for one that leads nowhere, or where no token may go."""
    try:
        place = urlsplit(url)
        host = place.hostname if place.port != 0 else None
    except ValueError:
        place, host = SplitResult("", "", "", "", ""), None
    if not host:
        raise UsageError(f"{what} is not the address of an API", help="write it as https://forge.example/api")
    if place.scheme != "https" and not (place.scheme == "http" and host in {"127.0.0.1", "::1", "localhost"}):
        raise UsageError(f"{what}: {host} is not asked over {place.scheme or 'nothing'}", help="use https")
    return place


def _ask(method: str, url: str, headers: Mapping[str, str], body: Mapping[str, str] | None) -> Any:
    place = _place(url, "the forge")
    data = None if body is None else json.dumps(body).encode()
    sent = {**headers, "User-Agent": "conductor", "Content-Type": "application/json"}
    request = Request(url, data=data, headers=sent, method=method)  # noqa: S310 -- the scheme was looked at
    try:
        with _OPENER.open(request, timeout=_SECONDS) as answer:
            text = answer.read(_MAX_BYTES + 1)
    except URLError as error:  # an answer of 300 or more is one as well
        why = getattr(error, "code", None) or error.reason
        raise EnvironmentFailedError(f"{method} {place.hostname}{place.path} failed: {why}", help=_LOOK) from None
    except OSError as error:
        raise EnvironmentFailedError(f"{place.hostname} did not answer: {error}", help=_LOOK) from None
    except (HTTPException, ValueError):  # both quote what they could not read or send, the token among it
        raise EnvironmentFailedError(f"{place.hostname} did not answer with valid HTTP", help=_LOOK) from None
    try:
        if len(text) > _MAX_BYTES:
            raise ValueError
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        raise EnvironmentFailedError(f"{place.hostname} did not answer with valid JSON", help=_LOOK) from None
