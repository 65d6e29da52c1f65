"""A trained classifier: network, initial weights, labels and answer, file format, calibration, word vectors."""
