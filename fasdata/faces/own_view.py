"""Views from outside: what the user names becomes the text of a view, and only that text is kept."""

from __future__ import annotations

from fasdata.door import Code, named_code, names_code, offers
from fasdata.errors import UserError, naming
from fasdata.faces.view import CONTEXT, NAMES, View

GROUP = "fasdata.views"
"""The entry point under which an installed package offers views."""
_named: dict[str, Code] = {}


def name_view(text: str) -> str:
    """Return the text of the view that the user names, by file, module or package; any other text as it is.

    What is named is a `View`, or the text of one. Manifests, packs, bundles and runs hold the text alone, so that
    reading them needs no code.

    Raises:
        UserError: it cannot be imported, is no view, or has a value out of range.
    """
    if text in (*NAMES, CONTEXT) or not (names_code(text) or text in [offer.name for offer in offers(GROUP)]):
        return text
    value, code = named_code(text, GROUP, "view")
    if not isinstance(value, str | View):
        raise UserError(
            f"{text} is no view",
            expected="a View of fasdata.faces.view, or the text of one",
            found=type(value).__name__,
        )
    with naming(text):
        spelt = str(View.named(str(value)))
    _named[spelt] = code
    return spelt


def code_of_view(text: str) -> Code | None:
    """Return the code that this process had the text of a view from, None where its user wrote the text."""
    return _named.get(text)


def forget_views() -> None:
    """Know of no text any more that it is from code."""
    _named.clear()


def said_of_view(text: str) -> str:
    """Return a line that says which code the text of a view is from, "" where its user wrote it."""
    code = _named.get(text)
    return f"view        {text} is from {code.named}, sha256 {code.sha256}" if code else ""
