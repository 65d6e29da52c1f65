"""What tests and benchmarks of exports share: models of every kind, and texts of every kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sentibp.config.schema import Config
from sentibp.data import shifters
from sentibp.data.encode import learn_vocabulary
from sentibp.data.folding import Spelling
from sentibp.data.tokenizer import tokenize
from sentibp.export.compress import compress
from sentibp.model.build import assemble, parameter_shapes
from sentibp.model.classifier import Classifier
from sentibp.model.spec import NetworkSpec
from sentibp.utils.arrow import strings

WORLD = [
    "Un film très émouvant, vraiment magnifique !",
    "Der Film ist großartig, die Schauspieler überzeugend.",
    "Это отличный фильм, но конец скучный.",
    "Η ΙΣΤΟΡΙΑ ΗΤΑΝ ΚΑΛΗ ΚΑΙ ΟΙ ΗΘΟΠΟΙΟΣ ΣΠΟΥΔΑΙΟΙ",
    "映画はとても面白かった。がっかりしない！",
    "这部电影非常好看，但结局不好。",
    "영화가 정말 재미있었어요 ㅋㅋ",
    "هذا الفيلم ممتـــاز، مَشْهَد رائِع",
    "این فیلم را می‌خواهم دوباره ببینم",
    "यह फ़िल्म बहुत अच्छी नहीं है",
    "הסרט הזה נהדר, צה״ל",
    "ภาพยนตร์เรื่องนี้ดีมาก น้ำ",
    "İSTANBUL ışık ﬁlm ｇｏｏｄ Ⅷ ǆ ẞ \u1e9b\u0323",
    "😀👍🏽👨‍👩‍👧 🇩🇪🇫🇷 ❤️ ™ ½ x² № ①",
]
SENTENCES = [
    "I love this movie, it is a very good film and not boring at all!!!",
    "A dull mess... far from good, although the actors are great.",
    "Not only funny but moving; I didn't like the ending, don’t ask.",
    "see https://example.com/a?b=c or www.example.org. write to me@example.com @somebody 10/10 1,000.5",
    "The best film of '95 &amp; &rsquo;96 <br /> a must&nbsp;see &#128514; &notit; &#0; &#150; &#xd800;",
    "NOT Boring, so MUCH CLICHÉS; Very clichés but NEVER DULL: Hardly GOOD, ALTHOUGH İt is FUNNY",
    "\u017fhttp://a.b.com http\u017f://c.d.com a@b.\u017fe \u212a@c.de WWW.X.Y <URL> in Old spelling",
    "a truly brilliant, disappointing, unwatchable film without charm but with lovely music",
]
_PIECES = [
    *("good", "bad", "not", "but", "very", "film", "filmm", "briliant", "unwatching", "GOOD", "Don't", "rock`n`roll"),
    *(
        "&amp;",
        "&lt;br&gt;",
        "<br/>",
        "&#39;",
        "&hearts;",
        "&unknown;",
        "&#x1F600;",
        "...",
        "!!!",
        "--",
        "~~",
        "'",
        "`",
    ),
    *("\u200d", "\u200c", "\u200b", "\u0301", "\u0323", "\u0327", "\ufe0f", "\u1100", "\u1161", "\u11a8", "가", "각"),
    *("i\u0307", "ſ", "K", "Å", "\u0344", "\u0958", "\u1e0a\u0323", "\U0001f3f4\U000e0067\U000e007f", "\ufdd0", "\x00"),
    *("@me", "a@b.com", "http://x.y", "12.5", "2ème", "90's", "<url>", "\u00a0", "\u2028", "\x85", "\x1c", "\n", "\t"),
]


def texts_of_every_kind(n: int, seed: int = 0, words: Sequence[str] = ()) -> list[str]:
    """Return n texts: reviews of the words, all scripts, and pieces and characters at random."""
    rng = np.random.default_rng(seed)
    words = words or " ".join(SENTENCES).split()
    texts = ["", " ", *WORLD, *SENTENCES]
    planes = [(0x20, 0x7F), (0xA0, 0x600), (0x600, 0x3000), (0x3000, 0xD800), (0xE000, 0x20000), (0x20000, 0x110000)]
    while len(texts) < n:
        kind, length = rng.integers(4), int(rng.integers(1, 40))
        if kind == 0:
            texts.append(" ".join(words[int(i)] for i in rng.integers(len(words), size=length)))
        elif kind == 1:
            texts.append(" ".join(rng.choice([*_PIECES, *words[:50]], length).tolist()))
        elif kind == 2:
            texts.append("".join(rng.choice([*_PIECES, " ", " "], length).tolist()))
        else:
            ends = [planes[i] for i in rng.integers(len(planes), size=length)]
            texts.append("".join(chr(rng.integers(*each)) for each in ends))
    return texts[:n]


MODELS = {
    "plain": {"text": {"ngrams": 3, "presence": True}, "embedding": {"pooling": "sqrt"}, "hidden": [5]},
    "cased": {
        "text": {"lowercase": False, "affixes": True, "classes": ["url", "mention", "email", "number"]},
        "embedding": {"padding": 7},
        "hidden": [6, 6, 4],
        "activation": "tanh",
        "batch_norm": True,
        "residual": True,
    },
    "old spelling": {
        "text": {"folding": 1, "ngrams": 2, "classes": ["url", "email"]},
        "embedding": {"pooling": "sum"},
        "hidden": [],
    },
    "shifters": {"text": {"ngrams": 2, "shifters": True, "presence": True, "classes": ["number"]}, "hidden": [6]},
    "cased shifters": {"text": {"lowercase": False, "shifters": True, "affixes": True, "ngrams": 3}, "hidden": [4]},
    "sigmoid": {"text": {"affixes": True, "ngrams": 3}, "hidden": [6], "activation": "sigmoid", "batch_norm": True},
    "deep": {"text": {"ngrams": 2}, "hidden": [6, 6, 6], "residual": True, "embedding": {"padding": 3}},
    "three": {"data": {"labels": ["negative", "neutral", "positive"]}, "hidden": [5]},
    "stars": {"data": {"labels": ["1", "2", "3", "4", "5"]}, "output": "scale", "hidden": [5], "text": {"ngrams": 2}},
    "topics": {"data": {"labels": ["apple", 'a "pear"', "</script>"], "ordered": False}, "hidden": []},
    "adaptive": {"data": {"labels": ["ash", "elm", "fir", "oak"], "ordered": False}, "hidden": [5], "adaptive": True},
    "cumulative": {"data": {"labels": ["1", "2", "3", "4"]}, "output": "cumulative", "hidden": [4]},
}


def random_model(name: str, seed: int = 0, features: Sequence[str] = ()) -> Classifier:
    """Return a model of MODELS with random weights, which knows the words of the sentences above."""
    sections = {key: dict(value) if isinstance(value, dict) else value for key, value in MODELS[name].items()}
    text = {"min_count": 1, **sections.pop("text", {})}
    data, embedding = sections.pop("data", {}), {"dim": 6, **sections.pop("embedding", {})}
    adaptive = sections.pop("adaptive", False)
    config = Config.model_validate(
        {"text": text, "model": {**sections, "embedding": embedding}, "data": data, "train": {"linear_member": False}}
    )
    known = [*WORLD, *SENTENCES, *features, *(shifters.load_sentences().text[::9] if text.get("shifters") else [])]
    vocabulary, _ = learn_vocabulary(config.text, tokenize(strings(known), Spelling.of(config.text)), None)
    spec = replace(NetworkSpec.from_config(config), adaptive_temperature=adaptive)
    rng = np.random.default_rng(seed)
    weights = {
        key: rng.normal(size=shape).astype(np.float32) for key, shape in parameter_shapes(spec, len(vocabulary)).items()
    }
    for key, tensor in weights.items():
        if key.startswith("temperature"):
            tensor[...] = 0.5 + np.abs(tensor)
        if key.endswith("variance"):
            tensor[...] = 0.5 + tensor**2
    return Classifier(spec, vocabulary, assemble(spec, weights), trained_with=config.model_dump(mode="json"))


def compressed_model() -> Classifier:
    """Return a compressed model: its vocabulary reads a misspelled word as the known word with the same letters."""
    return compress(random_model("shifters"), 60_000).classifier
