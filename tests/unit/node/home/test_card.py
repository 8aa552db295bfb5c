import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tocsin_crypto.card import open_card
from tocsin_crypto.keyfile import RawKey
from tocsin_node.card import CARD_MS, CardContent, OwnCard, card_endpoints
from tocsin_node.config import Address
from tocsin_node.errors import Refused, Unsound
from tocsin_node.home import Home
from tocsin_node.init import init_home
from tocsin_node.keys import Keyring, Unlock
from tocsin_node.log.envelope import Actor
from tocsin_node.testing.core import NOW, Clock, Core, open_core

LOCK = Unlock(RawKey(b"\x0a" * 32), "the key in TOCSIN_KEY")
OPERATOR = Actor("operator", "operator")
DAY = 24 * 3600 * 1000
CONTENT = CardContent("hotline", (Address("node.hotline.example", 7443), Address("2001:db8::7", 7443)), {})


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    init_home(made, organisation="hotline.example", role="hotline", unlock=LOCK, profiles={}, clock=Clock())
    return made


@pytest.fixture
def core(home: Home) -> Iterator[Core]:
    with open_core(home.root) as found:
        yield found


def _own(home: Home, core: Core) -> OwnCard:
    keyring = Keyring.load(home, LOCK, "hotline.example")
    return OwnCard(home=home, store=core.store, writer=core.writer, unlock=LOCK, keyring=keyring, clock=core.clock)


@pytest.mark.asyncio
async def test_a_renewed_card_follows_the_old_one_under_the_same_root(home: Home, core: Core) -> None:
    own = _own(home, core)
    first = own.card
    told: list[int] = []
    own.on_change(lambda: told.append(own.card.sequence))
    core.clock.now += 100 * DAY
    signed = await own.renew(CONTENT, actor=OPERATOR)
    second = open_card(signed.note_bytes, organisation="hotline.example", pinned_root=first.keys.root.public).card
    assert (first.sequence, second.sequence, told) == (1, 2, [2])
    assert second.not_after - first.not_after == 100 * DAY
    assert second.keys.root == first.keys.root
    assert second.keys.signing.public == first.keys.signing.public
    assert card_endpoints(second) == CONTENT.endpoints
    assert second.certificates == first.certificates
    assert core.audit()[-1]["ev"] == "card.renewed"
    assert core.audit()[-1]["n"] == {"sequence": 2}
    assert _own(home, core).signed.digest == signed.digest


@pytest.mark.asyncio
async def test_certificates_overlap_over_renewals(home: Home, core: Core) -> None:
    own = _own(home, core)
    (first,) = own.card.certificates
    core.clock.now += 370 * DAY
    await own.renew(CONTENT, actor=OPERATOR)
    assert own.card.certificates[0] == first
    assert len(own.card.certificates) == 2
    assert own.identity().certificate == first
    core.clock.now += 55 * DAY
    again = _own(home, core)
    assert again.identity().certificate == again.card.certificates[1]
    core.clock.now += 30 * DAY
    await again.renew(CONTENT, actor=OPERATOR)
    assert again.card.certificates == own.card.certificates[1:]


@pytest.mark.asyncio
async def test_a_renewal_needs_the_root_key(home: Home, core: Core) -> None:
    own = _own(home, core)
    home.root_key.unlink()
    before = core.events()
    with pytest.raises(Refused, match="the root key is not here"):
        await own.renew(CONTENT, actor=OPERATOR)
    assert own.card.sequence == 1
    assert core.events() == before


@pytest.mark.asyncio
async def test_the_root_key_ends(home: Home, core: Core) -> None:
    own = _own(home, core)
    core.clock.now += 5 * 366 * DAY
    with pytest.raises(Refused, match="the root key has ended"):
        await own.renew(CONTENT, actor=OPERATOR)


@pytest.mark.asyncio
async def test_a_renewal_that_broke_off_is_not_shown(home: Home, core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    own = _own(home, core)
    core.clock.now += 370 * DAY

    async def fail(_: object) -> None:
        await asyncio.sleep(0)
        raise Unsound("the disk is gone")

    monkeypatch.setattr(core.writer, "submit", fail)
    with pytest.raises(Unsound):
        await own.renew(CONTENT, actor=OPERATOR)
    assert own.card.sequence == 1
    assert len(Keyring.load(home, LOCK, "hotline.example").tls) == 2
    assert len(_own(home, core).keyring.tls) == 1


@pytest.mark.asyncio
async def test_renewals_at_once_give_one_card_each(home: Home, core: Core) -> None:
    own = _own(home, core)
    await asyncio.gather(*(own.renew(CONTENT, actor=OPERATOR) for _ in range(3)))
    assert own.card.sequence == 4


def test_a_card_that_ends_soon_is_told(home: Home, core: Core) -> None:
    own = _own(home, core)
    assert own.warnings() == ()
    core.clock.now = NOW + CARD_MS - 20 * DAY
    assert own.warnings() == ("the card ends in 19 days: run `tocsin card renew`",)
    core.clock.now += 21 * DAY
    assert own.warnings()[0].startswith("the card has expired")
