"""`sentibp predict`: predict the labels of texts."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from sentibp.cli import Cluster, Cost, Model, SetData, Threshold
from sentibp.cli.output import one_line, print_content, print_message
from sentibp.cli.output_file import (
    format_of,
    output_file,
    require_free,
    require_no_input,
    require_one_format,
    tell_replaced,
    tell_written,
)
from sentibp.cli.short_options import sets, tell_overruled
from sentibp.cli.text_arguments import require_texts
from sentibp.errors import ConfigError
from sentibp.model.prediction_writer import SUFFIXES, Format, Sink, Writer, compressing, kept_columns, open_writer
from sentibp.utils.files import is_stream
from sentibp.utils.messages import counted
from sentibp.utils.paths import expand_home

if TYPE_CHECKING:
    from sentibp.data.pieces import Kept, Piece
    from sentibp.data.readers.table import ReadOptions
    from sentibp.inspection.explain import Explanation
    from sentibp.model.answer_counts import AnswerCounts
    from sentibp.model.classifier import Classifier
    from sentibp.model.decision import Decision

_OPTIONS = {"data.source": "--input"}  # instead of --set

_CONTRIBUTIONS = 10  # shown for each text


EPILOG = """\b
Examples:
  sentibp predict 'I love this movie' 'not worth the ticket'
  sentibp predict --input reviews.csv --output predictions.csv
  sentibp predict --input 'reviews/*.csv' --output predictions/ --cluster local:2
  sentibp predict --threshold 0.7 'I love this movie'
  cat reviews.txt | sentibp predict --input - | jq .label"""


def predict(
    text: Annotated[list[str] | None, typer.Argument(metavar="[TEXT]...", help="Reviews, each in quotes.")] = None,
    model: Model = None,
    input: Annotated[
        str | None,
        typer.Option(
            "-i",
            "--input",
            metavar="FILE|DIR|-",
            help="Reviews from a file (CSV, TSV, JSONL, Parquet, text), or a folder, or, with -, from standard input, "
            "which is answered line by line. A pattern in quotes, such as 'data/*.csv', is many files.",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE|DIR/",
            help="Write to a file instead of stdout: .csv, .tsv, .jsonl, .json or .parquet; all but the last also "
            "with .gz. If it is a folder, each input file has a file there, and what is there already is not made "
            "again.",
        ),
    ] = None,
    format: Annotated[
        Format | None,
        typer.Option(
            help="Default: from the suffix of --output, else table on a terminal and jsonl in a pipe; of many files, "
            "that of the input if it can be written, else jsonl."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="The same as --format jsonl: a JSON object a line.")] = False,
    text_column: Annotated[
        str | None,
        typer.Option(metavar="C", help="The column of --input that holds the review. Default: as in training."),
    ] = None,
    set_: SetData = None,
    keep: Annotated[
        bool,
        typer.Option("--keep/--no-keep", help="Write the text, or the columns of --input, before the prediction."),
    ] = True,
    threshold: Threshold = None,
    cost: Cost = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Also show the contribution of each word and n-gram, as `explain` does.")
    ] = False,
    cluster: Cluster = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Replace the file of --output if it is there already; in a folder, also files that were not made of "
            "these inputs by this model.",
        ),
    ] = False,
) -> None:
    """Label reviews, with the probability of each label."""
    require_one_format(json, format)
    format = format or (Format.jsonl if json else None)
    if bool(text) == (input is not None):
        raise typer.BadParameter(_both_or_none(text, input))
    if input is None and (text_column is not None or set_):
        option = "--set" if text_column is None else "--text-column"
        raise ConfigError(f"{option}: says how --input is read; give a file with --input, or leave it out")
    require_texts(text or [])
    if is_many(input, output, cluster):
        from sentibp.cli.predict_files import How, predict_many

        assert input is not None
        classifier, model_file = _load(model)
        options, split = _read_options(classifier, text_column, set_ or [])
        how = How(options, split, keep, threshold, cost, explain)
        predict_many(input, output, format, classifier, model_file, how, cluster, force)
        return
    _predict(text, model, input, output, format, text_column, set_, keep, threshold, cost, explain, force)


def _both_or_none(texts: list[str] | None, input: str | None) -> str:
    """Return what to do if reviews and --input are given, or neither."""
    if texts and input is not None and all(map(os.path.isfile, texts)):
        return "several files: put the pattern in quotes, so that the shell leaves it as it is: --input 'data/*.csv'"
    return "give either reviews, each in quotes, or --input FILE; --input - reads standard input"


def is_many(input: str | None, output: str | None, cluster: str | None) -> bool:
    """Return whether each input file is to have an output file. ConfigError if --cluster does not fit the rest."""
    from glob import has_magic

    if cluster is not None and input in (None, "-"):
        raise ConfigError(
            "--cluster: predicts files; name a folder or files with --input, such as --input 'data/*.csv'"
        )
    if input is None or input == "-":
        return False
    is_pattern = has_magic(input) and not os.path.exists(os.path.expanduser(input))
    is_folder = output not in (None, "") and (output.endswith(os.sep) or os.path.isdir(expand_home(output)))
    return cluster is not None or is_pattern or is_folder


def _load(model: str | None) -> tuple[Classifier, Path]:
    from sentibp.model import file
    from sentibp.runs import find

    path = find.model_file(model)
    return file.load_model(path), path


def _predict(
    text: list[str] | None,
    model: str | None,
    input: str | None,
    output_name: str | None,
    format: Format | None,
    text_column: str | None,
    set_: list[str] | None,
    keep: bool,
    threshold: str | None,
    cost: str | None,
    explain: bool,
    force: bool,
) -> None:
    """Predict reviews, or one file."""
    from sentibp.model import file
    from sentibp.model.decision import parse_decision
    from sentibp.runs import find

    model_file = find.model_file(model)
    output = None if output_name in (None, "-") else expand_home(output_name)
    format = _format(output, format, explain, input)
    if explain and format is Format.table and not (threshold is None and cost is None):
        raise ConfigError("--explain explains the most probable label in a table; use --format jsonl, or json")
    if explain and format is Format.table and not keep:
        raise ConfigError("--no-keep: an explanation in a table has its text; use --format jsonl, or leave it out")
    require_no_input(output, [("the model", model_file), *([("the input", input)] if input else [])])
    is_replaced = require_free(output, force, replaces_own=True)
    classifier = file.load_model(model_file)
    decision = parse_decision(classifier.spec.label_set, threshold, cost)
    if input is None:
        pieces = _arguments(text or [], classifier, kept_columns(format, keep))
    else:
        options, split = _read_options(classifier, text_column, set_ or [])
        pieces = _input(input, options, split, format, keep)
    to_terminal = output is None and sys.stdout.isatty()  # where the results show how far it is
    shows_progress = input is not None and not to_terminal
    counts = _write(
        pieces, classifier, decision, output, format, explain=explain, keep=keep, shows_progress=shows_progress
    )
    name = "<stdin>" if input == "-" else input
    for note in counts.unfamiliar_note() if name is None else counts.notes(name):
        print_message(note)
    tell_replaced(output, is_replaced)
    if output is not None:
        tell_written(output, counted(counts.texts, "row"))
    elif not counts.texts:
        print_message(f"{name}: has no review, so there is no answer")


def _write(
    pieces: Iterator[Piece],
    classifier: Classifier,
    decision: Decision,
    output: Path | None,
    format: Format,
    *,
    explain: bool,
    keep: bool,
    shows_progress: bool,
) -> AnswerCounts:
    """Write the answers, and the notes of the pieces. Return how many texts of which kind were answered."""
    from sentibp.cli.explain import may_colour
    from sentibp.cli.prediction_progress import Counter
    from sentibp.model.answer_counts import AnswerCounts, count_answers
    from sentibp.model.classifier import predict_piece
    from sentibp.model.prediction import answers

    colours = explain and format is Format.table and output is None and may_colour()
    counts = AnswerCounts()
    with Counter(shows_progress) as counter, _sink(output, colours) as sink:
        if format is Format.table:
            writer: Writer = _Lines(sink, classifier, explain, keep, colours)
        else:
            writer = open_writer(format, sink, classifier.spec.label_set)
        for piece in pieces:
            for note in piece.notes:
                print_message(note)
            records = answers(predict_piece(classifier.predict, piece), decision)
            if explain and format is not Format.table:
                from sentibp.inspection.explain import explained

                records = explained(records, piece.text, classifier)
            writer.write(piece, records)
            counter.add(len(records))
            counts = counts.plus(count_answers(piece.text, records, counts.texts, classifier.count_guessed))
        writer.close()
    return counts


def _format(output: Path | None, given: Format | None, explain: bool, input: str | None) -> Format:
    """Return the output format. ConfigError if it does not fit the name of the file, or --explain."""
    if output is not None and output.name:  # no name is reported when the file is opened
        is_folder = input is not None and os.path.isdir(expand_home(input))
        folder = f"; for a folder with a file for each input, write --output {shlex.quote(f'{output}/')}" * is_folder
        format = format_of(output, given, SUFFIXES, None, Format.jsonl, folder)
    else:
        format = given or (Format.table if sys.stdout.isatty() else Format.jsonl)
    if explain and format in (Format.csv, Format.tsv, Format.parquet):
        raise ConfigError(f"--explain does not fit into {format}; use jsonl, json or table")
    if format is Format.parquet and output is None and sys.stdout.isatty():
        raise ConfigError("--format parquet: not for a terminal; add --output FILE.parquet")
    return format


def _arguments(texts: list[str], classifier: Classifier, kept: Kept) -> Iterator[Piece]:
    """Yield the reviews of the command line, which are kept as lines of plain text are."""
    from sentibp.data.pieces import Kept, Piece
    from sentibp.utils.arrow import strings

    text, column = strings(texts), classifier.text_column
    name = column if isinstance(column, str) else column[0]
    yield Piece(text, {} if kept is Kept.nothing else {name: text})


def _read_options(classifier: Classifier, text_column: str | None, overrides: list[str]) -> tuple[ReadOptions, str]:
    """Return how the input is read: with the columns of the training, or as the command line says.

    The second value is the split of a folder that has splits.
    """
    from sentibp.data.readers.table import ReadOptions

    inherited = classifier.file_settings
    options = ReadOptions(
        classifier.text_column if text_column is None else text_column, **inherited, inherited=frozenset(inherited)
    )
    split = "train"
    if overrides:
        from sentibp.config.load import override_data  # loads the schema, which takes longer than a prediction
        from sentibp.data.sources import read_options

        data = override_data(classifier.training_config().data, overrides, _OPTIONS)
        options = read_options(data, labelled=False, typed=overrides)._replace(weight=None, group=None)
        split = data.split if any(each.partition("=")[0].strip() == "data.split" for each in overrides) else split
        if text_column is not None and not sets(overrides, "--text-column"):
            options = options._replace(text=text_column)
        tell_overruled(overrides, {"--text-column": text_column})
    return options, split


def _input(path: str, options: ReadOptions, split: str, format: Format, keep: bool) -> Iterator[Piece]:
    """Yield the reviews of a file or of stdin in pieces."""
    from sentibp.data import sources
    from sentibp.data.readers.splits import SeveralFiles

    try:
        return sources.read_pieces(path, options, kept_columns(format, keep), split)
    except SeveralFiles as error:
        if not os.path.isdir(expand_home(path)):  # an archive, whose files have no place of their own
            raise
        raise SeveralFiles(*error.lines, "to predict each of them: --output predictions/") from None


@contextlib.contextmanager
def _sink(output: Path | None, colours: bool) -> Iterator[Sink]:
    """Open the output, and yield what takes its bytes. A terminal gets control characters only for `colours`."""
    if output is not None:
        with output_file(output) as file, compressing(output, file) as sink:
            yield _at_once(sink, file) if is_stream(output) else sink
    elif sys.stdout.isatty():
        yield lambda content: print_content(str(content, "utf-8"), styled=colours)
    else:
        yield _print


def _at_once(sink: Sink, file: IO[bytes]) -> Sink:
    """Return what writes into a pipe or a device at once, since another program may be waiting for it."""

    def write(content: bytes) -> None:
        sink(content)
        file.flush()

    return write


def _print(content: bytes) -> None:
    """Print UTF-8 at once, since another program may be waiting for it."""
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def _explanations(piece: Piece, classifier: Classifier) -> Iterator[Explanation]:
    from sentibp.inspection.explain import explain

    return (explain(classifier, text) for text in piece.text.to_pylist())


class _Lines:
    """Writes lines for people: one for each text or, with explanations, several."""

    def __init__(self, sink: Sink, classifier: Classifier, explain: bool, keep: bool, colours: bool):
        self._sink, self._classifier, self._explain, self._colours = sink, classifier, explain, colours
        self._keep = keep  # whether a line has the beginning of the text
        self._begun = False

    def write(self, piece: Piece, answers: Sequence[dict[str, Any]]) -> None:
        from sentibp.cli import explain

        texts = piece.text.to_pylist()
        if not self._explain:
            shown = texts if self._keep else [None] * len(texts)
            self._sink("".join(f"{table_line(*pair)}\n" for pair in zip(answers, shown, strict=True)).encode())
            return
        for text, explanation in zip(texts, _explanations(piece, self._classifier), strict=True):
            lines = explain.explanation_lines(text, explanation, _CONTRIBUTIONS, self._colours)
            self._sink(("\n" * self._begun + "".join(f"{line}\n" for line in lines)).encode())
            self._begun = True

    def close(self) -> None:
        pass


def table_line(answer: dict[str, Any], text: str | None) -> str:
    """Return one line for people: the label, its probability, and the beginning of the text, if there is one."""
    note = f"  ({answer['note']}: the answer is the model's bias)" if "note" in answer else ""
    begins = "" if text is None else f"  {one_line(text)}"
    return f"{answer['label']}  {answer['score']:.4f}{begins}{note}"
