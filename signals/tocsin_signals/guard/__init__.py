"""The never-share guard: what must not be published because it would hit people nobody meant. Reference signals 5.2.

Looks at canonical forms on the publisher's side only. BLOCK stops a row unless a second person gives a written reason;
WARN is shown and counted; OK says only that no rule spoke. Rules by type: `hosts` (URLs and domains), `addresses`
(addresses and ranges), `phones`, `names` (mailboxes, user names, accounts), `payments` (wallets, bank accounts),
`things` (devices, pictures), `files`; and for every type `own`, what is the operator's own. docs/guard.md lists them.
Names under `.example` are ordinary names here.

The guard is outside the profiles: lists may differ from node to node because they never change a canonical form. It
fetches nothing: its lists are the guard pack (`pack`), two short ones kept by hand, and the Public Suffix List of its
package. More lists never make a verdict milder. Building a Guard takes some tenths of a second.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

from tocsin_signals.errors import Rejected
from tocsin_signals.guard import own, pack as packs
from tocsin_signals.guard.addresses import Addresses
from tocsin_signals.guard.files import check_file
from tocsin_signals.guard.hosts import Hosts
from tocsin_signals.guard.names import check_account, check_mailbox, check_username
from tocsin_signals.guard.own import OwnAssets
from tocsin_signals.guard.pack import Pack, read_pack
from tocsin_signals.guard.payments import check_iban, check_wallet
from tocsin_signals.guard.phones import check_phone
from tocsin_signals.guard.things import check_device, check_pdq, check_photodna
from tocsin_signals.guard.verdict import OK, GuardVerdict, Level, block
from tocsin_signals.types import by_name

__all__ = ["WARNING_RULES", "Guard", "GuardVerdict", "Level", "OwnAssets", "Pack", "read_pack"]

Rules = Callable[[str, int], Iterator[GuardVerdict]]
"""From a canonical form and the days it is to be listed to what speaks against it."""

# fmt: off
WARNING_RULES: Final = (
    "address-cloud", "address-crawler", "address-lifetime", "address-mail", "address-parking", "address-proxy",
    "address-public-dns", "address-relay", "address-sinkhole", "address-vpn", "bank-site", "device-random",
    "disposable-mail", "dynamic-lifetime", "empty-parameter", "generic-page", "popular-site", "range-wide",
    "role-mailbox", "security-site", "university-site", "username-short",
)
# fmt: on
"""Every rule that warns: what an operator may have block."""

_OWN: Final = block("own-asset", "This is your own, by the file of own assets.")


class Guard:
    """Holds the lists; `check` is pure after that.

    `pack` is the built-in one unless another is given; the rules named in `block`, which warn, block here.
    """

    def __init__(
        self, *, pack: Pack | None = None, own_assets: OwnAssets = own.NONE, block: Collection[str] = ()
    ) -> None:
        self.pack = packs.built_in() if pack is None else pack
        self._hosts = Hosts(self.pack)
        self._addresses = Addresses(self.pack)
        self.own_assets = own_assets
        self._block = frozenset(block)
        self._by_type = self._rules()

    def check(self, type_name: str, canonical: str, *, days: int | None = None) -> GuardVerdict:
        """The worst verdict on one canonical form to be published for `days`, None being the type's own lifetime.

        Types without rules are OK.
        """
        return next(iter(self.verdicts(type_name, canonical, days=days)), OK)

    def verdicts(self, type_name: str, canonical: str, *, days: int | None = None) -> list[GuardVerdict]:
        """What every rule that speaks against it says, the worst first; empty where none does."""
        rules = self._by_type.get(type_name)
        lifetime = _lifetime(type_name) if days is None else days
        found = list(rules(canonical, lifetime)) if rules else []
        if self.own_assets.hit(type_name, canonical):
            found.insert(0, _OWN)
        if self._block:
            found = [replace(one, level=Level.BLOCK) if one.rule in self._block else one for one in found]
        return sorted(found, key=lambda one: -one.level) if len(found) > 1 else found

    def _rules(self) -> Mapping[str, Rules]:
        """The rules of each type."""
        hosts, addresses, pack = self._hosts, self._addresses, self.pack
        return {
            **{name: partial(hosts.check_url, name) for name in ("url", "url-path", "url-prefix")},
            "domain": hosts.check_domain,
            **dict.fromkeys(("ip", "cidr"), addresses.check),
            **dict.fromkeys(("email", "email-mailbox"), lambda form, _: check_mailbox(form, pack)),
            "phone": lambda form, _: check_phone(form),
            "username": lambda form, _: check_username(form),
            "account": lambda form, _: check_account(form),
            "wallet": lambda form, _: check_wallet(form),
            "iban": lambda form, _: check_iban(form),
            "device": lambda form, _: check_device(form),
            "pdq": lambda form, _: check_pdq(form),
            "photodna": lambda form, _: check_photodna(form),
            "filehash": lambda form, _: check_file(form, pack),
        }


def _lifetime(type_name: str) -> int:
    try:
        return by_name(type_name).default_lifetime_days
    except Rejected:
        return 0
