"""How numbers are written: one choice for all tables and sentences, and never an exponent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from summary.numbers.scale import scale
from summary.numbers.written import digits, precise, signed, signed_ends, signed_share, written
from summary.registry import UNITS, Kind

HUGE = st.floats(min_value=1e-6, max_value=1e12)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0"), (38_412.3, "38,412"), (1234.56, "1,235"), (10.06, "10.06"), (10.0, "10"), (0.00012345, "0.0001234"),
        (9999.96, "10,000"), (9.99996, "10"),
    ],
)  # fmt: skip
def test_a_number_has_four_digits_and_all_its_integer_ones(value: float, expected: str) -> None:
    assert digits(value) == expected


@given(HUGE, st.sampled_from(list(UNITS)))
def test_no_number_has_an_exponent(value: float, kind: Kind) -> None:
    texts = [
        written(kind, value),
        signed(kind, -value),
        signed_share(value),
        *(text for text, _ in precise(kind, value)),
    ]
    assert not [text for text in (*texts, scale(kind, [value]).cell(value)) if "e" in text]


@pytest.mark.parametrize(
    ("values", "unit", "cells"),
    [
        ([0.0042, 0.340, 1.0612, 9.9994], "ms", ["4.20", "340", "1,061", "9,999"]),
        ([0.0042, 0.340, 1.0612, 9.9996], "s", ["0.004", "0.340", "1.061", "10.00"]),
        ([12.345, 123.45, 1234.6], "s", ["12.35", "123.5", "1,235"]),
        ([5.9e-6, 0.00065, 0.0], "ms", ["0.006", "0.650", "0"]),
        ([None, 0.5], "ms", ["", "500"]),
    ],
)
def test_the_times_of_one_figure_share_a_unit(values: list[float | None], unit: str, cells: list[str]) -> None:
    found = scale("time", values)
    assert (found.beside("latency"), [found.cell(value) for value in values]) == (f"latency, {unit}", cells)


def test_other_numbers_need_no_unit_beside_them() -> None:
    assert scale("bytes", [12.0]).beside("answer") == "answer"
    assert scale("share", []).cell(0.125) == "12.5 %"


@given(st.floats(min_value=1e-5, max_value=9.999))
def test_no_cell_of_a_time_is_wider_than_five_characters(value: float) -> None:
    assert len(scale("time", [value]).cell(value)) <= 5


@given(HUGE, HUGE)
def test_digits_are_added_until_they_show_the_side_of_a_limit(value: float, limit: float) -> None:
    assert any((shown > limit) == (value > limit) for _, shown in precise("time", value))


def test_differences_have_a_sign_and_the_ends_of_an_interval_one_unit() -> None:
    assert signed("time", 0.0104) == "+10.4 ms"
    assert signed("time", -1.25) == "-1.25 s"
    assert signed_ends("time", (-0.004, 0.0125)) == "-4.00 to +12.5 ms"
    assert signed_ends("time", (-0.5, 1.25)) == "-0.500 to +1.25 s"
    assert signed("share", 0.02) == "+2.00 points"
    assert signed("rate", 38_412.3) == "+38,412/s"
    assert signed_share(12.5) == "+1,250 %"
