"""Make a handler's payload out of the JSON that was stored, and back."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Union, get_args, get_origin
from uuid import UUID

import attrs
from cattrs import Converter
from cattrs.preconf.json import configure_converter

from runledger_core import JobFailure

from ._misfits import describe_misfits

SCHEDULE_KEY: Final = "_schedule"
"""Where the payload of a schedule's job says for which slot it is."""

_COLLECTIONS: Final = (Sequence, AbstractSet)
_UNIONS: Final = (Union, types.UnionType)


class _StrictConverter(Converter):
    """
    Read JSON without guessing.

    cattrs calls ``int("5")`` and ``str(None)`` for the asking, and takes the letters
    of a string for a list. In a ledger that hides a producer's mistake, so here every
    value must have the JSON type that its field asks for.
    """

    def get_structure_hook(self, type: Any, cache_result: bool = True) -> Any:  # noqa: A002 - cattrs' names
        """Return the hook for a type, guarded against other JSON types."""
        optional = _optional_member(type)
        if optional is not None:
            hook = self.get_structure_hook(optional)
            return lambda value, _: None if value is None else hook(value, optional)
        hook = super().get_structure_hook(type, cache_result)
        wanted = _json_container(type)
        if wanted is None:
            return hook

        def guarded(value: Any, cl: Any) -> Any:
            if not isinstance(value, wanted):
                raise TypeError
            return hook(value, cl)

        return guarded


def read_payload_with(payload_type: type) -> Callable[[Any], Any]:
    """
    Return the function that makes a value of *payload_type*, an attrs class, from JSON.

    It raises the terminal `JobFailure` ``job.invalid_payload``, which says where the
    payload does not fit. What a scheduler adds to a payload is left out, unless the
    class has a field ``_schedule`` for it.

    Raises:
        Exception: whatever cattrs raises for a class that it cannot make from JSON.
    """
    hook = _CONVERTER.get_structure_hook(payload_type)
    fields = attrs.fields_dict(get_origin(payload_type) or payload_type)
    takes_slot = SCHEDULE_KEY in fields

    def read(value: Any) -> Any:
        if isinstance(value, dict) and not takes_slot:
            value = {name: value[name] for name in value if name != SCHEDULE_KEY}
        try:
            return hook(value, payload_type)
        except Exception as error:
            where = describe_misfits(error, payload_type)
            raise JobFailure.terminal("job.invalid_payload", where) from error

    return read


def payload_json(payload: object) -> Any:
    """Return an attrs payload as JSON; anything else is returned as it is."""
    return _CONVERTER.unstructure(payload) if attrs.has(type(payload)) else payload


def _optional_member(type_: Any) -> Any | None:
    """Return X for ``X | None``, else None."""
    if get_origin(type_) not in _UNIONS:
        return None
    members = [member for member in get_args(type_) if member is not type(None)]
    is_optional = len(members) == 1 and len(get_args(type_)) == 2  # noqa: PLR2004
    return members[0] if is_optional else None


def _json_container(type_: Any) -> type | None:
    """Return the JSON container that a type is written as, None for any other."""
    origin = get_origin(type_) or type_
    if not isinstance(origin, type):
        return None
    if attrs.has(origin) or issubclass(origin, Mapping):
        return dict
    if issubclass(origin, (str, bytes)) or not issubclass(origin, _COLLECTIONS):
        return None
    return list


def _exactly(*wanted: type) -> Callable[[Any, Any], Any]:
    """Return a hook that takes these JSON types as they are, and no others."""

    def take(value: Any, _: Any) -> Any:
        # type(), not isinstance(): true is no number in JSON.
        if type(value) not in wanted:
            raise TypeError
        return value

    return take


def _number(value: Any, _: Any) -> float:
    if type(value) not in (int, float):
        raise TypeError
    return float(value)


def _from_text(parse: Callable[[str], Any]) -> Callable[[Any, Any], Any]:
    def structure(value: Any, _: Any) -> Any:
        if not isinstance(value, str):
            raise TypeError
        try:
            return parse(value)
        except InvalidOperation as error:
            raise ValueError from error

    return structure


def _make_converter() -> Converter:
    converter = _StrictConverter(
        forbid_extra_keys=True, unstruct_collection_overrides={AbstractSet: list}
    )
    configure_converter(converter)
    converter.register_structure_hook(bool, _exactly(bool))
    converter.register_structure_hook(int, _exactly(int))
    converter.register_structure_hook(str, _exactly(str))
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook(UUID, _from_text(UUID))
    converter.register_structure_hook(Decimal, _from_text(Decimal))
    converter.register_unstructure_hook(UUID, str)
    converter.register_unstructure_hook(Decimal, str)
    return converter


_CONVERTER: Final = _make_converter()
