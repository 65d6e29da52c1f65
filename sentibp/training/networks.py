"""The networks of one seed: a single one, or several that are averaged, with what pretraining contributes.

Each function is a generator of the events of its training. It returns the classifier that it made.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from sentibp.data.examples import Examples
from sentibp.errors import DataError
from sentibp.model import word_vectors
from sentibp.model.classifier import Classifier
from sentibp.model.fold import fold_classifiers
from sentibp.model.initial import build_classifier
from sentibp.nn.gradient_flow import Flow
from sentibp.nn.layers import Array
from sentibp.runs.directory import Run
from sentibp.runs.saved_model import is_average, steps_after_epochs
from sentibp.training import distillation, pretraining
from sentibp.training.best_epoch import FixedSelection, Selection
from sentibp.training.break_condition import BreakCondition, BreakWatch
from sentibp.training.checkpoint import CheckpointWriter
from sentibp.training.diverged import TrainingStopped
from sentibp.training.events import Backward, Epoch, Event, FitEvent, NetworkStarted, Note, Step
from sentibp.training.loop import TrainingState, fit, initial_state
from sentibp.training.metrics_log import FlowMeter, MetricsLog
from sentibp.training.postmortem import FailedStep
from sentibp.training.prepare import TrainingData
from sentibp.training.shards.files import FOLDER
from sentibp.training.shards.loop import fit_shards
from sentibp.training.shifters import with_shifters
from sentibp.utils.executor import Executor, Serial
from sentibp.utils.messages import counted
from sentibp.utils.paths import shown
from sentibp.utils.repair import set_option
from sentibp.utils.threads import in_background

Events = Generator[Event, None, Classifier]


@dataclass(eq=False)
class TrainingContext:
    """What the training of every network of a run needs."""

    data: TrainingData
    run: Run
    log: MetricsLog
    selection: Selection
    checkpoints: CheckpointWriter
    condition: BreakCondition | None = None
    refit: FixedSelection | None = None  # in the final training on all data
    classifier: Classifier | None = None  # the network that is trained now, or was trained last
    members: list[Classifier] = field(default_factory=list)  # the finished networks that are not averaged yet
    executor: Executor = field(default_factory=Serial)  # where the work on shards is done

    def write_checkpoint_if_due(self) -> None:
        """Write a checkpoint after a step, if it is due."""
        self.checkpoints.step_ended(self.selection.state_dict(), self.log.state_dict())


class Task(NamedTuple):
    """What one network learns from."""

    training: Examples
    validation: Examples | None
    review: Array | None = None  # (m,) the training review that each example is; -1 if it is none. None: the same
    row: Array | None = None  # (V,) for each feature the one whose row it shares
    columns: Array | None = None  # (V, k) what the last columns of the embedding start from
    teacher: Classifier | None = None  # what the networks start from

    @property
    def answers(self) -> int:
        """The number of examples whose label is the answer of a teacher."""
        return 0 if self.review is None else int(np.count_nonzero(self.review < 0))


def new_network(data: TrainingData, seed: int, task: Task | None = None) -> Classifier:
    """Return the network before its training, from its seed."""
    if task is None or task.columns is None or task.teacher is None:
        columns = None if task is None else task.columns
        return build_classifier(data.config, data.vocabulary, seed, data.origin, data.training, columns, data.before)
    model = data.config.model
    is_all = not model.hidden and task.columns.shape[1] + task.teacher.spec.outputs == model.embedding.dim
    network = build_classifier(
        data.config, data.vocabulary, seed, columns=task.columns, before=data.before, is_random=not is_all
    )
    distillation.start_from_teacher(network, task.teacher, task.training)
    return network


def train_seed(context: TrainingContext, seed: int) -> Events:
    """Train the network of a seed, or the networks that are averaged, and return the classifier."""
    context.checkpoints.start_seed(seed)
    if is_average(context.data.config):
        return (yield from _train_ensemble(context, seed))
    classifier = new_network(context.data, seed)
    yield from train_network(context, seed, classifier, Task(context.data.training, context.data.validation))
    return classifier


def train_network(
    context: TrainingContext, seed: int, classifier: Classifier, task: Task, *, is_member: bool = False
) -> Generator[Event, None, None]:
    """Train one network in place. Of a member of an ensemble, no epoch is selected."""
    config, training = context.data.config, task.training
    context.classifier = classifier
    state = initial_state(config.train, len(training), seed)
    yield from _start_network(context, seed, classifier, training, state)
    instruments = _Instruments(context, seed, classifier, training, state, is_member)
    if instruments.is_over(state):  # interrupted at the end of its last epoch
        return
    try:
        for event in _fit(context, seed, classifier, task, state):
            yield from (Note(warning) for warning in instruments.see(event))
            if isinstance(event, Step):
                yield event
            elif isinstance(event, Epoch):
                is_over = instruments.is_over(state)
                yield event._replace(is_last=is_over or event.epoch == config.train.epochs)
                if is_over and context.refit is None and event.epoch < config.train.epochs:
                    yield Note(context.selection.stopped(event.epoch))
                if is_over:
                    return
    except TrainingStopped as error:
        if instruments.last is not None:
            error.failed_step = _failed_step(context, classifier, seed, instruments.last, task, error)
        raise


def _fit(
    context: TrainingContext, seed: int, classifier: Classifier, task: Task, state: TrainingState
) -> Iterator[FitEvent]:
    """Train the network in this process or, if the settings say so, on shards."""
    config = context.data.config
    if config.train.shards == 1:
        return fit(classifier.network, task.training, task.validation, config.train, state)
    folder = context.run.path.absolute() / FOLDER
    data = task.training, task.validation
    return fit_shards(classifier.network, *data, config, seed, state, context.executor, folder)


def _start_network(
    context: TrainingContext, seed: int, classifier: Classifier, training: Examples, state: TrainingState
) -> Generator[Event, None, None]:
    """Restore the network and its state if it was interrupted, or record its start."""
    started = _network_started(context, seed, classifier, training)
    if context.checkpoints.restore_network(seed, classifier, state):
        yield started
        yield Note(f"resumes after step {state.step:,}, in epoch {state.epoch}")
    else:
        context.log.network_started(seed, classifier, started)
        yield started


class _Instruments:
    """All that looks at the events of one network: each sees them in turn, and none changes the training."""

    def __init__(
        self,
        context: TrainingContext,
        seed: int,
        classifier: Classifier,
        training: Examples,
        state: TrainingState,
        is_member: bool,
    ):
        self.context, self.seed, self.classifier, self.is_member = context, seed, classifier, is_member
        self.settings, self.n = context.data.config.train, len(training)
        self.per_epoch = self.settings.steps_per_epoch(self.n)
        self.selection = context.refit or context.selection
        self.meter = FlowMeter(classifier.network, self.per_epoch)
        self.break_watch = BreakWatch(context.condition, classifier.network, state)
        self.flows: Mapping[str, Flow] | None = None
        self.last: Backward | None = None

    def is_over(self, state: TrainingState) -> bool:
        """Return whether the selection stops the training before its next epoch."""
        return not self.is_member and self.selection.is_over(state.epoch)

    def see(self, event: FitEvent) -> list[str]:
        """Record, select and save after an event. Return new warnings. Raises BreakConditionMet."""
        self.flows = self.meter.measure(event) or self.flows
        if isinstance(event, Backward):
            self.last = event
        self.break_watch.check(event)
        if isinstance(event, Step):
            self.context.log.step_ended(self.seed, event, self.flows)
            self.flows = None
            self._log_influence()
            self.context.write_checkpoint_if_due()
        elif isinstance(event, Epoch):
            warnings = self.context.log.epoch_ended(self.seed, event, self.classifier)
            if not self.is_member:
                self.selection.influence_log.end_epoch()
                self.selection.epoch_ended(self.seed, event, self.classifier)
            return warnings
        return []

    def _log_influence(self) -> None:
        """Log the gradient of each review of the last step, scaled as clipping scaled the gradient of the weights."""
        if self.is_member or self.last is None:
            return
        step, log = self.last, self.selection.influence_log
        longest = self.settings.optimizer.clip_norm or np.inf
        factor = min(1.0, longest / max(step.gradient_norm, 1e-30))
        log.start_epoch(self.n, self.per_epoch, step.dz.size // len(step.dz))
        place = (step.step - 1) % self.per_epoch
        log.add_step(place, step.chosen, step.dz * np.float32(factor), step.learning_rate)


def _failed_step(
    context: TrainingContext, classifier: Classifier, seed: int, step: Backward, task: Task, error: TrainingStopped
) -> FailedStep:
    """Describe the step that an error ended, by the positions of its reviews in the training data."""
    reviews = step.chosen
    if task.review is not None:
        reviews = task.review[reviews]
        reviews = reviews[reviews >= 0]
    return FailedStep(classifier, seed, step, reviews, context.data.config, context.data.training, error.tensor)


def _network_started(context: TrainingContext, seed: int, classifier: Classifier, training: Examples) -> NetworkStarted:
    data, settings, refit = context.data, context.data.config.train, context.refit
    member, seeds = (seed - settings.seed) // settings.seeds, settings.seeds if refit is None else 1
    epochs = settings.epochs if refit is None else refit.epochs
    return NetworkStarted(
        run=context.run.path,
        seed=seed,
        training=len(training),
        validation=0 if data.validation is None else len(data.validation),
        features=len(classifier.vocabulary),
        parameters=classifier.parameter_count,
        epochs=epochs,
        steps=epochs * settings.steps_per_epoch(len(training)),
        number=(seed - settings.seed) % seeds * settings.members + member + 1,
        networks=seeds * settings.members,
        then=steps_after_epochs(data.config, data.validation is not None),
    )


def _train_ensemble(context: TrainingContext, seed: int) -> Events:
    """Train several networks and average them, with the classifier that pretraining makes, into one network."""
    config, checkpoints = context.data.config, context.checkpoints
    seeds = [seed + member * config.train.seeds for member in range(config.train.members)]  # none is used twice
    finished = {each: checkpoints.load_member(str(each)) for each in seeds}
    pretrained: list[Classifier] = []
    if config.pretrain.vectors == "reviews":
        task = yield from _review_task(context, seed, pretrained)
    elif config.pretrain.has_word_columns:
        task = yield from _word_task(context, seed, pretrained, None not in finished.values())
    else:
        task = Task(context.data.training, context.data.validation)
    members = context.members = []
    with in_background(_linear_members, context.data, seed) as linear_members:
        for each in seeds:
            member = finished[each]
            if member is None:
                member = yield from _train_member(context, each, task)
            context.classifier = member
            checkpoints.member_finished(str(each), member)
            members.append(member)
        linear = linear_members.result()
    selection = context.refit or context.selection
    if config.pretrain.has_word_columns:
        classifier = distillation.combine(pretrained[0], members)
    else:
        kinds = [kind for kind in (linear, pretrained, members) if kind]
        everyone = [member for kind in kinds for member in kind]
        classifier = fold_classifiers(list(zip(everyone, selection.mixture(kinds), strict=True)))
    if config.text.shifters:
        classifier = with_shifters(classifier)
    selection.ensemble_ended(seed, classifier)
    context.classifier, context.members = classifier, []
    return classifier


def _train_member(context: TrainingContext, seed: int, task: Task) -> Events:
    """Train a network of an ensemble, to its last epoch."""
    member = new_network(context.data, seed, task)
    yield from train_network(context, seed, member, task, is_member=True)
    if task.row is not None:
        distillation.copy_shared_rows(member, task.row)
    if task.columns is not None:
        member = fold_classifiers([(member, 1.0)])  # a single column, if it has no hidden layer
    return member


def _linear_members(data: TrainingData, seed: int) -> list[Classifier]:
    """Return the classifier of train.linear_member, if it is wanted. It takes too little time for a checkpoint."""
    if not data.config.train.linear_member:
        return []
    return [distillation.linear_member(data.config, data.vocabulary, data.training, seed)]


def _review_task(context: TrainingContext, seed: int, pretrained: list[Classifier]) -> Generator[Event, None, Task]:
    """Make the classifier on vectors of n-grams, and say what the networks beside it learn from."""
    data, checkpoints = context.data, context.checkpoints
    name = f"{seed}-pretrained"
    classifier = checkpoints.load_member(name)
    if classifier is None:
        vectors = yield from learn_vectors(context, seed)
        classifier = distillation.review_classifier(data.config, data.vocabulary, data.training, vectors, seed)
    context.classifier = classifier
    checkpoints.member_finished(name, classifier)
    pretrained.append(classifier)
    row = distillation.shared_rows(data.training, data.vocabulary)
    validation = None if data.validation is None else distillation.with_shared_rows(data.validation, row)
    return Task(distillation.with_shared_rows(data.training, row), validation, row=row)


def _word_task(
    context: TrainingContext, seed: int, pretrained: list[Classifier], all_finished: bool
) -> Generator[Event, None, Task]:
    """Make the classifier on columns of words, and the distillation set of its answers that the networks learn from."""
    data, checkpoints = context.data, context.checkpoints
    name, columns = f"{seed}-pretrained", None
    classifier = checkpoints.load_member(name)
    if classifier is None or not all_finished:  # networks that are not finished start from the vectors
        vectors = None
        if data.config.pretrain.vector_columns:
            vectors = yield from learn_vectors(context, seed, is_repeated=classifier is not None)
        if data.lexicon is not None:
            yield Note(str(data.lexicon.coverage(data.training.features, data.vocabulary)))
        columns, classifier = fit_teacher(data, vectors, seed, classifier)
    context.classifier = classifier
    checkpoints.member_finished(name, classifier)
    pretrained.append(classifier)
    if columns is None:
        return Task(data.training, data.validation)
    task = student_task(data, columns, classifier)
    students = counted(data.config.train.members, "network", "learns", "learn")
    if task.answers:
        sentences = counted(task.answers, "sentence")
        yield Note(f"distillation: {students} from a classifier's answers to {sentences}, too")
    return task


def fit_teacher(
    data: TrainingData, vectors: word_vectors.Vectors | None, seed: int, teacher: Classifier | None = None
) -> tuple[Array, Classifier]:
    """Return the columns of words (V, k), and the classifier on them. It is given if it was fitted before."""
    config, vocabulary, training, extra = data.config, data.vocabulary, data.training, data.extra
    columns = distillation.word_columns(config, vocabulary, training, extra, vectors, data.lexicon)
    if teacher is None:
        teacher = distillation.word_classifier(config, vocabulary, training, extra, columns, seed)
    return columns, teacher


def student_task(data: TrainingData, columns: Array, teacher: Classifier) -> Task:
    """Return what a network learns from and starts from beside the classifier on columns of words."""
    examples, review = distillation.distillation_set(data.vocabulary, data.training, data.extra, teacher)
    task = Task(examples, data.validation, review, columns=columns)
    has_start = data.lexicon is not None or not task.answers  # random weights learn too little from few reviews
    return task._replace(teacher=teacher) if has_start else task


def learn_vectors(
    context: TrainingContext, seed: int, is_repeated: bool = False
) -> Generator[Event, None, word_vectors.Vectors]:
    """Return the vectors of a pretraining: those of an earlier one, or new ones.

    With `is_repeated`, they were learned and recorded before the training was interrupted.
    """
    data, checkpoints = context.data, context.checkpoints
    if data.pretrained is not None:
        found = word_vectors.match_vectors(data.pretrained, data.vocabulary)
        is_builtin = data.config.pretrain.vectors_from is None
        path = "built-in vectors" if is_builtin else shown(str(data.config.pretrain.vectors_from))
        known = int(pretraining.occurring(data.extra, len(data.vocabulary))[found.features].sum())
        if not known:
            none = set_option("pretrain.vectors", "none")
            repair = f"they are for English; write {none}" if is_builtin else "pretrain on such data"
            raise DataError(f"{path}: no word or n-gram of the training data has a vector there; {repair}")
        yield Note(f"{path}: {known:,} of its {len(data.pretrained.texts):,} vectors are of features here")
        return found
    kinds = {"reviews": "n-grams by the reviews that share them", "words": "words by their neighbours"}
    more = len(data.extra.unlabelled.offsets) - 1 + (len(data.extra.labelled or ()))
    reviews = f"{len(data.training):,} reviews of the training, {more:,} more"
    yield Note(f"vectors of {kinds[data.config.pretrain.vectors]} ({reviews}) ...")
    done, state = (0, {}) if is_repeated else checkpoints.restore_rounds(seed)
    if done:
        yield Note(f"resumes after round {done}")
    rounds = pretraining.learn_vectors(data.config, data.vocabulary, data.training, data.extra, seed, done, state)
    while True:
        try:
            event, tensors = next(rounds)
        except StopIteration as end:
            return end.value
        if not is_repeated:
            context.log.round_ended(seed, event)
            if event.round < event.rounds:
                checkpoints.round_ended(event.round, tensors, context.selection.state_dict(), context.log.state_dict())
        yield event
