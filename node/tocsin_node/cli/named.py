"""How commands name own signals by what was published: options shared by whatever changes signals."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tocsin.v1.node_pb2 import Query

Values = Annotated[
    list[str] | None, typer.Option("--value", metavar="TEXT", help="What was published; repeatable, with --type.")
]
ValueType = Annotated[str, typer.Option("--type", "-t", metavar="TYPE", help="Type of the values.", show_default=False)]
Region = Annotated[
    str, typer.Option(metavar="XX", help="Hint for types that need one, such as GB.", show_default=False)
]


def identifiers(values: Sequence[str] | None, type_name: str, region: str) -> "list[Query]":
    """The values as the node is asked about them."""
    from tocsin.v1.node_pb2 import Query

    return [Query(type=type_name, value=value, region=region) for value in values or ()]
