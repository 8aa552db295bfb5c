"""Closed vocabularies of details: the words a publisher may use, and the order of those that are a scale.

Reference peers 3.1, 3.4, 3.5. A word never changes its meaning; new words come with new versions. Only *local
publishing* insists on these words: details received from a peer may hold words of a later version, which policies
simply do not name.
"""

import re
from dataclasses import dataclass
from typing import Final

from tocsin_signals.errors import Rejected


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words of one details key; `ordered` ones run from least to most."""

    name: str
    words: tuple[str, ...]
    ordered: bool = False

    def __post_init__(self) -> None:
        if not self.words or len(set(self.words)) != len(self.words):
            raise ValueError(f"vocabulary {self.name} is empty or repeats a word")

    def check(self, word: object) -> str:
        """`word` itself; Rejected with this vocabulary's name as its reason when it is none of the words."""
        if not isinstance(word, str) or word not in self.words:
            raise Rejected(self.name, f"{self.name} must be one of: {', '.join(self.words)}.")
        return word

    def rank(self, word: str) -> int:
        """Place of `word` on the scale, 0 being the least; only ordered vocabularies have one."""
        if not self.ordered:
            raise ValueError(f"the words of {self.name} have no order")
        return self.words.index(self.check(word))


STANCE: Final = Vocabulary("stance", ("harmful", "suspected", "benign", "test"))
ABUSE_TYPES: Final = Vocabulary(
    "abuse_types",
    (
        "csam_known",
        "csam_new",
        "csam_ai",
        "cs_exploitative",
        "grooming",
        "enticement",
        "sextortion_financial",
        "sextortion_sexual",
        "child_trafficking",
        "travel_offence",
        "livestream_abuse",
        "csam_advert_or_access",
        "misleading_domain_or_words",
        "unsolicited_obscene_to_child",
        "ncii_adult",
        "tvec",
        "other",
    ),
)
SEVERITY: Final = Vocabulary("severity", ("info", "low", "medium", "high", "critical"), ordered=True)
REVIEW_LEVEL: Final = Vocabulary(
    "review_level",
    ("unreviewed", "automated", "one_human", "two_humans", "expert_panel", "authority_confirmed"),
    ordered=True,
)
BASIS: Final = Vocabulary(
    "basis",
    (
        "user_report",
        "hotline_report",
        "hash_match",
        "classifier",
        "investigation",
        "victim_submission",
        "authority",
    ),
)
TLP: Final = Vocabulary("tlp", ("clear", "green", "amber", "amber+strict", "red"), ordered=True)
PURPOSES: Final = Vocabulary(
    "purposes",
    (
        "detect",
        "triage",
        "investigate",
        "block",
        "report_to_authority",
        "notify_victim_support",
        "financial_review",
        "statistics",
    ),
)
FORBIDDEN: Final = Vocabulary(
    "forbidden",
    ("automated_enforcement", "reshare", "model_training", "law_enforcement_use", "user_notification"),
)
PERMITTED_ACTIONS: Final = Vocabulary(
    "permitted_actions",
    (
        "none",
        "contact_for_instruction",
        "internally_visible",
        "externally_visible_indirect",
        "externally_visible_direct",
    ),
    ordered=True,
)
"""The ladder of FIRST IEP 2.0: each step includes the ones before."""

WITHDRAWAL_REASON: Final = Vocabulary(
    "reason",
    (
        "false_positive",
        "wrong_classification",
        "over_broad",
        "content_removed",
        "identifier_recycled",
        "account_compromised_or_recovered",
        "victim_or_data_subject_request",
        "consent_withdrawn",
        "legal_order",
        "retention_reached",
        "duplicate",
        "test_data",
        "key_compromise",
        "publisher_left",
    ),
)
REQUIRED_ACTION: Final = Vocabulary("required_action", ("stop_matching", "erase", "erase_and_undo"), ordered=True)

_LEGAL_BASIS: Final = re.compile(r"(?=.{1,40}$)[a-z0-9]+(?:-[a-z0-9]+)*", re.DOTALL)
_JURISDICTION: Final = re.compile(r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?")


def check_legal_basis(code: object) -> str:
    """A legal basis code such as `gdpr-6-1-f`: the syntax is closed, the list is not."""
    if not isinstance(code, str) or not _LEGAL_BASIS.fullmatch(code):
        raise Rejected("legal_basis", "legal_basis takes codes such as gdpr-6-1-f: a-z, 0-9 and single hyphens.")
    return code


def check_jurisdiction(code: object) -> str:
    """An ISO 3166-1 alpha-2 country or ISO 3166-2 subdivision in upper case; the syntax only."""
    if not isinstance(code, str) or not _JURISDICTION.fullmatch(code):
        raise Rejected("jurisdiction", "jurisdiction takes ISO 3166 codes such as DE or US-CA.")
    return code


def check_confidence(value: object) -> int:
    """A whole number from 0 to 100."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 100:
        raise Rejected("confidence", "confidence is a whole number from 0 to 100.")
    return value
