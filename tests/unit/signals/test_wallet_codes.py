"""The codes of wallets by themselves: limits and refusals that no address of the vectors shows."""

import pytest

from tocsin_signals.canon import canonicalise
from tocsin_signals.canon.wallet import CHAINS, bits, cashaddr
from tocsin_signals.errors import Rejected


@pytest.mark.parametrize("size", cashaddr.SIZES)
@pytest.mark.parametrize("kind", [0, 1, 15])
def test_cashaddr_reads_back_every_size_and_type_it_can_write(size: int, kind: int) -> None:
    body = bytes(range(size))
    assert cashaddr.decode(cashaddr.encode(kind, body)) == (kind, body)
    assert cashaddr.decode(cashaddr.encode(kind, body, "bchtest"), "bchtest") == (kind, body)


def test_a_cashaddr_under_another_prefix_has_a_wrong_checksum() -> None:
    with pytest.raises(Rejected, match="checksum"):
        cashaddr.decode(cashaddr.encode(0, bytes(range(20)), "bchtest"))


@pytest.mark.parametrize("size", range(6))
def test_groups_of_five_bits_are_bytes_again(size: int) -> None:
    raw = bytes(range(250, 250 + size))
    assert bits.to_bytes(bits.from_bytes(raw)) == raw
    assert bits.read(bits.write(bits.from_bytes(raw))) == bits.from_bytes(raw)


@pytest.mark.parametrize("groups", [[0], [0, 1], [31, 31], [0, 0, 0]])
def test_groups_that_leave_a_whole_group_or_set_bits_over_are_refused(groups: list[int]) -> None:
    with pytest.raises(Rejected):
        bits.to_bytes(groups)


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("text", ["q" * 128, "1" * 128, "z" * 128, "0x" + "f" * 126, "\u00e9" * 20, "bc1", "ltc1", "p"])
def test_long_short_and_foreign_text_is_refused_by_every_chain(chain: str, text: str) -> None:
    with pytest.raises(Rejected):
        canonicalise("wallet", f"{chain}:{text}")
