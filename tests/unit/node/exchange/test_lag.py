"""How far a copy is behind, and since when; when a peer was last in touch."""

from hypothesis import given, strategies as st

from tocsin_node.exchange.contact import Contact, Contacts
from tocsin_node.exchange.lag import Lag
from tocsin_node.testing.core import NOW, Clock


def test_a_copy_is_behind_from_the_first_checkpoint_beyond_it_until_it_is_whole_again() -> None:
    lag = Lag()
    lag.stored(10)
    assert (lag.size, lag.since) == (10, 0)
    lag.learned(12, held=10, now=1000)
    lag.learned(20, held=10, now=2000)
    assert (lag.size, lag.since) == (20, 1000)
    lag.stored(12)
    assert (lag.size, lag.since) == (20, 1000), "still not whole"
    lag.stored(20)
    assert (lag.size, lag.since) == (20, 0)
    lag.learned(20, held=20, now=3000)
    assert lag.since == 0


def test_a_publisher_that_shows_less_than_before_is_no_less_ahead() -> None:
    lag = Lag()
    lag.learned(20, held=10, now=1000)
    lag.learned(15, held=10, now=2000)
    assert (lag.size, lag.since) == (20, 1000)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 50)), max_size=30))
def test_since_is_set_exactly_while_the_copy_is_behind(events: list[tuple[bool, int]]) -> None:
    lag, held, known = Lag(), 0, 0
    for at, (learned, size) in enumerate(events, start=1):
        if learned:
            known = max(known, size)
            lag.learned(size, held=held, now=at)
        else:
            held = max(held, size)
            lag.stored(held)
        assert bool(lag.since) == (known > held)
        assert lag.since <= at


def test_a_contact_remembers_the_last_of_each() -> None:
    clock = Clock()
    contacts = Contacts(clock=clock)
    assert contacts.of("a.example") == Contact()
    contacts.trip("a.example", "hello", 0.0015)
    contacts.skew("a.example", -70)
    clock.now += 5
    contacts.called("a.example")
    contacts.trip("a.example", "ack", 0.25)
    assert contacts.of("a.example") == Contact(NOW + 5, 250_000, "ack", NOW + 5, -70)
    assert contacts.of("b.example") == Contact()
