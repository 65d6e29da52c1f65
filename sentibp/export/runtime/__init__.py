"""The code that exports consist of. The data of a model is filled in by export/files.py."""
