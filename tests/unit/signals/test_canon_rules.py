"""Rules of the profiles that vectors in JSON cannot state: limits, frozen tables, the engine, what errors carry."""

import copy
import pickle
import subprocess
import sys
import unicodedata

import pytest

from tocsin_signals import canon, types
from tocsin_signals.canon import engine, reasons, unicode13
from tocsin_signals.canon.phone import require_engine as require_phone_data
from tocsin_signals.canon.text import MAX_TEXT_BYTES, nfkc_cf
from tocsin_signals.errors import Rejected


def reason(type_name: str, text: str) -> str:
    with pytest.raises(Rejected) as caught:
        canon.canonicalise(type_name, text)
    return caught.value.reason


@pytest.mark.parametrize("type_name", [entry.name for entry in types.REGISTRY])
def test_every_type_refuses_lone_surrogates_and_oversize_text(type_name: str) -> None:
    assert reason(type_name, "a\ud800@example.com") == "not-utf8"
    assert reason(type_name, "a" * (MAX_TEXT_BYTES + 1)) == "too-long"
    assert reason(type_name, "\u00e9" * (MAX_TEXT_BYTES // 2 + 1)) == "too-long"


def test_an_unknown_type_is_rejected_by_both_doors() -> None:
    assert reason("fax", "1") == "unknown-type"
    with pytest.raises(Rejected, match="not known"):
        canon.expand("fax", "+442079460958")


def test_a_region_is_allowed_and_changes_nothing_for_types_without_national_forms() -> None:
    assert canon.canonicalise("domain", "Example.com", region="GB") == "example.com"


def test_an_old_engine_is_refused_with_both_versions_named() -> None:
    for door in engine.doors("1.15.3"):
        with pytest.raises(Rejected, match=r"1\.32 or newer; version 1\.15\.3") as caught:
            door("example.com")
        assert caught.value.reason == "engine"
    engine.require_engine("1.32.0")
    engine.require_engine("4.0.0")


def test_phone_data_of_another_line_is_refused_with_both_versions_named() -> None:
    with pytest.raises(Rejected, match=r"9\.0\.x; version 9\.1\.0"):
        require_phone_data("9.1.0")
    require_phone_data("9.0.42")
    require_phone_data("9.0.43")


def test_a_region_is_read_for_phones_by_both_doors_and_an_unknown_one_is_rejected() -> None:
    assert canon.canonicalise("phone", "020 7946 0958", region="gb") == "+442079460958"
    assert canon.expand("phone", "020 7946 0958", region="GB") == (("phone", "+442079460958"),)
    for region in ("UK", "GBR", "\u212a1", "g b", "4"):
        with pytest.raises(Rejected) as caught:
            canon.canonicalise("phone", "020 7946 0958", region=region)
        assert caught.value.reason == "region"


def test_phone_data_is_loaded_with_the_first_number_and_not_before() -> None:
    script = """
import sys
from tocsin_signals.canon import canonicalise
for kind, value in (("url", "a.example"), ("phone", "+442079460958")):
    canonicalise(kind, value)
    print("phonenumbers" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_the_unicode_13_table_has_the_published_size() -> None:
    points = sum(end - start + 1 for start, end in zip(unicode13.STARTS, unicode13.ENDS, strict=True))
    assert (len(unicode13.STARTS), points) == (675, 143_924)


def test_what_unicode_13_assigns_is_still_assigned_by_the_data_of_this_python() -> None:
    now = {point for point in range(0x110000) if unicodedata.category(chr(point)) not in {"Cn", "Co", "Cs"}}
    then = {
        point for start, end in zip(unicode13.STARTS, unicode13.ENDS, strict=True) for point in range(start, end + 1)
    }
    assert then < now
    if unicodedata.unidata_version == "14.0.0":
        assert len(now - then) == 838  # the additions of Unicode 14.0


@pytest.mark.parametrize("text", ["\U0001fae0", "\u087b", "\ue000", "\U0010ffff", "\ufffe"])
def test_code_points_of_later_versions_and_private_use_are_not_assigned(text: str) -> None:
    assert not unicode13.all_assigned(text)


def test_folding_drops_ignorables_and_is_stable_on_every_assigned_code_point() -> None:
    assert nfkc_cf("\u00adA\u200b\uff22\u2168") == "abix"
    for start, end in zip(unicode13.STARTS, unicode13.ENDS, strict=True):
        text = ".".join(map(chr, range(start, end + 1)))
        folded = nfkc_cf(text)
        assert nfkc_cf(folded) == folded


def test_every_reason_has_a_sentence_and_survives_the_trip_between_processes() -> None:
    for word, sentence in reasons.SENTENCES.items():
        error = reasons.reject(word)
        again = pickle.loads(pickle.dumps(error))
        assert (again.reason, str(again)) == (word, sentence) == (copy.copy(error).reason, str(error))
        assert sentence.endswith(".")


def test_importing_the_package_itself_loads_nothing_heavy() -> None:
    script = "import sys, tocsin_signals; print(len([m for m in sys.modules if m.startswith(('ada', 'numpy', 'pub'))]))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"
