"""How large a record of the data may be: for the schema of settings, and for prediction, which does without it."""

from __future__ import annotations

MB = 1_000_000  # bytes

RECORD_MB = 64.0  # the default of data.max_record_mb

LARGEST_RECORD_MB = 2000  # the largest value of data.max_record_mb; Arrow reads less than 2 GB at once
