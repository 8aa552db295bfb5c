"""Proofs made from a publisher's store: two signals, one of them with a whole life."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from tocsin_crypto.ed25519 import SigningKey
from tocsin_crypto.note import NoteSigner
from tocsin_node.errors import NotFound, Unsound
from tocsin_node.life.read import life
from tocsin_node.life.state import State, fold
from tocsin_node.limits import LIFE_EVENTS, PROOF_EVENTS
from tocsin_node.log.tx import Tx
from tocsin_node.proof.make import Proof, prove
from tocsin_node.proof.verify import verify_proof
from tocsin_node.testing.core import NOW, Core, open_core
from tocsin_signals.entry import NO_REF, Kind, empty_rows, tag_column

ORIGIN: Final = "hotline.example/feed/x"
SIGNER: Final = NoteSigner("hotline.example/node", SigningKey(b"\x01" * 32))  # that of `open_core`
SALT: Final = "0" * 32
DAY: Final = 86_400_000


@dataclass(frozen=True)
class Said:
    """One entry to append."""

    kind: Kind
    ref: int = NO_REF
    details: bytes = b'{"salt":"%s","stance":"harmful"}' % SALT.encode()
    epoch: int = 1


@dataclass(frozen=True)
class Rig:
    core: Core
    log: int

    def prove(self, signal: int) -> Proof:
        with self.core.store.read() as session:
            return prove(session, self.log, ORIGIN, signal)


STORY: Final = (
    Said(Kind.OPEN, details=b'{"salt":"%s"}' % SALT.encode(), epoch=0),
    Said(Kind.ASSERT),
    Said(Kind.ASSERT),
    Said(Kind.REVISE, 1, b'{"salt":"%s","severity":"high","stance":"harmful"}' % SALT.encode()),
    Said(Kind.RETAG, 1, b'{"salt":"%s","severity":"high","stance":"harmful"}' % SALT.encode(), epoch=2),
    Said(Kind.WITHDRAW, 1, b'{"reason":"false_positive","required_action":"erase","salt":"%s"}' % SALT.encode(), 0),
)


def append(tx: Tx, log: int, story: Sequence[Said]) -> None:
    rows = empty_rows(len(story))
    for place, said in enumerate(story):
        rows["kind"][place], rows["ref"][place], rows["epoch"][place] = said.kind, np.uint64(said.ref), said.epoch
        rows["type"][place] = 0x0101 if said.epoch else 0
        rows["valid_until"][place] = NOW + 90 * DAY if said.epoch else 0
        tag_column(rows)[place] = said.epoch
    tx.append(log, rows, [said.details for said in story], np.arange(len(story), dtype=np.uint32))


@pytest.fixture
def rig(tmp_path: Path) -> Generator[Rig]:
    with open_core(tmp_path) as core:
        log = core.writer.call(lambda tx: tx.new_log(ORIGIN, "own", "hotline.example", name="x"))
        for said in STORY:
            core.clock.now += 1000
            core.writer.call(lambda tx, said=said: append(tx, log, [said]))
        yield Rig(core, log)


def test_a_proof_holds_every_entry_about_the_signal_and_verifies_under_the_publishers_key(rig: Rig) -> None:
    made = rig.prove(1)
    proven = verify_proof(made.data, SIGNER.verifier)
    assert (made.entries, made.left_out, made.size) == (4, 0, 6)
    assert (proven.origin, proven.publisher, proven.signal, proven.size) == (ORIGIN, "hotline.example", 1, 6)
    assert [(event.index, event.entry.kind_word) for event in proven.events] == [
        (1, "assert"),
        (3, "revise"),
        (4, "retag"),
        (5, "withdraw"),
    ]
    assert proven.life.standing.state(NOW) is State.WITHDRAWN
    assert proven.life.word.details == STORY[3].details


def test_a_signal_with_one_entry_is_one_plain_c2sp_proof_under_the_newest_checkpoint(rig: Rig) -> None:
    made = rig.prove(2)
    assert made.data.startswith(b"c2sp.org/tlog-proof@v1\nextra ")
    assert made.data.count(b"tlog-proof") == 1
    assert verify_proof(made.data, SIGNER.verifier).size == 6
    assert verify_proof(made.data, SIGNER.verifier).life.standing.state(NOW) is State.LIVE


@pytest.mark.parametrize("signal", [0, 3, 5, 6, 2**62, 2**63, 2**64 - 1])
def test_only_an_assert_can_be_proved(rig: Rig, signal: int) -> None:
    with pytest.raises(NotFound, match="no signal"):
        rig.prove(signal)


def test_a_damaged_store_gives_no_proof(rig: Rig) -> None:
    core, log = rig.core, rig.log
    core.writer.call(lambda tx: tx.sql.execute("UPDATE details SET blob = ? WHERE blob = ?", (b"{}", STORY[3].details)))
    with pytest.raises(Unsound, match="audit verify"):
        rig.prove(1)
    core.writer.call(lambda tx: tx.sql.execute("DELETE FROM segment WHERE log = ? AND first = 2", (log,)))
    with pytest.raises(Unsound):
        rig.prove(1)


def test_what_does_not_fit_is_left_out_between_the_assert_and_the_newest(rig: Rig) -> None:
    revisions = [Said(Kind.REVISE, 2, b'{"n":%d,"salt":"%s"}' % (number, SALT.encode())) for number in range(300)]
    rig.core.writer.call(lambda tx: append(tx, rig.log, revisions))
    made = rig.prove(2)
    events = verify_proof(made.data, SIGNER.verifier).events
    assert (made.entries, made.left_out) == (PROOF_EVENTS - 1, 302 - PROOF_EVENTS)
    assert [events[0].index, events[-1].index] == [2, 305]
    assert len(events) == made.entries


def test_a_withdrawal_is_never_left_out(rig: Rig) -> None:
    later = [Said(Kind.REVISE, 1, b'{"n":%d,"salt":"%s"}' % (number, SALT.encode())) for number in range(1100)]
    rig.core.writer.call(lambda tx: append(tx, rig.log, later))
    made = rig.prove(1)
    proven = verify_proof(made.data, SIGNER.verifier)
    assert (made.entries, made.left_out) == (PROOF_EVENTS, 1104 - PROOF_EVENTS)
    assert proven.life.standing.state(NOW) is State.WITHDRAWN
    with rig.core.store.read() as session:
        shown = life(session, rig.log, ORIGIN, 1)
    assert (len(shown.events), shown.left_out) == (LIFE_EVENTS, 1104 - LIFE_EVENTS)
    assert fold(shown.events).standing.withdrawn
