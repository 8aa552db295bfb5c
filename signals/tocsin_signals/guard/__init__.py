"""The never-share guard: what must not be published because it would hit people nobody meant. Reference signals 5.2.

Looks at canonical forms on the publisher's side only. BLOCK stops a row unless a second person gives a written reason;
WARN is shown and counted; OK says only that no rule spoke. Rules by type: `hosts` (URLs and domains: private names,
public suffixes, shared hosts as a whole), `addresses` (private, reserved, for documentation; kept too long), `phones`
(fictional, free, short, emergency), `names` (role mailboxes, user names everybody has), `files` (content everybody
has). Names under `.example` are ordinary names here.

The guard is outside the profiles: lists may differ from node to node because they never change a canonical form. It
fetches nothing; the Public Suffix List is the copy its package carries. Building a Guard takes about a tenth of a
second.
"""

from collections.abc import Iterable

from tocsin_signals.guard.addresses import check_address, check_lifetime
from tocsin_signals.guard.files import check_file
from tocsin_signals.guard.hosts import Hosts
from tocsin_signals.guard.names import check_mailbox, check_username
from tocsin_signals.guard.phones import check_phone
from tocsin_signals.guard.verdict import OK, GuardVerdict, Level

__all__ = ["Guard", "GuardVerdict", "Level"]


class Guard:
    """Holds the lists; `check` is pure after that. Further hosts, such as an operator's own, are (kind, host)."""

    def __init__(self, *, further_hosts: Iterable[tuple[str, str]] = ()) -> None:
        self._hosts = Hosts(further_hosts)

    def check(self, type_name: str, canonical: str, *, days: int | None = None) -> GuardVerdict:
        """The verdict on one canonical form to be published for `days`, None being the type's own lifetime.

        Types without rules are OK.
        """
        match type_name:
            case "url" | "url-path" | "url-prefix":
                return self._hosts.check_url(type_name, canonical)
            case "domain":
                return self._hosts.check_domain(canonical)
            case "ip":
                verdict = check_address(canonical)
                return check_lifetime(days) if verdict is OK else verdict
            case "email" | "email-mailbox":
                return check_mailbox(canonical)
            case "phone":
                return check_phone(canonical)
            case "username":
                return check_username(canonical)
            case "filehash":
                return check_file(canonical)
            case _:
                return OK
