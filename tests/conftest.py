"""What several test files share: a working directory of one's own, small classifiers, small configs."""

from __future__ import annotations

import gc
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import quick_commands  # noqa: F401
import yaml
from hypothesis import settings

from sentibp.config.load import Resolved, load_config
from sentibp.config.schema import Config
from sentibp.data import vocabulary as data_vocabulary
from sentibp.data import vocabulary_build
from sentibp.data.examples import Examples
from sentibp.data.folding import Spelling
from sentibp.data.tokenizer import tokenize
from sentibp.errors import SentibpError
from sentibp.model import initial
from sentibp.model.classifier import Classifier
from sentibp.utils.arrow import strings as to_arrow

settings.register_profile("sentibp", settings.default, max_examples=30)  # of a property that says no number
settings.load_profile("sentibp")


def pytest_configure() -> None:
    """Collect no garbage while tests are collected: thousands of new objects, and all of them stay."""
    gc.disable()


def pytest_collection_finish() -> None:
    """From here on, the collector looks at what tests make, and not again and again at the tests and libraries."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_sessionfinish() -> None:
    gc.unfreeze()  # Hypothesis, which pytest may load for its summary, asks who refers to an object


@pytest.fixture(scope="session")
def new_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Make an empty folder: `new_folder("cache")`. A number is appended to its name, counted for each name.

    pytest would look for a free number among the folders of all earlier tests: after some thousand, that takes 10 ms.
    """
    made: Counter[str] = Counter()

    def make(name: str) -> Path:
        made[name] += 1
        return tmp_path_factory.mktemp(f"{name}{made[name] - 1}", numbered=False)

    return make


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, new_folder: Callable[[str], Path]) -> Path:
    """A folder of the test's own, with the name that pytest's own fixture gives it."""
    return new_folder(re.sub(r"\W", "_", request.node.name)[:30])


@pytest.fixture(autouse=True)
def cache_folder(new_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own: no test reads or fills the user's."""
    folder = new_folder("cache")
    monkeypatch.setenv("SENTIBP_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session", autouse=True)
def runs_of_the_developer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test writes runs/last where pytest was started: there it names the newest run of the developer."""
    pointers = [Path.cwd() / "runs" / name for name in ("last", "started")]
    yield
    for pointer in pointers:
        if pointer.is_file():
            assert str(tmp_path_factory.getbasetemp()) not in pointer.read_text(encoding="utf-8"), pointer


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of the test's own, in which runs/ appears; and no hub."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path


def plain(sections: dict) -> dict:
    """Sections of a config without what makes arithmetic by hand harder, unless they ask for it."""
    model, train = sections.get("model", {}), sections.get("train", {})
    embedding = {"padding": 0} | model.get("embedding", {})
    train = {"word_dropout": 0, "epochs": 3, "optimizer": {"learning_rate": 0.01}} | train
    return sections | {"model": model | {"embedding": embedding}, "train": train}


@pytest.fixture(scope="session")
def new_classifier() -> Callable[..., Classifier]:
    """An untrained classifier that knows all words of some texts; sections of the config are keyword arguments."""

    def build(texts: Sequence[str], seed: int = 0, origin: Classifier | None = None, **sections: dict) -> Classifier:
        settings = Config.model_validate(plain(sections))
        vocabulary = vocabulary_build.build_vocabulary(
            tokenize(to_arrow(texts), Spelling.of(settings.text)), settings.text.ngrams, presence=settings.text.presence
        )[0]
        if origin is not None:
            vocabulary = data_vocabulary.merge(origin.vocabulary, vocabulary)
        return initial.build_classifier(settings, vocabulary, seed, origin)

    return build


@pytest.fixture(scope="session")
def examples_of() -> Callable[..., Examples]:
    """Texts and labels as a classifier's features."""

    def encode(classifier: Classifier, texts: Sequence[str], label: Sequence[int], weight=None) -> Examples:
        features, _, _ = classifier.encode(to_arrow(texts))
        return Examples(features, np.array(label, np.int8), None if weight is None else np.array(weight, np.float32))

    return encode


@pytest.fixture(scope="session")
def short_reviews(new_folder: Callable[[str], Path]) -> Path:
    """A file of 320 short reviews, as many as the sample has: a training on them takes half the time."""
    rng = random.Random(0)
    words = [f"{a}{b}" for a in ("ba", "ci", "du", "fo", "gre") for b in ("la", "mens", "nish", "po", "ra", "ted", "x")]
    rows = ["text,label"]
    for i in range(320):
        opinion = ("bad", "dull", "awful", "boring") if i % 2 == 0 else ("good", "great", "superb", "fun")
        said = [rng.choice(opinion), *rng.sample(words, 5), rng.choice(("film", "plot", "actors"))]
        rows.append(f"{' '.join(said)},{(i + (rng.random() < 0.15)) % 2}")
    file = new_folder("reviews") / "short.csv"
    file.write_text("\n".join([*rows, ""]), encoding="utf-8")
    return file


@pytest.fixture
def write_config(here: Path, short_reviews: Path) -> Callable[..., Resolved]:
    """Write a config with these sections, and load it: `write_config(name, overrides, data={...}, train={...})`.

    A config without the section `data` takes the short reviews; without `pretrain`, it starts from nothing: the
    built-in words would take half a second.
    """

    def write(name: str = "small.yaml", overrides: Sequence[str] = (), **sections: dict) -> Resolved:
        sections = {"data": {"source": str(short_reviews)}, "pretrain": {"vectors": "none"}} | sections
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(yaml.safe_dump(sections), encoding="utf-8")
        return load_config(name, overrides)

    return write


@pytest.fixture(scope="session")
def complaint() -> Callable[..., str]:
    """The one line that a user sees: `complaint(DataError, function, *arguments)`."""

    def lines(kind: type[SentibpError], function: Callable, *arguments, **options) -> str:
        with pytest.raises(kind) as caught:
            function(*arguments, **options)
        assert type(caught.value) is kind
        text = str(caught.value)
        assert "\n" not in text, "one mistake is one line"
        return text

    return lines


@pytest.fixture
def write_lexicon(tmp_path_factory, monkeypatch) -> Iterator[Callable[[Mapping[str, float]], Path]]:
    """Put a lexicon in the place of VADER's: `write_lexicon({"good": 1.9})`. Its module cannot be imported."""
    package = tmp_path_factory.mktemp("site") / "vaderSentiment"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "vaderSentiment.py").write_text("raise AssertionError('only the file of words is read')")
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.delitem(sys.modules, "vaderSentiment", raising=False)

    def write(ratings: Mapping[str, float]) -> Path:
        path = package / "vader_lexicon.txt"
        path.write_text("".join(f"{word}\t{rating}\t0.5\t[1, 2]\n" for word, rating in ratings.items()), "utf-8")
        return path

    yield write
    sys.modules.pop("vaderSentiment", None)
