"""Writers of predictions. tests/cli/test_predict.py has what they write."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from sentibp.data.labels import BINARY
from sentibp.data.pieces import Piece
from sentibp.model.decision import Decision
from sentibp.model.prediction import Prediction, answers
from sentibp.model.prediction_writer import Format, open_writer
from sentibp.utils.arrow import strings


@pytest.mark.parametrize("format", [each for each in Format if each is not Format.table])
def test_what_an_error_has_interrupted_gets_no_end(format: Format) -> None:
    """Arrow wrote the end of a Parquet file that was not closed: to stdout, or to a closed file, with a traceback."""
    output, text = bytearray(), strings(["a good film"])
    writer = open_writer(format, output.extend, BINARY)
    prediction = Prediction(np.array([0.9]), np.array([3]), np.array([0]))
    writer.write(Piece(text, {"text": text}), answers(prediction, Decision()))
    written = bytes(output)
    assert written
    del writer
    gc.collect()
    assert output == written
