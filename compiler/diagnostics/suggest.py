"""A name that does not exist -> the nearest one that does.

difflib is imported only where there is something to suggest: most runs find nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

NEAR = 0.6


def nearest(name: str, candidates: Iterable[str], *, cutoff: float = NEAR) -> str | None:
    """Return the candidate that was most likely meant, None if none is near."""
    from difflib import get_close_matches  # noqa: PLC0415 -- see above

    pool = sorted(candidates)
    by_form: dict[str, str] = {}
    for item in pool:
        by_form.setdefault(_form(item), item)
    same = by_form.get(_form(name))
    if same is not None:
        return same
    close = get_close_matches(name, pool, n=1, cutoff=cutoff)
    return close[0] if close else None


def did_you_mean(name: str, candidates: Iterable[str], otherwise: str | None = None) -> str | None:
    """Return the help line for a name that does not exist."""
    near = nearest(name, candidates)
    return f"did you mean `{near}`?" if near is not None else otherwise


def one_of(candidates: Iterable[str], limit: int = 12) -> str:
    """Return a list for a help line."""
    names = [f"`{name}`" for name in sorted(candidates)]
    more = [f"{len(names) - limit} more"] if len(names) > limit else []
    names = names[:limit] + more
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}" if names else "nothing"


def _form(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
