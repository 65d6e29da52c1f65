"""`sentibp explain`, and the text, JSON and HTML of an explanation."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sentibp.cli import Json, Model
from sentibp.cli.output import distinct_names, print_content, print_json, print_text, printable
from sentibp.cli.output_file import require_one_format
from sentibp.cli.text_arguments import require_texts
from sentibp.utils.messages import counted, truncated

if TYPE_CHECKING:
    from sentibp.inspection.counterfactual import Counterfactual
    from sentibp.inspection.explain import Explanation, Sum, Word

_BAR = 24  # the length of the longest bar in characters
_NARROW_BAR = 10  # of two beside each other
_COLUMNS, _NAME = 4, 14  # of sums without bars: how many fit on a line, and the characters of their names
_PROBABLE = 10  # labels whose probabilities are printed
_GREEN, _RED = (194, 157, 114), (224, 217, 210)  # terminal colours (of 256), from pale to strong


EPILOG = """\b
Examples:
  sentibp explain 'I love this movie'
  sentibp explain 'not worth the ticket' --flip --json | jq .flip
  sentibp explain 'it was fine' --flip-to positive
  sentibp explain 'I love this movie' --format html > explained.html"""


def explain(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="A review, in quotes.")],
    model: Model = None,
    flip: Annotated[
        bool, typer.Option("--flip", help="Also find the fewest words whose deletion changes the predicted label.")
    ] = False,
    flip_to: Annotated[
        str | None,
        typer.Option(metavar="LABEL", help="The same as --flip, but the deletion must change the label to this one."),
    ] = None,
    count: Annotated[
        int, typer.Option(metavar="N", min=1, help="How many words and n-grams the text format lists.")
    ] = 20,
    format: Annotated[
        Literal["text", "json", "html"] | None, typer.Option(help="The output format. Default: text.")
    ] = None,
    json: Json = False,
) -> None:
    """Explain a prediction: the contribution of each word and n-gram.

    The logit is the bias, which is the logit of an empty review, plus the contributions. The sum is exact without
    hidden layers and with ReLU. With tanh and sigmoid it is integrated numerically, and the last line has the error.
    (Integrated gradients from an empty review, with a constant divisor in the pooling.)

    With more than two labels in order there are two such sums, polarity and neutrality; with labels without an order,
    one for each label against the rest.
    """
    from sentibp.inspection import counterfactual
    from sentibp.inspection import explain as inspection_explain
    from sentibp.model import file
    from sentibp.runs import find, hub_model

    require_one_format(json, format)
    require_texts([text], explain=True)
    path = find.model_file(model)
    classifier = file.load_model(path)
    explanation = inspection_explain.explain(classifier, text)
    if flip_to is not None:
        _require_other_label(flip_to, explanation)
    searched = flip or flip_to is not None
    change = counterfactual.find_counterfactual(classifier, text, explanation, flip_to) if searched else None
    if json or format == "json":
        origin = hub_model.as_json(classifier.file)
        print_json(explanation.to_dict() | origin | ({"flip": _flip_dict(explanation, change)} if change else {}))
    elif format == "html":
        from sentibp.inspection.pages.explanation import explanation_page

        flip_line = _flip_sentence(explanation, change, flip_to) if change else None
        name = hub_model.pinned_name(path) or find.short_name(str(path))
        print_content(f"{explanation_page(text, explanation, name, flip_line)}\n")
    else:
        colours = may_colour()
        print_text("\n".join(explanation_lines(text, explanation, count, colours)), styled=colours)
        if change:
            print_text("\n" + textwrap.fill(_flip_line(explanation, change, flip_to), 80, subsequent_indent="  "))


def _require_other_label(target: str, explanation: Explanation) -> None:
    """Raise a ConfigError if the target is no label of the model, or the predicted one."""
    from sentibp.errors import ConfigError
    from sentibp.utils.label_mapping import class_choice

    others = _other_labels(explanation)
    if target == explanation.label:
        raise ConfigError(f"--flip-to {target}: is predicted already; choose from {', '.join(others)}")
    if target not in others:
        raise ConfigError(f"--flip-to {target}: is no label of the model; {class_choice(target, others, '--flip-to')}")


def _other_labels(explanation: Explanation) -> list[str]:
    return [name for name in explanation.classes.names if name != explanation.label]


def _flip_dict(explanation: Explanation, change: Counterfactual) -> dict[str, Any]:
    deletions = None if change.deletions is None else [word._asdict() for word in change.deletions]
    more = {"deletions": deletions, "count": None if deletions is None else len(deletions)}
    if not isinstance(explanation.positive, tuple):
        return change._asdict() | more
    label, score, each = _label_without(explanation, change)
    return more | {"exact": change.exact, "label": label, "score": score, "probabilities": each}


def _label_without(
    explanation: Explanation, change: Counterfactual
) -> tuple[str | None, float | None, dict[str, float] | None]:
    """Return the label without the deleted words, its probability, and that of each label; None if none was found."""
    if change.positive is None:
        return None, None, None
    after = explanation._replace(positive=change.positive).probabilities
    label = max(_other_labels(explanation), key=after.__getitem__)
    return label, after[label], after


def explanation_lines(text: str, explanation: Explanation, count: int, colours: bool) -> Iterator[str]:
    """Yield the lines of an explanation as text, with the `count` largest contributions."""
    from sentibp.inspection.explain import NOTHING

    yield f"{explanation.label}  {explanation.score:.4f}"
    yield _coloured(text, explanation, colours) if text.strip() else "(no words)"
    yield ""
    several = isinstance(explanation.positive, tuple)
    yield from _tables(explanation, count) if several else _table(explanation, count)
    if explanation.contributions and all(
        abs(part.contribution) < NOTHING for each in explanation.sums for part in each.contributions
    ):
        yield "no word matters: none of them moves a probability by as much as 0.1 percentage points"
    unknown = list(dict.fromkeys(word.text for word in explanation.words if not word.known))
    if unknown:
        yield f"unknown to the model: {_short(' | '.join(unknown), 70)}"
    yield from textwrap.wrap(explanation.accuracy, 80)


def _table(explanation: Explanation, count: int) -> Iterator[str]:
    """Yield the lines of the largest contributions to the logit."""
    from sentibp.inspection.explain import drawn_sizes
    from sentibp.inspection.pages.render import signed

    largest = sorted(explanation.contributions, key=lambda each: -abs(each.contribution))
    shown, others = largest[:count], largest[count:]
    table = [(_short(each.text), each.contribution) for each in shown]
    if others:
        table.append((counted(len(others), "other"), sum(each.contribution for each in others)))
    table += [("bias", explanation.bias), ("logit", explanation.logit)]
    width = max(len(name) for name, _ in table)
    sizes = drawn_sizes([each.contribution for each in shown])
    meanings = {"bias": "the logit of an empty review", "logit": "the sum"}
    for i, (name, value) in enumerate(table):
        is_feature = i < len(shown)
        bar = ("+" if value > 0 else "-") * round(_BAR * sizes[i]) if is_feature else meanings.get(name, "")
        yield f"{name:<{width}}  {signed(value):>9}  {bar}".rstrip()


def _tables(explanation: Explanation, count: int) -> Iterator[str]:
    """Yield the lines of the distribution over more than two labels, and of the largest contributions to each sum."""
    from sentibp.inspection.explain import drawn_sizes
    from sentibp.inspection.pages.render import signed

    yield from _distribution(explanation)
    if explanation.place is not None:
        ends = explanation.classes.names[0], explanation.classes.names[-1]
        yield f"place {explanation.place:.4f}, from 0 ({_short(ends[0], 20)}) to 1 ({_short(ends[1], 20)})"
    yield ""
    sums = _fitting(explanation)
    features = list(zip(*(each.contributions for each in sums), strict=True))
    features.sort(key=lambda parts: -max(abs(part.contribution) for part in parts))
    shown, others = features[:count], features[count:]
    rows = [(_short(parts[0].text), [part.contribution for part in parts]) for parts in shown]
    bars = _NARROW_BAR * (len(sums) < 3)
    sizes = iter(drawn_sizes([value for _, values in rows for value in values]))
    if others:
        totals = [sum(part.contribution for part in parts) for parts in zip(*others, strict=True)]
        rows.append((counted(len(others), "other"), totals))
    rows += [("bias", [each.bias for each in sums]), ("sum", [each.value for each in sums])]
    width = max(len(name) for name, _ in rows)
    titles = distinct_names((each.name for each in explanation.sums), _NAME)
    column = max(10, *(len(titles[each.name]) for each in sums))
    names = [f"{titles[each.name]:>{column}}{'':{bars + 2 * (bars > 0)}}" for each in sums]
    yield f"{'':{width}}  {'  '.join(names)}".rstrip()
    for i, (name, values) in enumerate(rows):
        cells = []
        for value in values:
            bar = ("+" if value > 0 else "-") * round(bars * next(sizes)) if i < len(shown) else ""
            cells.append(f"{signed(value):>{column}}" + (f"  {bar:<{bars}}" if bars else ""))
        yield f"{name:<{width}}  {'  '.join(cells)}".rstrip()
    yield from textwrap.wrap(_meaning(explanation, len(sums)), 80)


def _distribution(explanation: Explanation) -> Iterator[str]:
    """Yield the lines of the probability of each label; of many labels, those of the most probable ones."""
    each = explanation.probabilities
    shown = sorted(each, key=lambda name: -each[name])[:_PROBABLE]
    names = distinct_names(each, 20)
    parts = [f"{names[name]} {value:.4f}" for name, value in each.items() if name in shown]
    if len(each) > len(shown):
        parts.append(f"{counted(len(each) - len(shown), 'other')} {1 - sum(each[name] for name in shown):.4f}")
    line = "   ".join(part.replace(" ", "\u00a0") for part in parts)  # a name stays with its number
    yield from (line.replace("\u00a0", " ") for line in textwrap.wrap(line, 80))


def _fitting(explanation: Explanation) -> list[Sum]:
    """Return the sums that fit on a line: those of the most probable labels if there are too many."""
    most = _COLUMNS if all(len(each.name) <= 10 for each in explanation.sums) else _COLUMNS - 1
    if len(explanation.sums) <= most:
        return list(explanation.sums)
    likely = sorted(explanation.sums, key=lambda each: -explanation.probabilities[each.name])
    return likely[:most]


def _meaning(explanation: Explanation, shown: int) -> str:
    """Return a sentence about the sums of more than two labels."""
    names = [_short(name, 20) for name in explanation.classes.names]
    if explanation.against_rest:
        more = f"; the {shown} most probable are shown, JSON has all" if shown < len(names) else ""
        return f"each column: the logit of a label minus the mean logit of the others; bias: of an empty review{more}"
    has_middle = len(explanation.sums) > 1
    middle = "; neutrality above 0 is evidence for the middle, below 0 for the ends" if has_middle else ""
    return f"polarity above 0 is evidence for {names[-1]}, below 0 for {names[0]}{middle}; bias: of an empty review"


def _short(text: str, width: int = 30) -> str:
    return truncated(printable(text[: width + 1], "�"), width)


def may_colour() -> bool:
    """Return whether stdout is a terminal, and NO_COLOR is not set."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def _coloured(text: str, explanation: Explanation, colours: bool) -> str:
    """Return the text, with the words on green for positive, or for the label, and red for negative if `colours`."""

    def plain(content: str) -> str:
        return "\n".join(map(printable, content.split("\n")))

    from sentibp.inspection.explain import relative_sizes

    if not colours:
        return plain(text)
    result, done = "", 0
    for word, share in relative_sizes(explanation.shown.words):
        start = max(word.start, done)
        result += plain(text[done:start])
        done = max(done, word.end)
        if share < 0.05:
            result += plain(text[start:done])
        else:
            colour = (_GREEN if word.contribution > 0 else _RED)[min(int(3 * share), 2)]
            result += f"\x1b[38;5;16;48;5;{colour}m{plain(text[start:done])}\x1b[0m"
    return result + plain(text[done:])


def _flip_line(explanation: Explanation, change: Counterfactual, target: str | None = None) -> str:
    other, score = _other_answer(explanation, change, target)
    if change.deletions is None:
        return f"flip: {'no' if change.exact else 'found no'} set of words whose deletion makes it {other}"
    bound = "the fewest" if change.exact else "an upper bound; fewer may be enough"
    n = counted(len(change.deletions), "word")
    return f"flip: {other} {score:.4f} without {n} ({bound}): {_deleted(change.deletions)}"


def _flip_sentence(explanation: Explanation, change: Counterfactual, target: str | None = None) -> str:
    """Return the line as a page has it."""
    other, score = _other_answer(explanation, change, target)
    if change.deletions is None:
        return f"{'No' if change.exact else 'Found no'} words whose deletion would change the answer to {other}."
    n = counted(len(change.deletions), "word")
    bound = "Fewer would not do" if change.exact else "Fewer may do"
    without = f"Without {n} the answer would be {other}, with a probability of {score:.4f}"
    return f"{without}: {_deleted(change.deletions)}. {bound}."


def _other_answer(explanation: Explanation, change: Counterfactual, target: str | None) -> tuple[str, float | None]:
    """Return the answer without the words, and its probability."""
    label, score, _ = _label_without(explanation, change)
    others = _other_labels(explanation)
    return label or target or (others[0] if len(others) == 1 else "another label"), score


def _deleted(words: Sequence[Word]) -> str:
    """Return the words between bars, as a comma may be one of them."""
    return " | ".join(_short(word.text) for word in words[:20]) + (" | ..." if len(words) > 20 else "")
