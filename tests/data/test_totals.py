"""Totals and footers among the texts of a file are told, and words of reviews are not taken for them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from command import invoke

from sentibp.data.totals import count_totals


def test_what_is_a_total():
    rows = ["Total", "GRAND TOTAL:", " subtotal ", "Sum", "Summe", "Итого", "合计", "(120 rows)", "3 records"]
    assert [count_totals(pa.array([row], pa.large_string())) for row in rows] == [1] * len(rows)
    texts = ["Total disaster", "Average", "A total", "Total.", "", None, "5 rows of seats", "Totally", "summer"]
    assert count_totals(pa.chunked_array([texts, []], pa.large_string())) == 0


def test_predictions_say_that_a_row_is_a_total(here):
    Path("sold.csv").write_text("text,count\ngood film,3\nbad film,4\nTotal,7\n")
    note = "sold.csv: 1 of 3 texts is probably a total or a footer, such as Total, and no review; remove it if so"
    result = invoke("predict", "-m", "builtin", "-i", "sold.csv")
    assert note in result.err.splitlines()
    assert len(result.out.splitlines()) == 3, "no row vanishes"
    result = invoke("predict", "-m", "builtin", "-i", "-", stdin="text,count\ngood film,3\nTotal,3\nTotal,6\n")
    assert "<stdin>: 2 of 3 texts are probably totals or footers, such as Total, and no review" in result.err
    for command in (["-i", "sold.csv", "-o", "out/"], ["-i", "*.csv", "-o", "out/", "--force"]):
        assert "is probably a total" in invoke("predict", "-m", "builtin", *command).err, command
