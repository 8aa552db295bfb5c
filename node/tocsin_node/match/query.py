"""What an application asks about: a typed identifier."""

from typing import NamedTuple


class Query(NamedTuple):
    """One identifier to look up. `region` is a hint for types that need one."""

    type: str
    value: str
    region: str = ""
