"""Write data/shifters.csv: short sentences with and without shifters, from a grammar.

    python benchmarks/sentences.py

Each sentence is a pattern with words of opinion in it. A pattern keeps what its words say, or turns it round. Sentences
that are a text of the probes, or share four words in a row with one, are left out: the probes judge what training
learns from the sentences. All words and patterns were written for this project.
"""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Sequence
from pathlib import Path

DATA = Path(__file__).parent.parent / "data"

TIMES = 3  # sentences of each pattern for each of its slots, words and signs
CONTRASTS = 2400  # sentences with `but` or `although`
BOOSTED = 2  # sentences with a booster for each adjective


_words = str.split


def _phrases(text: str) -> list[str]:
    """Return the phrases between vertical bars. In a phrase of several words, a colon precedes the word of opinion."""
    return [" ".join(phrase.split()) for phrase in text.split("|")]


GOOD = _words("""
    good great fine nice lovely wonderful excellent superb brilliant terrific fantastic marvellous amazing
    awesome outstanding splendid delightful charming enchanting magical beautiful gorgeous stunning handsome
    pretty elegant graceful stylish polished funny hilarious witty amusing humorous comical clever smart
    intelligent wise sharp insightful thoughtful profound deep subtle nuanced layered original inventive
    imaginative creative fresh innovative unique inspired inspiring moving touching heartwarming affecting
    poignant tender warm sweet sincere honest heartfelt exciting thrilling gripping suspenseful tense riveting
    absorbing engrossing compelling engaging involving captivating fascinating intriguing interesting
    entertaining enjoyable fun lively energetic spirited vibrant dazzling impressive spectacular breathtaking
    powerful strong solid effective convincing believable credible plausible realistic authentic natural
    memorable unforgettable satisfying rewarding worthwhile pleasing pleasant likable lovable appealing
    sympathetic watchable rewatchable perfect masterful skilful talented accomplished assured confident
    ambitious daring bold brave rich coherent tight focused scary frightening chilling romantic uplifting
    refreshing relevant meaningful important successful better worthy special remarkable admirable adorable
    appropriate astonishing attractive bright brisk colourful colorful complex comforting crisp decent dignified
    dynamic effortless eloquent endearing endurable exceptional exhilarating exquisite fabulous faithful
    flawless genuine glorious happy heroic hopeful ideal incredible infectious ingenious intense intimate joyful
    joyous judicious kind logical luminous lush lyrical mature mesmerizing mesmerising noble ok okay optimistic
    passionate patient perceptive playful poetic popular precious professional radiant recommendable respectable
    right safe satisfactory seductive sensible sensitive sexy slick smooth snappy sophisticated soulful stellar
    stirring striking sublime suitable superior surprising taut tasteful tolerable top true useful valuable
    vivid wicked winning worth zany
""")
BAD = _words("""
    bad poor awful terrible horrible dreadful atrocious abysmal appalling lousy rotten pathetic pitiful rubbish
    trashy boring dull tedious tiresome dreary monotonous lifeless slow sluggish plodding sleepy flat stale
    bland tasteless insipid forgettable unremarkable generic routine ordinary average mediocre lame weak feeble
    thin shallow superficial empty hollow pointless meaningless senseless stupid dumb idiotic silly foolish
    moronic brainless mindless childish juvenile ridiculous laughable absurd ludicrous preposterous implausible
    unbelievable unconvincing unrealistic contrived forced fake phony artificial wooden stiff awkward clumsy
    sloppy careless amateurish inept incompetent lazy cheap shoddy ugly hideous messy muddled confusing confused
    incoherent disjointed chaotic choppy predictable formulaic cliched derivative unoriginal repetitive overlong
    bloated excessive pretentious smug preachy sentimental sappy corny cheesy sugary manipulative annoying
    irritating grating obnoxious unbearable insufferable intolerable unwatchable unfunny humorless unpleasant
    nasty mean cruel offensive vulgar crude distasteful disgusting gross depressing disappointing frustrating
    unsatisfying underwhelming overrated overdone dated worthless useless hopeless painful miserable joyless
    charmless soulless heartless cold lacklustre uninspired uninteresting unimaginative uneven worse inferior
    wasted doomed embarrassing insulting inexcusable tired aimless alienating amateur arrogant barren bitter
    botched calculated callous claustrophobic clueless colourless condescending conventional cowardly crass
    cynical deadening defective deficient dire dishonest dismal distracting dry dubious emotionless exhausting
    exploitative false faulty flawed flimsy forgotten garish ghastly gratuitous gloomy hackneyed harsh hateful
    hokey illogical immature inane inadequate inappropriate incomprehensible indifferent inert insincere
    irrelevant jarring lackluster laborious leaden loathsome meandering mechanical misguided misleading murky
    narrow needless negative noisy obscure obvious outdated pedestrian perfunctory petty pompous problematic
    racist ragged random regrettable repellent repulsive rough rude rushed senile sexist shabby shaky sickening
    simplistic sketchy sleazy soggy sour stilted strained stuffy tacky tepid thankless toothless trite trivial
    troubling turgid unappealing unbalanced uneventful unfinished unfocused unfortunate unlikable unlikeable
    unnecessary unpolished unsatisfactory vacant vague vile wrong wretched
""")
GOOD_NOUNS = _words("""
    charm wit humour heart warmth style grace talent imagination energy passion tension suspense excitement
    magic beauty depth originality intelligence skill insight emotion sincerity fun joy pleasure delight laughs
    thrills surprises ideas chemistry spark life soul craft invention sparkle class flair substance appeal
    credibility inspiration sense purpose point value merit merits humanity truth wisdom nuance subtlety rhythm
    drama adventure action romance scares payoff reason hope virtue virtues strengths quality
""")
BAD_NOUNS = _words("""
    flaws faults mistakes errors clichés problems weaknesses holes nonsense boredom padding filler stupidity
    laziness clumsiness pretension sentimentality silliness vulgarity predictability gimmicks gaffes defects
    shortcuts blunders drivel tedium excuses sermons stereotypes failings drawbacks disappointments complaints
    regrets trouble confusion contrivances longueurs lulls missteps blemishes hype violence gore sap sugar
    cynicism malice
""")
GOOD_THINGS = _words("""
    masterpiece gem treasure treat delight triumph success winner classic pleasure joy hit thrill marvel wonder
    achievement blast
""")
BAD_THINGS = _words("""
    disaster mess failure flop bore chore waste disgrace letdown dud misfire fiasco trainwreck turkey
    catastrophe embarrassment nightmare travesty ordeal
""")
GOOD_VERBS = _words("""
    like love enjoy admire adore appreciate recommend praise treasure cherish value
""")
BAD_VERBS = _words("""
    hate dislike regret despise loathe detest resent begrudge condemn
""")
GOOD_DOES = _phrases("""
    work | entertain | impress | engage | convince | charm | amuse | inspire | shine | succeed | delight |
    satisfy | thrill | dazzle | captivate | fascinate | intrigue | deliver | excite | please | improve | win |
    matter | soar | sparkle | resonate | surprise | compel | :move me | :touch me | make me :laugh
    | make me :smile | make :sense | :grip me | make me :care | :scare me | keep me
    :interested | :pay off | :hold up | :add up | ring :true | make me :cry | :stay
    with me | make me :think | :cheer me up | :live up to the hype
""")
BAD_DOES = _phrases("""
    drag | disappoint | bore | annoy | irritate | fail | flop | falter | stumble | fizzle | suffer | grate |
    misfire | sag | offend | disgust | frustrate | repel | confuse | bother | embarrass | collapse | struggle |
    plod | meander | stink | suck | cheat | tire | lag | spoil | ruin | worsen | fall :flat | fall
    :apart | let me :down | :insult the audience | wear :thin | :waste my time | go
    :wrong | :outstay its welcome | put me to :sleep | make me :cringe | make me
    :yawn | run out of :steam | :slow down | get :worse | get :old
""")
GOOD_FELT = _words("""
    impressed moved touched amused entertained thrilled pleased satisfied engaged absorbed captivated charmed
    delighted convinced fascinated gripped intrigued excited hooked enchanted inspired happy glad surprised
    dazzled
""")
BAD_FELT = _words("""
    bored annoyed irritated disappointed confused offended disgusted frustrated insulted cheated sorry
    underwhelmed embarrassed unimpressed unmoved disturbed tired restless depressed angry appalled
""")
GOOD_MADE = _words("""
    well beautifully brilliantly superbly wonderfully nicely cleverly skilfully perfectly elegantly convincingly
""")
BAD_MADE = _words("""
    badly poorly clumsily lazily sloppily horribly awkwardly carelessly crudely
""")

ADJECTIVE_KEEPING = _phrases("""
    {subject} is {word} | {subject} was {word} | {word} | {subject} is very {word} | very {word} | so {word} |
    {subject} is really {word} | a {word} film | a {word} movie | a very {word} film | {plural} are {word} | i
    found it {word} | {subject} is {word} and {other} | both {word} and {other} | as {word} as it is {other} |
    it is always {word} | simply {word} | {subject} is not only {word} but also {other} | not just {word} but
    {other} | {subject} is not only {word}, it is {other} | not merely {word}: {other} | no doubt {word} | i
    can't deny that {subject} is {word} | nobody can deny it is {word}
""")
ADJECTIVE_TURNING = _phrases("""
    {subject} is not {word} | {subject} was not {word} | {subject} isn't {word} | {subject} wasn't {word} | not
    {word} | {plural} are not {word} | {plural} aren't {word} | {plural} weren't {word} | {subject} is not very
    {word} | {subject} isn't very {word} | not very {word} | {subject} is not that {word} | {subject} isn't so
    {word} | not so {word} | not too {word} | not {word} at all | not at all {word} | {subject} isn't {word} at
    all | {subject} is not particularly {word} | {subject} isn't really {word} | not really {word} | {subject}
    wasn't all that {word} | not a {word} film | not a {word} movie | {subject} is not a {word} one | this is
    not a {word} movie | this isn't a {word} film | it's not {word} | it's not a {word} movie | {subject} is
    never {word} | never {word} | {subject} was never {word} | {plural} are never {word} | {subject} never gets
    {word} | {subject} never seems {word} | {subject} is hardly {word} | hardly {word} | {subject} is scarcely
    {word} | {subject} is barely {word} | {subject} is rarely {word} | {subject} is far from {word} | far from
    {word} | far from being {word} | {plural} are far from {word} | {subject} is anything but {word} | anything
    but {word} | {subject} is by no means {word} | {subject} is in no way {word} | in no way {word} | no way is
    {subject} {word} | {subject} is neither {word} nor {other} | neither {word} nor {other} | {subject} was
    neither {word} nor {other} | {subject} is not {word} or {other} | {subject} is not {word} and not {other} |
    not {word}, not {other} | there is nothing {word} about it | nothing {word} here | there's nothing {word} in
    {subject} | i did not find it {word} | i didn't find {subject} {word} | i don't think {subject} is {word} |
    i do not think it is {word} | i wouldn't say {subject} is {word} | nobody could say {subject} is {word} |
    nobody finds {subject} {word} | no one thinks {subject} is {word} | i never found it {word} | {subject}
    doesn't feel {word} | {subject} does not look {word} | {subject} didn't seem {word} | {subject} is without a
    {word} moment | without one {word} scene | there is no {word} scene | no {word} moments | not one {word}
    joke | none of it is {word} | none of {plural} are {word} | {subject} is not in the least {word} | {subject}
    is never {word} or {other} | {subject} is not {word} enough | it isnt {word} | it wasnt {word} | its not
    {word} | {subject} ain't {word} | {subject} cannot be called {word} | {subject} is not exactly {word} |
    {subject} isn't quite {word} | never once {word} | {subject} is not the least bit {word} | {subject} could
    never be {word} | {subject} won't be {word} | you won't find it {word}
""")
NOUN_KEEPING = _phrases("""
    {subject} has {word} | full of {word} | {subject} is full of {word} | plenty of {word} | so much {word} |
    there is {word} in it | {word} and {other} | {subject} doesn't lack {word} | there is no lack of {word} |
    {subject} is not without {word} | never without {word} | no shortage of {word}
""")
NOUN_TURNING = _phrases("""
    {subject} has no {word} | no {word} | no {word}, no {other} | {subject} had no {word} at all | there is no
    {word} in it | there was no {word} | without {word} | {subject} is without {word} | without any {word} |
    {subject} is free of {word} | neither {word} nor {other} | {subject} has neither {word} nor {other} |
    {subject} doesn't have any {word} | {subject} does not have {word} | {subject} lacks {word} | a lack of
    {word} | {subject} never shows any {word} | i saw no {word} | there is hardly any {word} | hardly any {word}
    | none of the {word} | there isn't any {word} | {subject} has hardly any {word} | devoid of {word} |
    {plural} have no {word} | not much {word} | not a lot of {word}
""")
THING_KEEPING = _phrases("""
    it is a {word} | a {word} | {subject} is a {word} | what a {word} | a real {word} | a complete {word} |
    {subject} is not just a {word}
""")
THING_TURNING = _phrases("""
    it is not a {word} | not a {word} | {subject} isn't a {word} | {subject} is no {word} | no {word} | it was
    no {word} | hardly a {word} | {subject} is far from a {word} | anything but a {word} | never a {word} | this
    is not the {word} i expected | not exactly a {word} | neither a {word} nor a {other}
""")
VERB_KEEPING = _phrases("""
    i {word} it | i {word} {subject} | i really {word} this film | i {word} {plural} | you will {word} it | we
    all {word} it | i did {word} it | everyone will {word} it | it is impossible not to {word} it | i can't help
    but {word} it | you can't not {word} it | nobody could fail to {word} it | hard not to {word}
""")
VERB_TURNING = _phrases("""
    i don't {word} it | i do not {word} it | i didn't {word} {subject} | i did not {word} this movie | i didn't
    {word} it at all | you won't {word} it | you will not {word} {subject} | i can't {word} it | i cannot {word}
    this | nobody will {word} it | no one could {word} {subject} | i never {word} {plural} | we don't {word} it
    | i could not {word} {plural} | i dont {word} it | didnt {word} it | i don't {word} {plural} | i wouldn't
    {word} it | they didn't {word} it | i hardly {word} it | i neither {word} nor {other} it | there is nothing
    to {word} | there's nothing to {word} in {subject} | no reason to {word} it | it is impossible to {word} | i
    don't {word} anything about it | not much to {word} | i did not {word} a minute of it | my friends did not
    {word} it
""")
DOES_KEEPING = _phrases("""
    {subject} will {word} | {subject} does {word} | {plural} {word} | {plural} really {word} | {subject} manages
    to {word} | {subject} did {word}
""")
DOES_TURNING = _phrases("""
    {subject} doesn't {word} | {subject} does not {word} | {subject} didn't {word} | {subject} did not {word} |
    {plural} don't {word} | {plural} do not {word} | {plural} didn't {word} | {subject} can't {word} | {subject}
    never manages to {word} | {subject} won't {word} | {plural} never {word} | {subject} will never {word} |
    {subject} cannot {word} | {plural} hardly {word} | {subject} did not once {word} | {subject} doesn't {word}
    or {other} | nothing in it will {word} | {plural} rarely {word} | {subject} just couldn't {word} | none of
    {plural} {word} | neither the film nor the book will {word} | {subject} wouldn't {word}
""")
FELT_KEEPING = _phrases("""
    i was {word} | i felt {word} | we were {word} | everyone was {word} | i left {word} | i was truly {word} | i
    am {word} with it
""")
FELT_TURNING = _phrases("""
    i was not {word} | i wasn't {word} | we were not {word} | we weren't {word} | i was never {word} | nobody
    was {word} | no one was {word} | i did not feel {word} | you won't be {word} | i was hardly {word} | i'm not
    {word} | i am not {word} with it | neither {word} nor {other} | not {word} | i was far from {word} | none of
    us were {word} | i wasn't {word} at all | i was not very {word} | i was anything but {word} | not once was i
    {word} | i can't be {word} | i was neither {word} nor {other} | my wife was not {word} | without being
    {word} | i wasn't really {word} | i was in no way {word}
""")
MADE_KEEPING = _phrases("""
    {subject} is {word} {made} | {word} {made} | {subject} was {word} {made} | it is {word} {made}
""")
MADE_TURNING = _phrases("""
    {subject} is not {word} {made} | not {word} {made} | {subject} isn't {word} {made} | {subject} was not
    {word} {made} | {subject} wasn't {word} {made} | {subject} is never {word} {made} | {subject} is not very
    {word} {made} | {subject} is hardly {word} {made} | {subject} is far from {word} {made} | it isn't {word}
    {made}
""")

SUBJECTS = _phrases("""
    the movie | this movie | this film | the story | the script | the plot | the acting | the cast | the
    direction | the music | the ending | the dialogue | the humor | the screenplay | the comedy | the drama |
    the sequel | the lead | the pacing | the premise | the whole thing | it | this | it all | the show | the
    picture | the romance | the book | this one | the performance | the production | the final act | the hero |
    the villain | the series | the episode
""")
PLURALS = _phrases("""
    the actors | the jokes | the songs | the effects | the characters | the scenes | the leads | the
    performances | the dialogues | the twists | they
""")
MADE = _words("""
    made written acted filmed directed told done shot played staged
""")
LINKS = _phrases("""
    {conceded}, but {stated} | {conceded} but {stated} | {conceded}, but {stated} | although {conceded},
    {stated} | {stated}, although {conceded} | despite the {noun}, {stated} | even though {conceded}, {stated} |
    {conceded}; but {stated} | though {conceded}, {stated} | {stated}, though {conceded}
""")
BOOSTERS = _words("""
    very really truly extremely incredibly absolutely utterly totally completely thoroughly deeply highly hugely
    immensely enormously remarkably exceptionally extraordinarily unbelievably insanely terribly awfully so
    wildly amazingly
""")
BOOSTED_PATTERNS = _phrases("""
    {subject} is {booster} {word} | {booster} {word} | a {booster} {word} film | it was {booster} {word} |
    {plural} are {booster} {word} | i found it {booster} {word} | a {booster} {word} movie | {subject} was
    {booster} {word}
""")
GOOD_PERSON = _words("laugh smile care cheer understand watch rent listen applaud grin chuckle giggle relax")
BAD_PERSON = _words("yawn cringe complain sleep doze groan suffer grumble sigh squirm wince struggle quit leave")
PERSON_KEEPING = _phrases("I {word} | you will {word} | everyone will {word} | it made me {word} | we {word} a lot")
PERSON_TURNING = _phrases("""
    I didn't {word} | I did not {word} | you won't {word} | nobody will {word} | I never {word} | I didn't {word} once |
    we did not {word} much | I couldn't {word} | it never made me {word} | I hardly {word} | no one will {word} |
    it did not make me {word} | I don't {word} | you will not {word} | nothing made me {word} | I rarely {word}
""")
WORTH = ["worth", "worthy"]
WORTH_KEEPING = _phrases(
    "{subject} is {word} it | {word} a look | {plural} are {word} the trip | it was {word} the price"
)
WORTH_TURNING = _phrases("""
    {subject} isn't {word} it | not {word} a look | {plural} are not {word} the trip | it wasn't {word} the price |
    hardly {word} an hour | never {word} the fuss | {subject} was not {word} it | it isn't {word} the effort
""")

KINDS = [  # patterns that keep, patterns that turn round, positive words, negative words, how many times as many
    (ADJECTIVE_KEEPING, ADJECTIVE_TURNING, GOOD, BAD, 3),
    (NOUN_KEEPING, NOUN_TURNING, GOOD_NOUNS, BAD_NOUNS, 2),
    (THING_KEEPING, THING_TURNING, GOOD_THINGS, BAD_THINGS, 2),
    (VERB_KEEPING, VERB_TURNING, GOOD_VERBS, BAD_VERBS, 1),
    (DOES_KEEPING, DOES_TURNING, GOOD_DOES, BAD_DOES, 2),
    (FELT_KEEPING, FELT_TURNING, GOOD_FELT, BAD_FELT, 4),
    (MADE_KEEPING, MADE_TURNING, GOOD_MADE, BAD_MADE, 3),
    (PERSON_KEEPING, PERSON_TURNING, GOOD_PERSON, BAD_PERSON, 3),
    (WORTH_KEEPING, WORTH_TURNING, WORTH, [], 2),
]
CLAUSES = [  # how many of ten, pattern, positive words, negative words
    (3, "{subject} is {word}", GOOD, BAD),
    (1, "{plural} are {word}", GOOD, BAD),
    (1, "it is {word}", GOOD, BAD),
    (1, "I found it {word}", GOOD, BAD),
    (1, "{subject} looks {word}", GOOD, BAD),
    (1, "{subject} has {word}", GOOD_NOUNS, BAD_NOUNS),
    (1, "it is full of {word}", GOOD_NOUNS, BAD_NOUNS),
    (1, "{subject} is a {word}", GOOD_THINGS, BAD_THINGS),
    (1, "I {word} {plural}", GOOD_VERBS, BAD_VERBS),
    (1, "{subject} will {word}", GOOD_DOES, BAD_DOES),
    (1, "I was {word}", GOOD_FELT, BAD_FELT),
]


class Writer:
    """Collects sentences that differ from each other and from the probes."""

    def __init__(self, seed: int):
        self.rng = random.Random(seed)
        self.rows: list[tuple[str, str, str]] = []  # text, label, words of opinion
        self.seen: set[tuple[str, ...]] = set()
        self.runs: set[tuple[str, ...]] = set()
        for name in ("probes.csv", "probes_negation.csv"):
            with open(DATA / name, encoding="utf-8", newline="") as file:
                texts = [split(row[side]) for row in csv.DictReader(file) for side in "ab"]
            self.seen |= {tuple(words) for words in texts}
            self.runs |= {run for words in texts for run in runs_of(words)}
        self.decks: dict[tuple[int, str], list[str]] = {}

    def draw(self, words: Sequence[str], role: str = "") -> str:
        """Return a word. All words come once before one comes again in the same role."""
        deck = self.decks.setdefault((id(words), role), [])
        if not deck:
            deck += self.rng.sample(words, len(words))
        return deck.pop()

    def fill(self, pattern: str, word: str, **more: str) -> str:
        """Return the pattern with the phrase and random subjects in its slots."""
        return pattern.format(
            word=bare(word),
            subject=self.rng.choice(SUBJECTS),
            plural=self.rng.choice(PLURALS),
            made=self.rng.choice(MADE),
            booster=self.rng.choice(BOOSTERS),
            **more,
        )

    def add(self, text: str, positive: bool, opinions: Sequence[str]) -> None:
        """Add a sentence, if it is new and no probe."""
        text = re.sub(r"\ba (?=[aeiou])", "an ", text)
        words = split(text)
        if tuple(words) in self.seen or any(run in self.runs for run in runs_of(words)):
            return
        self.seen.add(tuple(words))
        text = re.sub(r"\bi\b(?=[ '])", "I", text[0].upper() + text[1:]) + self.rng.choice([".", ".", "", "!"])
        self.rows.append((text, "positive" if positive else "negative", " ".join(map(opinion_of, opinions))))


def split(text: str) -> list[str]:
    """Return the words of a text."""
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower())


def runs_of(words: Sequence[str]) -> list[tuple[str, ...]]:
    """Return each four words in a row."""
    return [tuple(words[i : i + 4]) for i in range(len(words) - 3)]


def bare(phrase: str) -> str:
    """Return a phrase without the colon: `fall :flat` is "fall flat"."""
    return phrase.replace(":", "")


def opinion_of(phrase: str) -> str:
    """Return the word of opinion: in `fall :flat`, "flat"."""
    return phrase.partition(":")[2].split()[0] if ":" in phrase else phrase


def write_shifted(writer: Writer) -> None:
    """Add sentences of each pattern, with positive and with negative words."""
    for keeping, turning, good, bad, times in KINDS:
        for pattern in [*keeping, *turning]:
            for positive, words in ((True, good), (False, bad)):
                for _ in range(TIMES * times if words else 0):
                    word = writer.draw(words)
                    other = [writer.draw(words)] if "{other}" in pattern else []
                    text = writer.fill(pattern, word, other="".join(map(bare, other)))
                    writer.add(text, positive == (pattern in keeping), [word, *other])


def write_contrasts(writer: Writer) -> None:
    """Add sentences that concede one thing and state another."""
    clauses = [clause for count, *clause in CLAUSES for _ in range(count)]

    def clause(positive: bool, role: str) -> tuple[str, str]:
        pattern, good, bad = writer.rng.choice(clauses)
        word = writer.draw(good if positive else bad, role)
        return writer.fill(pattern, word), word

    for number in range(CONTRASTS):
        positive = number % 2 == 0
        (stated, word), (conceded, other) = clause(positive, "stated"), clause(not positive, "conceded")
        link, noun = writer.rng.choice(LINKS), writer.draw(BAD_NOUNS if positive else GOOD_NOUNS, "conceded")
        text = link.format(stated=stated, conceded=conceded, noun=noun)
        writer.add(text, positive, [word, noun if "{noun}" in link else other])


def write_boosted(writer: Writer) -> None:
    """Add sentences with a booster before each adjective."""
    for positive, words in ((True, GOOD), (False, BAD)):
        for word in words * BOOSTED:
            writer.add(writer.fill(writer.rng.choice(BOOSTED_PATTERNS), word), positive, [word])


def main() -> None:
    """Write the file."""
    writer = Writer(2026)
    for write in (write_shifted, write_contrasts, write_boosted):
        write(writer)
    writer.rng.shuffle(writer.rows)
    with open(DATA / "shifters.csv", "w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(("text", "label", "opinion"))
        lines.writerows(writer.rows)
    print(f"{len(writer.rows):,} sentences")


if __name__ == "__main__":
    main()
