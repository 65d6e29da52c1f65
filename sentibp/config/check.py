"""Check the values of settings, and for conflicts between them: all mistakes at once, with repairs that were tried."""

from __future__ import annotations

from copy import deepcopy
from functools import reduce
from typing import Any

from pydantic import ValidationError

from sentibp.config.messages import Complaint, Conflict, dotted, words
from sentibp.config.reference import schema_of_config
from sentibp.config.schema import Config
from sentibp.config.yaml_file import Keys
from sentibp.utils.repair import as_yaml


def check_settings(settings: dict[str, Any]) -> tuple[Config | None, list[tuple[Keys, Complaint]]]:
    """Return the config, or None and all mistakes: the path and the complaint of each."""
    try:
        return Config.model_validate(settings), []
    except ValidationError as error:
        errors: list[Any] = error.errors(include_url=False)
    by_path: dict[Keys, list[Any]] = {}
    for error in errors:
        if error["type"] == "conflict":
            return None, [(conflict.path, _complaint(conflict)) for conflict in error["ctx"]["conflicts"]]
        by_path.setdefault(_locate(settings, error), []).append(error)
    wrong = []
    above = {path[:n] for path in by_path for n in range(len(path))}
    for path, same in by_path.items():
        if path not in above:  # if an item of a list is wrong, pydantic also reports that the list is not a text
            chosen = min(same, key=lambda error: error["type"].endswith("_type"))  # "out of range" is more precise
            section: Any = reduce(item, path[:-1], settings)
            wrong.append((path, schema_of_config().mistake(chosen["type"], path, chosen["input"], section)))
    fields = [field_of(path) for path in by_path]
    wrong = [(path, _with_a_repair_that_works(settings, fields, path, complaint)) for path, complaint in wrong]
    return None, wrong + _conflicts_of_the_rest(settings, fields)


def _with_a_repair_that_works(
    settings: dict[str, Any], wrong: list[Keys], path: Keys, complaint: Complaint
) -> Complaint:
    """Return the complaint, without the value that it suggests if that would be wrong at this place, too."""
    if complaint.right is None:
        return complaint
    setting = field_of(path)
    rest = _without(settings, [each for each in wrong if each != setting])
    node: Any = reduce(item, path[:-1], rest)
    node[path[-1]] = complaint.right
    wrong_there = [at for at in _wrong_paths(rest) if at[: len(setting)] == setting]
    if not wrong_there:
        return complaint
    for at, conflict in _conflicts_of_the_rest(rest, []):  # it says more, such as that a text is no layer
        if at in wrong_there:
            return conflict
    return Complaint(complaint.what, f"give {words(schema_of_config().options_at(path))}")


def _wrong_paths(settings: dict[str, Any]) -> list[Keys]:
    """Return the paths of all mistakes and conflicts."""
    try:
        Config.model_validate(settings)
    except ValidationError as error:
        conflicts = [each for e in error.errors() for each in e.get("ctx", {}).get("conflicts", ())]
        return [each.path for each in conflicts] + [_locate(settings, e) for e in error.errors() if e["loc"]]
    return []


def _without(settings: dict[str, Any], wrong: list[Keys]) -> dict[str, Any]:
    """Return the settings without these, which have their defaults then."""
    rest = deepcopy(settings)
    for *above, last in wrong:
        node: Any = rest
        for key in above:
            node = node.get(key) if isinstance(node, dict) else None
        if isinstance(node, dict):
            node.pop(last, None)
    return rest


def _complaint(conflict: Conflict) -> Complaint:
    if conflict.right is not None:
        repair = f"write {conflict.path[-1]}: {as_yaml(conflict.right)} there, or {conflict.option} in the command"
        return Complaint(conflict.message, repair, right=conflict.right)
    what, _, repair = conflict.message.partition("; ") if conflict.keys else (conflict.message, "", "")
    return Complaint(what, repair, keys=conflict.keys)


def _conflicts_of_the_rest(settings: dict[str, Any], wrong: list[Keys]) -> list[tuple[Keys, Complaint]]:
    """Return the conflicts between the other settings, which pydantic finds only without the wrong ones."""
    try:
        Config.model_validate(_without(settings, wrong))
    except ValidationError as error:
        conflicts = [each for e in error.errors() for each in e.get("ctx", {}).get("conflicts", ())]
        return [
            (conflict.path, _complaint(conflict))
            for conflict in conflicts
            if not any(f"{read}.".startswith(f"{dotted(path)}.") for path in wrong for read in conflict.reads)
        ]
    return []


def _locate(settings: Any, error: Any) -> Keys:
    """Return the path of a pydantic error in the settings, without pydantic's names for the members of unions."""
    path: list[str | int] = []
    node = settings
    for key in error["loc"]:
        if (isinstance(node, dict) and key in node) or (isinstance(node, list) and isinstance(key, int)):
            path.append(key)
            node = node[key]
    return tuple(path)


def item(node: Any, key: str | int) -> Any:
    """Return the item of a mapping or a list, for a reduction along a path."""
    return node[key]


def field_of(path: Keys) -> Keys:
    """Return the path of the setting that a path leads to or into."""
    return tuple(key for key in path if isinstance(key, str))
