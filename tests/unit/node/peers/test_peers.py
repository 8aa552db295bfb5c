import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tocsin_crypto import tls
from tocsin_crypto.card import CardKey, sign_card
from tocsin_crypto.note import Note, Signature, parse
from tocsin_node.config import Address
from tocsin_node.errors import Invalid, Misbehaviour, NodeError, NotFound, Refused
from tocsin_node.log.envelope import Actor
from tocsin_node.peers.book import PeerBook, PeerState
from tocsin_node.peers.judge import check_borrowed
from tocsin_node.peers.service import Peers
from tocsin_node.testing.core import NOW
from tocsin_node.testing.made import Made, Organisation, open_made

OPERATOR = Actor("operator", "operator")
DAY = 24 * 3600 * 1000


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    with open_made(tmp_path / "home") as found:
        yield found


@pytest.fixture
def peers(made: Made) -> Peers:
    return _peers(made)


@pytest.fixture
def other() -> Organisation:
    return Organisation.make("platform.example")


def _peers(made: Made) -> Peers:
    return Peers(store=made.core.store, writer=made.core.writer, own=made.own, clock=made.core.clock)


async def _add(peers: Peers, other: Organisation, endpoint: str = "") -> None:
    await peers.add(other.card, other.fingerprint, actor=OPERATOR, endpoint=endpoint)


def _evidence(made: Made) -> list[tuple[str, str]]:
    with made.core.store.read() as session:
        return [(code, peer) for code, peer in session.all("SELECT code, peer FROM evidence ORDER BY id")]


def _spki(other: Organisation, number: int = 0) -> bytes:
    return other.signed.card.certificates[number].spki_sha256


@pytest.mark.asyncio
async def test_an_added_peer_is_pinned_by_root_and_tls_key(made: Made, peers: Peers, other: Organisation) -> None:
    books: list[PeerBook] = []
    peers.on_change(books.append)
    peer = await peers.add(other.card, other.fingerprint.upper().replace(" ", ":"), actor=OPERATOR)
    assert (peer.organisation, peer.state, peer.fingerprint) == ("platform.example", "active", other.fingerprint)
    assert peers.book.identify(_spki(other), NOW) == peer
    assert peer.endpoints == (Address("127.0.0.1", 7443),)
    assert [certificate.der for certificate in peers.book.trusted(NOW)] == [other.signed.card.certificates[0].der]
    assert books == [peers.book]
    assert made.core.events()[-2:] == ["peer.added", "peer.key_pinned"]
    assert _peers(made).list() == peers.list() == (peer,)


@pytest.mark.asyncio
async def test_adding_the_same_again_changes_nothing(made: Made, peers: Peers, other: Organisation) -> None:
    await _add(peers, other)
    before = (peers.book, made.core.events())
    await _add(peers, other)
    assert (peers.book, made.core.events()) == before


@pytest.mark.asyncio
async def test_an_operator_may_say_where_a_peer_is(made: Made, peers: Peers, other: Organisation) -> None:
    await _add(peers, other, "192.0.2.7:9000")
    assert peers.get("platform.example").endpoints == (Address("192.0.2.7", 9000),)
    await _add(peers, other, "[2001:db8::7]:9000")
    assert _peers(made).get("platform.example").endpoints == (Address("2001:db8::7", 9000),)
    assert made.core.events()[-1] == "peer.endpoint_set"


@pytest.mark.asyncio
@pytest.mark.parametrize("case", ["cut", "letters", "other", "empty"])
async def test_a_wrong_fingerprint_adds_nobody(made: Made, peers: Peers, other: Organisation, case: str) -> None:
    typed = {
        "cut": other.fingerprint[:-5],
        "letters": "z" * 64,
        "other": Organisation.make("platform.example").fingerprint,
        "empty": "",
    }[case]
    before = made.core.events()
    with pytest.raises(Refused, match="the fingerprint is not"):
        await peers.add(other.card, typed, actor=OPERATOR)
    assert (peers.list(), made.core.events()) == ((), before)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("case", "family", "told"),
    [
        ("damaged", Invalid, "the card cannot be accepted: "),
        ("cut", Invalid, "the card cannot be accepted: "),
        ("huge", Invalid, "a card has at most 65536 bytes"),
        ("empty", Invalid, "the card cannot be accepted: "),
        ("expired", Refused, "the card of platform.example expired at "),
        ("future", Refused, "the card of platform.example is not valid before "),
        ("certificate ended", Refused, "no TLS certificate in the card of platform.example is in date"),
        ("endpoint", Invalid, "the endpoint is not host:port"),
    ],
)
async def test_a_card_that_does_not_count_is_refused_with_one_sentence(
    made: Made, peers: Peers, other: Organisation, case: str, family: type[NodeError], told: str
) -> None:
    ended = tls.make_identity("platform.example", now=NOW - 50 * DAY, days=10)
    text = other.card.decode()
    card = {
        "damaged": text.replace('"sequence":1', '"sequence":2').encode(),
        "cut": other.card[:-40],
        "huge": other.card + b"\n" * 65536,
        "empty": b"",
        "expired": other.again(sequence=1, not_before=NOW - 100 * DAY, not_after=NOW).card,
        "future": other.again(sequence=1, not_before=NOW + DAY).card,
        "certificate ended": other.again(sequence=1, identities=[ended]).card,
        "endpoint": other.card,
    }[case]
    before = made.core.events()
    with pytest.raises(family) as caught:
        await peers.add(card, other.fingerprint, actor=OPERATOR, endpoint="here" if case == "endpoint" else "")
    assert str(caught.value).startswith(told)
    assert (peers.list(), made.core.events()) == ((), before)


@pytest.mark.asyncio
async def test_a_node_is_not_its_own_peer(made: Made, peers: Peers) -> None:
    with pytest.raises(Refused, match="a node is not its own peer"):
        await peers.add(made.own.signed.note_bytes, made.own.fingerprint, actor=OPERATOR)


@pytest.mark.asyncio
async def test_a_card_with_another_peers_root_key_is_refused(peers: Peers, other: Organisation) -> None:
    await _add(peers, other)
    thief = Organisation.make("thief.example")
    root = replace(other.root, name="thief.example/root")
    keys = replace(thief.signed.card.keys, root=CardKey(other.root.key.public, 0, NOW + DAY))
    stolen = replace(thief, root=root, signed=sign_card(replace(thief.signed.card, keys=keys), root))
    with pytest.raises(Refused, match=r"thief\.example names the root key of platform\.example"):
        await _add(peers, stolen)
    assert [peer.organisation for peer in peers.list()] == ["platform.example"]


@pytest.mark.asyncio
async def test_another_root_key_needs_removal_first(made: Made, peers: Peers, other: Organisation) -> None:
    await _add(peers, other)
    reborn = Organisation.make("platform.example")
    with pytest.raises(Refused, match="is pinned with another root key"):
        await _add(peers, reborn)
    await peers.set_state("platform.example", "removed", actor=OPERATOR)
    await _add(peers, reborn)
    assert peers.get("platform.example").fingerprint == reborn.fingerprint
    assert peers.book.identify(_spki(other), NOW) is None
    assert made.core.events()[-3:] == ["peer.removed", "peer.added", "peer.key_pinned"]


@pytest.mark.asyncio
async def test_the_highest_sequence_wins_and_is_kept(made: Made, peers: Peers, other: Organisation) -> None:
    await _add(peers, other)
    newer = other.again(sequence=3)
    await peers.refresh("platform.example", newer.card)
    older = await peers.refresh("platform.example", other.again(sequence=2).card)
    assert older.card.sequence == 3
    assert _peers(made).get("platform.example").card.sequence == 3
    assert made.core.audit()[-1] | {"t": 0} == {
        "v": 1,
        "t": 0,
        "ev": "card.refreshed",
        "res": "ok",
        "act": {"kind": "peer", "name": "platform.example"},
        "peer": "platform.example",
        "n": {"sequence": 3},
    }
    with pytest.raises(Refused, match="older than the one held"):
        await _add(peers, other)


@pytest.mark.asyncio
async def test_two_cards_of_one_sequence_are_evidence(made: Made, peers: Peers, other: Organisation) -> None:
    await _add(peers, other)
    second = other.again(sequence=1, role="police").card
    for _ in range(2):
        with pytest.raises(Misbehaviour, match=r"platform\.example has signed two cards of sequence 1") as caught:
            await peers.refresh("platform.example", second)
        assert caught.value.code == "card_conflict"
    assert _evidence(made) == [("card_conflict", "platform.example")]
    assert made.core.audit()[-1]["why"] == "card_conflict"
    assert peers.get("platform.example").card.role == "platform"


@pytest.mark.asyncio
async def test_an_added_signature_line_makes_no_second_face(made: Made, peers: Peers, other: Organisation) -> None:
    await _add(peers, other)
    note = parse(other.card)
    line = Signature("someone.example/witness", b"\x00" * 4, b"\x01" * 64)
    await peers.refresh("platform.example", Note(note.text, (*note.signatures, line)).encode())
    assert _evidence(made) == []


@pytest.mark.asyncio
@pytest.mark.parametrize("case", ["damaged", "other root", "other organisation"])
async def test_a_false_card_at_hello_is_kept_as_evidence(
    made: Made, peers: Peers, other: Organisation, case: str
) -> None:
    await _add(peers, other)
    held = peers.get("platform.example")
    cards = {
        "damaged": other.card[:-30],
        "other root": Organisation.make("platform.example").card,
        "other organisation": Organisation.make("third.example").card,
    }
    with pytest.raises(Misbehaviour) as caught:
        await peers.refresh("platform.example", cards[case])
    assert caught.value.code == "bad_card"
    assert _evidence(made) == [("bad_card", "platform.example")]
    assert peers.get("platform.example") == held


@pytest.mark.asyncio
async def test_an_expired_card_stops_new_sessions_until_renewed(made: Made, peers: Peers, other: Organisation) -> None:
    await _add(peers, other)
    made.core.clock.now += 401 * DAY
    with pytest.raises(Refused, match=r"the card of platform\.example expired"):
        await peers.refresh("platform.example", other.card)
    renewed = other.again(sequence=2, not_before=NOW + 300 * DAY, not_after=NOW + 600 * DAY)
    assert (await peers.refresh("platform.example", renewed.card)).card.sequence == 2
    assert peers.book.identify(_spki(other), made.core.clock.now) is not None
    assert peers.book.identify(_spki(other), NOW + 431 * DAY) is None
    assert peers.book.trusted(NOW + 431 * DAY) == ()


@pytest.mark.asyncio
async def test_pausing_cuts_off_and_resuming_lets_in_again(made: Made, peers: Peers, other: Organisation) -> None:
    await _add(peers, other)
    revoked = peers.revoked("platform.example")
    assert not revoked.is_set()
    assert peers.revoked("platform.example") is revoked
    await peers.set_state("platform.example", "paused", actor=OPERATOR)
    assert revoked.is_set()
    assert peers.revoked("platform.example").is_set()
    paused = peers.book.identify(_spki(other), NOW)
    assert paused is not None
    assert paused.state is PeerState.PAUSED
    assert peers.book.active() == ()
    await peers.set_state("platform.example", "active", actor=OPERATOR)
    assert not peers.revoked("platform.example").is_set()
    assert revoked.is_set()
    assert made.core.events()[-2:] == ["peer.paused", "peer.resumed"]


@pytest.mark.asyncio
async def test_a_removed_peer_is_nobody_and_comes_back_only_by_adding(
    made: Made, peers: Peers, other: Organisation
) -> None:
    await _add(peers, other, "192.0.2.7:9000")
    revoked = peers.revoked("platform.example")
    await peers.set_state("platform.example", "removed", actor=OPERATOR)
    assert revoked.is_set()
    assert peers.book.identify(_spki(other), NOW) is None
    assert peers.book.trusted(NOW) == ()
    with pytest.raises(Refused, match="is not a peer"):
        await peers.refresh("platform.example", other.again(sequence=2).card)
    with pytest.raises(Refused, match="was removed: add it again"):
        await peers.set_state("platform.example", "active", actor=OPERATOR)
    await _add(peers, other)
    assert peers.book.is_active("platform.example")
    assert peers.get("platform.example").override is None
    assert not peers.revoked("platform.example").is_set()


@pytest.mark.asyncio
async def test_a_state_it_has_already_is_not_logged_again(made: Made, peers: Peers, other: Organisation) -> None:
    await _add(peers, other)
    before = made.core.events()
    await peers.set_state("platform.example", "active", actor=OPERATOR)
    assert made.core.events() == before
    with pytest.raises(Invalid, match="one of: active, paused, removed"):
        await peers.set_state("platform.example", "gone", actor=OPERATOR)
    with pytest.raises(NotFound):
        await peers.set_state("nobody.example", "paused", actor=OPERATOR)


@pytest.mark.asyncio
async def test_a_card_that_drops_a_tls_key_cuts_off_who_uses_it(peers: Peers, other: Organisation) -> None:
    await _add(peers, other)
    fresh = tls.make_identity("platform.example", now=NOW, days=400)
    both = other.again(sequence=2, identities=[*other.keyring.tls, fresh])
    revoked = peers.revoked("platform.example")
    await peers.refresh("platform.example", both.card)
    assert not revoked.is_set()
    assert peers.book.identify(_spki(both, 1), NOW) is not None
    await peers.refresh("platform.example", other.again(sequence=3, identities=[fresh]).card)
    assert revoked.is_set()
    assert not peers.revoked("platform.example").is_set()
    assert peers.book.identify(_spki(other), NOW) is None


@pytest.mark.asyncio
async def test_nobody_takes_over_another_peers_tls_key(made: Made, peers: Peers, other: Organisation) -> None:
    first = other.keyring.tls[0].certificate
    await _add(peers, other)
    third = Organisation.make("third.example")
    await _add(peers, third)
    book = peers.book
    # Who holds a copy of the private key can make such a certificate.
    shown = replace(third.signed.card, certificates=(replace(first, organisation="third.example"),))
    with pytest.raises(Refused, match=r"third\.example names a TLS key of platform\.example"):
        check_borrowed(book, made.own.card, shown)


@pytest.mark.asyncio
async def test_changes_at_once_all_count(made: Made, peers: Peers) -> None:
    others = [Organisation.make(f"platform-{number}.example") for number in range(8)]
    await asyncio.gather(*(_add(peers, one) for one in others))
    assert len(peers.book.active()) == 8
    await asyncio.gather(*(peers.set_state(f"platform-{n}.example", "paused", actor=OPERATOR) for n in range(8)))
    assert peers.book.active() == ()
    assert _peers(made).list() == peers.list()
