"""Frozen records: dataclasses in all but the cost of importing `dataclasses`, which the guest pays at boot."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar, dataclass_transform
else:

    def dataclass_transform(**_: object) -> object:
        return lambda cls: cls


@dataclass_transform(frozen_default=True)
class Record:
    """A base for classes whose annotations are their fields, in order, those of the base first."""

    if TYPE_CHECKING:
        fields: ClassVar[tuple[str, ...]]
    else:
        fields = ()

    def __init_subclass__(cls) -> None:
        cls.fields = (*cls.fields, *cls.__annotations__)

    def __init__(self, *values: object, **named: object) -> None:
        if not named and len(values) == len(self.fields):  # most, and quicker; under emulation, by a lot
            own = self.__dict__
            at = 0
            for value in values:
                own[self.fields[at]] = value
                at += 1  # noqa: SIM113 - plainly: each other way is code that is cold in a clone
            return
        given = dict(zip(self.fields, values, strict=False)) | named
        if len(values) + len(named) != len(self.fields) or given.keys() != set(self.fields):
            raise TypeError(f"{type(self).__name__} takes {', '.join(self.fields)}")
        self.__dict__.update(given)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self).__name__, *self.__dict__.values()))

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={self.__dict__[name]!r}" for name in self.fields)
        return f"{type(self).__name__}({values})"
