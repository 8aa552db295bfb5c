"""The usual cast: a hotline that publishes one feed, and two platforms that follow it."""

from dataclasses import dataclass

from tocsin_node.testing.federation import Federation
from tocsin_node.testing.member import Member, Signal


@dataclass(frozen=True, slots=True)
class Story:
    """`near` and `far` enforce what `hotline` says in `feed`, its origin."""

    fed: Federation
    hotline: Member
    near: Member
    far: Member
    feed: str

    def publish(self, value: str) -> Signal:
        """One harmful URL."""
        return self.hotline.publish(self.feed, "url", value)

    def size(self, member: Member) -> int:
        """Entries a member holds of the feed; the first opens it."""
        return member.logs().get(self.feed, (0, ""))[0]

    def effects(self, value: str) -> list[str]:
        """What the platforms make of a URL."""
        return [member.match("url", value).effect for member in (self.near, self.far)]


def tell(seed: int) -> Story:
    """The cast under a seed, settled, with nothing published yet. Leave it by `with story.fed`."""
    fed = Federation(seed)
    hotline, near, far = (fed.node(f"{name}.example") for name in ("hotline", "near", "far"))
    for platform in (near, far):
        fed.befriend(hotline, platform, send=["reports"], believe="enforce")
    story = Story(fed, hotline, near, far, hotline.feed("reports", audience=[near, far]))
    fed.settle()
    return story
