"""What of a chunk is refused before anything is canonicalised: details, sizes and times. Pure."""

from collections.abc import Mapping, Sequence

from tocsin_node.limits import IDENTIFIER_BYTES
from tocsin_node.profiles import REASON
from tocsin_node.publish.blobs import json_object, salted
from tocsin_node.publish.lifetimes import Lifetimes
from tocsin_node.publish.prepare import Refusal, RowIn
from tocsin_signals.details import Details
from tocsin_signals.errors import Rejected


def read_details(fields: Sequence[bytes], data_key: bytes) -> tuple[list[bytes], dict[int, Rejected]]:
    """The details blobs of a chunk, and which of them are not valid."""
    blobs: list[bytes] = []
    bad: dict[int, Rejected] = {}
    for place, data in enumerate(fields):
        try:
            blobs.append(salted(Details.from_fields(json_object(data)).fields(), data_key))
        except Rejected as error:
            bad[place] = error
            blobs.append(b"")
    return blobs, bad


def screen(
    rows: Sequence[RowIn], bad: dict[int, Rejected], unsafe: Mapping[str, str], now: int, lifetimes: Lifetimes
) -> tuple[list[RowIn], list[Refusal]]:
    """Rows worth canonicalising, and those refused for their details, type (`unsafe`: why), size or time."""
    good: list[RowIn] = []
    refused: list[Refusal] = []
    for row in rows:
        if row.fields in bad:
            refused.append(Refusal(row.line, bad[row.fields].reason, bad[row.fields].sentence))
        elif row.type in unsafe:
            refused.append(Refusal(row.line, REASON, unsafe[row.type]))
        elif len(row.value.encode("utf-8", "surrogatepass")) > IDENTIFIER_BYTES:
            refused.append(Refusal(row.line, "too-long", f"The value is longer than {IDENTIFIER_BYTES} bytes."))
        elif row.valid_until and (wrong := lifetimes.wrong(row.type, row.valid_until, now)):
            refused.append(Refusal(row.line, *wrong))
        else:
            good.append(row)
    return good, refused
