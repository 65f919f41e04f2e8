"""Numbers by number: an array that only grows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Kind = TypeVar("Kind", bound=np.generic)

_FIRST_ROOM = 64


class Growing(Generic[Kind]):
    """Elements of one type; those that are there never change, also in views taken earlier."""

    def __init__(self, kind: type[Kind], room: int = _FIRST_ROOM) -> None:
        """Make an empty one, which stays where it is until it has more than `room` elements."""
        self._room = np.zeros(room, kind)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def array(self) -> NDArray[Kind]:
        """All elements; a view."""
        return self._room[: self._size]

    def append(self, value: Any) -> None:
        """Add one."""
        if self._size == self._room.size:
            self._grow(self._size + 1)
        self._room[self._size] = value
        self._size += 1

    def extend(self, values: NDArray[Any]) -> None:
        """Add all elements of an array."""
        end = self._size + values.size
        if end > self._room.size:
            self._grow(end)
        self._room[self._size : end] = values
        self._size = end

    def _grow(self, size: int) -> None:
        longer = np.zeros(max(size, 2 * self._room.size), self._room.dtype)
        longer[: self._size] = self.array
        self._room = longer
