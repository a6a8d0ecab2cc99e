"""Say of every setting of a method what it takes, what it is by default, and what it means: from the classes alone."""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from textwrap import dedent, fill
from typing import Any, get_args

from pydantic import BaseModel

from fastrain.augmentation import AugmentConfig
from fastrain.config import RunConfig, modalities_of
from fastrain.methods.registry import METHODS, named_method, settings_class
from fastrain.run.settings import layered, presets, resolve

WIDTH = 110
EVERYWHERE = {
    "lr": "Learning rate.",
    "momentum": "Momentum of SGD.",
    "weight_decay": "Weight decay.",
}
"""What settings mean that have one name in every method."""


@dataclass(frozen=True)
class Key:
    """A setting: its full path, the values it takes, its default (of a section: None), and what it means."""

    path: str
    takes: str
    default: Any
    about: str


@dataclass(frozen=True)
class MethodText:
    """What there is to say of a method before it runs; `keys` are those of a run of it, with the values of `preset`."""

    name: str
    about: str
    modalities: tuple[str, ...]
    view: str
    presets: tuple[str, ...]
    preset: str
    keys: tuple[Key, ...]


def method_text(name: str, preset: str | None = None) -> MethodText:
    """Return what there is to say of the method `name`, of ours without importing torch.

    Raises:
        UserError: there is no such method or preset; the message names the nearest.
    """
    config = resolve(layered(name, preset))
    named = named_method(name)
    about = first_sentence(named.kind) if named else METHODS[name].about
    return MethodText(
        name, about, modalities_of(config), config.data.view or "the method's own", tuple(presets(name)), preset or "",
        tuple(keys_of(config)),
    )  # fmt: skip


def keys_of(config: RunConfig) -> Iterator[Key]:
    """Yield every key that a run of `config`'s method understands, but the method itself, with its value there."""
    inner: dict[str, type[BaseModel]] = {"model": settings_class(config.method), "data.augment": AugmentConfig}
    for key in _keys(RunConfig, config.model_dump(mode="json"), "", inner):
        if key.path != "method":
            yield key


def as_text(text: MethodText) -> str:
    """Spell it for people: a line `key = default  (what it takes)` each, and what it means below."""
    lines = [
        f"{text.name}: {text.about}",
        f"sees        {' '.join(text.modalities)}, as view {text.view}",
        f"presets     {', '.join(text.presets) or 'none'}",
        "",
        "Settings of a run, for --set KEY=VALUE; the unambiguous end of a key will do (seed for train.seed)."
        + (f" Values are those of preset {text.preset}." if text.preset else ""),
    ]
    for key in text.keys:
        value = f" = {json.dumps(key.default, ensure_ascii=False)}" if key.takes != "section" else ""
        lines.append(f"\n{key.path}{value}" + (f"  ({key.takes})" if value else ""))
        if key.about:
            lines.append(fill(key.about, WIDTH, initial_indent="    ", subsequent_indent="    "))
    return "\n".join(lines)


def as_data(text: MethodText) -> dict[str, Any]:
    """Spell it for programs."""
    return asdict(text)


# -- From the classes --------------------------------------------------------------------------------------------------


def _keys(
    model: type[BaseModel], values: Mapping[str, Any] | None, prefix: str, inner: Mapping[str, type[BaseModel]]
) -> Iterator[Key]:
    texts = documented(model)
    schema = _schema(model)
    kinds = schema.get("$defs", {})
    for name, field in model.model_fields.items():
        path = prefix + name
        section = inner.get(path) or _section(field.annotation)
        value = _plain(field.get_default(call_default_factory=True)) if values is None else values[name]
        about = texts.get(name) or EVERYWHERE.get(name, "") or (section and first_paragraph(section)) or ""
        always = section is not None and type(None) not in get_args(field.annotation)
        takes = "section" if always else spelled(schema["properties"][name], kinds)
        yield Key(path, takes, None if always else value, about)
        if section:
            yield from _keys(section, value if isinstance(value, Mapping) else None, path + ".", inner)


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


def _section(annotation: Any) -> type[BaseModel] | None:
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


@cache
def documented(model: type[BaseModel]) -> dict[str, str]:
    """Return what the text below each field of a class says, its parents' included, as one line each.

    >>> documented(RunConfig)["published_for"][:45]
    'Protocol that the values of a preset were pub'
    """
    texts: dict[str, str] = {}
    for kind in reversed(model.__mro__):
        if not issubclass(kind, BaseModel) or kind is BaseModel:
            continue
        body = ast.parse(dedent(inspect.getsource(kind))).body[0]
        assert isinstance(body, ast.ClassDef)
        for field, after in zip(body.body, body.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                text = after.value if isinstance(after, ast.Expr) else None
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    texts[field.target.id] = " ".join(text.value.split())
    return texts


def first_paragraph(kind: type) -> str:
    """Return the first paragraph of a class' docstring as one line."""
    return " ".join((inspect.cleandoc(kind.__doc__ or "")).partition("\n\n")[0].split())


def first_sentence(kind: type) -> str:
    """Return the first sentence of a class' docstring, without its full stop."""
    return first_paragraph(kind).partition(". ")[0].rstrip(".")


def spelled(schema: Mapping[str, Any], kinds: Mapping[str, Any]) -> str:
    """Spell what a JSON schema allows.

    >>> spelled({"type": "number", "exclusiveMinimum": 0}, {}), spelled({"enum": ["sgd", "adamw"]}, {})
    ('number > 0', 'sgd | adamw')
    """
    if "$ref" in schema:
        return spelled(kinds[schema["$ref"].rpartition("/")[2]], kinds)
    if "allOf" in schema:
        return spelled(schema["allOf"][0], kinds)
    if "anyOf" in schema:
        return " | ".join(spelled(way, kinds) for way in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return " | ".join(map(str, schema.get("enum", [schema.get("const")])))
    kind = schema.get("type")
    if kind in ("integer", "number"):
        bounds = [f"{sign} {schema[word]}" for word, sign in _BOUNDS.items() if word in schema]
        return " ".join([_WORDS[kind], ", ".join(bounds)]).strip()
    if kind == "array":
        of = schema.get("items") or schema.get("prefixItems", [{}])[0]
        return f"list of {spelled(of, kinds)}" if of else "list"
    return _WORDS.get(str(kind), "anything")


_WORDS = {
    "integer": "whole number", "number": "number", "boolean": "true | false", "string": "text", "null": "null",
    "object": "mapping of keys",
}  # fmt: skip
_BOUNDS = {
    "minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<", "multipleOf": "a multiple of",
}  # fmt: skip
