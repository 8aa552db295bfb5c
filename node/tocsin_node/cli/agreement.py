"""What `tocsin peer status` says of a peer's canonical forms: the manifest, and the three checks, a line each."""

from typing import TYPE_CHECKING, Final

from tocsin_node.cli.output import age, when

if TYPE_CHECKING:
    from tocsin.v1.node_pb2 import CanonAgreement, ProbeDisagreement, ProbeSignals

_NOT_YET: Final = "not looked up yet: that is a quarter of an hour after the start, then hourly"
_DIGITS: Final = 12  # of a digest: enough to read to each other


def canon_pairs(canon: "CanonAgreement") -> list[tuple[str, str]]:
    """Name and text of each line."""
    return [
        ("manifest", _manifest(canon)),
        ("profiles", _profiles(canon)),
        ("fresh probes", _fresh(canon)),
        ("probe signals", "\n".join(map(_signals, canon.signals)) or _NOT_YET),
    ]


def _manifest(canon: "CanonAgreement") -> str:
    if not canon.manifest:
        return "none in its card: made by a version before there was one"
    theirs, ours = canon.manifest[:_DIGITS], canon.own_manifest[:_DIGITS]
    return f"{theirs}, as ours" if canon.manifest == canon.own_manifest else f"{theirs}, ours is {ours}"


def _profiles(canon: "CanonAgreement") -> str:
    if not canon.told_at:
        return "not told since this node started"
    found = [f"{d.profile} DIFFERS: {d.theirs[:_DIGITS]}, ours {d.ours[:_DIGITS]}" for d in canon.differ]
    found += [f"{len(canon.same)} behave as ours on the vectors"] if canon.same else []
    found += [f"{len(canon.other_vectors)} told over other vectors than ours"] if canon.other_vectors else []
    return "\n".join(found) or "it tells no digests that this node knows"


def _fresh(canon: "CanonAgreement") -> str:
    if not canon.probed_at:
        return "not tried since this node started"
    if canon.not_probed:
        return f"not tried: {canon.not_probed}"
    if canon.HasField("disagreement"):
        return f"DIFFER, {when(canon.probed_at)}\n{_disagreement(canon.disagreement)}"
    return f"{canon.probes} equal, {when(canon.probed_at)}"


def _disagreement(first: "ProbeDisagreement") -> str:
    theirs, ours = (ascii(form) if form else "rejects it" for form in (first.theirs, first.ours))
    return f"the first is {first.type} {first.text!a}\nit: {theirs}\nthis node: {ours}"


def _signals(found: "ProbeSignals") -> str:
    name = found.feed.rpartition("/feed/")[2]
    if found.why:
        return f"{name}: {found.why}"
    missed = f", MISSED: {', '.join(found.missed)}" if found.missed else ""
    return f"{name}: {found.found} of {found.expected} found by other spellings{missed}, {age(found.at)}"
