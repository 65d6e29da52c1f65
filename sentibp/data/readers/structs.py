"""Columns of structs, in Parquet files and data sets of the hub: a field is a column `user.name`, as in JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from sentibp.data.readers.table import Batch

_DEPTH = 4  # names in `a.b.c.d`, at most, as in JSON

Path = tuple[str, ...]  # of a field: the name of its column, and those of the fields that lead to it


def flat_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema in which the fields of each struct take its place, with names such as `user.name`."""
    return pa.schema([field.with_name(".".join(path)) for path, field in _fields(schema, set(schema.names))])


def field_paths(schema: pa.Schema) -> dict[str, Path]:
    """Return {name of a column: its path} for all columns of the flat schema, and for structs as a whole."""
    whole = {name: (name,) for name in schema.names}
    return {".".join(path): path for path, _ in _fields(schema, set(schema.names))} | whole


def select(columns: Mapping[str, pa.Array], paths: Mapping[str, Path], wanted: Iterable[str]) -> Batch:
    """Return the wanted columns. A field of a missing struct is missing."""
    found = {}
    for name in wanted:
        head, *inner = paths[name]
        found[name] = pc.struct_field(columns[head], inner) if inner else columns[head]
    return found


def _fields(fields: Iterable[pa.Field], taken: set[str], path: Path = ()) -> Iterator[tuple[Path, pa.Field]]:
    """Yield path and field of all columns. A field whose name is that of a column of its own is not reachable."""
    for field in fields:
        inner = (*path, field.name)
        if pa.types.is_struct(field.type) and field.type.num_fields and len(inner) < _DEPTH:
            yield from _fields(field.type, taken, inner)
        elif not path or ".".join(inner) not in taken:
            yield inner, field
