"""The formulas of more than two labels, with the numbers of one traced step: the head, softmax, and the loss.

Labels have the numbers 1 to K in formulas. Of many labels the first are shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from sentibp.inspection.trace import LayerTrace, Outcome, Trace, source_of
from sentibp.inspection.worksheet import Formula, Line, Number, Table, join_terms, number, parenthesized
from sentibp.nn.heads import AdaptiveTemperature, Cumulative
from sentibp.nn.layers import Array, softmax
from sentibp.nn.losses import CLASS_LOSSES

_LABELS = 8  # the least number of labels that are shown


def _shown(trace: Trace, dims: int) -> int:
    return min(max(dims, _LABELS), len(trace.labels))


def _target(trace: Trace) -> int:
    return trace.labels.index(trace.label)


def _sum(terms: Sequence[str], shown: int) -> str:
    return join_terms([*terms[:shown], *(["..."] if len(terms) > shown else [])])


def _row(name: str, values: Sequence[float]) -> tuple[str, list[float | str]]:
    return name, list(values)


def _columns(n: int) -> list[str]:
    return ["", *(f"[{k + 1}]" for k in range(n))]


# --- softmax and the loss


def loss_lines(trace: Trace, outcome: Outcome, dims: int) -> list[Line]:
    """Return the lines from the logits to the probabilities and the loss."""
    shown, y = _shown(trace, dims), _target(trace)
    names = [f"{k + 1} is {name}" for k, name in enumerate(trace.labels[:shown]) if name != str(k + 1)]
    meaning = "p_k is the probability of label k" + "".join(
        f"{', ' if i else ': '}{name}" for i, name in enumerate(names)
    )
    symbols = {
        "cross_entropy": "L = -log p_y = log(e^l_1 + ... + e^l_K) - l_y",
        "squared_error": "L = sum over k of (p_k - t_k)^2, with t_y = 1 and all other t_k = 0",
    }
    return [
        Formula("p_k = e^l_k / (e^l_1 + ... + e^l_K)", source_of(softmax)),
        *(_probability(outcome, k, shown) for k in range(shown)),
        *(() if y < shown else (_probability(outcome, y, shown),)),
        f"{meaning}; the review is {trace.label}: y = {y + 1}",
        Formula(symbols[trace.loss], source_of(CLASS_LOSSES[trace.loss])),
        _loss(trace, outcome, shown),
    ]


def _probability(outcome: Outcome, k: int, shown: int) -> Number:
    powers = [f"e^{parenthesized(number(logit))}" for logit in outcome.logits]
    return Number(f"p[{k + 1}]", f"{powers[k]} / ({_sum(powers, shown)})", outcome.probabilities[k])


def _loss(trace: Trace, outcome: Outcome, shown: int) -> Number:
    y, p = _target(trace), [number(each) for each in outcome.probabilities]
    if trace.loss == "cross_entropy":
        return Number("L", f"-log({p[y]})", outcome.loss)
    return Number(
        "L", _sum([f"({each} - 1)^2" if k == y else f"{each}^2" for k, each in enumerate(p)], shown), outcome.loss
    )


def gradient_lines(trace: Trace, outcome: Outcome, dims: int) -> list[Line]:
    """Return the lines of the derivative of the loss by the logits."""
    shown, y, source = _shown(trace, dims), _target(trace), source_of(CLASS_LOSSES[trace.loss])
    p, dl = outcome.probabilities, np.atleast_1d(trace.dz).tolist()
    if trace.loss == "cross_entropy":
        return [
            Formula("dl_k = p_k - t_k, with t_y = 1 and all other t_k = 0", source),
            *(Number(f"dl[{k + 1}]", f"{number(p[k])} - {int(k == y)}", dl[k]) for k in range(shown)),
        ]
    steps = [f"2 * ({number(each)} - {int(k == y)})" for k, each in enumerate(p)]
    mean = sum(2 * each * (each - (k == y)) for k, each in enumerate(p))
    return [
        Formula("dp_k = 2 (p_k - t_k);  m = sum over k of p_k dp_k;  dl_k = p_k (dp_k - m)", source),
        Number("m", _sum([f"{number(each)} * {step}" for each, step in zip(p, steps, strict=True)], shown), mean),
        *(
            Number(f"dl[{k + 1}]", f"{number(p[k])} * ({steps[k]} - {parenthesized(number(mean))})", dl[k])
            for k in range(shown)
        ),
    ]


def after_lines(trace: Trace, dims: int) -> Iterator[Line]:
    """Yield the lines of the prediction after the steps."""
    after, y, shown = trace.outcomes[-1], _target(trace), _shown(trace, dims)
    steps = len(trace.outcomes) - 1
    if steps == 1:
        yield _probability(after, y, shown)
        yield _loss(trace, after, shown)
    names = ["before", "after"] if steps == 1 else [str(i) for i in range(steps + 1)]
    rows = [
        (name, [*outcome.probabilities[:shown], outcome.loss])
        for name, outcome in zip(names, trace.outcomes, strict=True)
    ]
    yield Table(["step" if steps > 1 else "", *(f"p[{k + 1}]" for k in range(shown)), "L"], rows, computed=True)


# --- the scale


def scale_forward(traced: LayerTrace, trace: Trace, dims: int) -> list[Line]:
    """Return the lines from polarity and neutrality to the logits."""
    shown, (s, q), c = _shown(trace, dims), traced.layer.shares, _scale_bias(traced)  # type: ignore[attr-defined]
    (z, u), has_bias = traced.x[0].tolist(), c is not None
    rows = [_row("s", s[:shown].tolist()), _row("q", q[:shown].tolist())]
    if c is not None:
        rows.append(_row("c", c[:shown].tolist()))
    lines: list[Line] = [
        Table(_columns(shown), rows),
        "z is the polarity and u the neutrality. s_k is the place of label k on the scale from 0 to 1, and "
        "q_k = 2 s_k (1 - s_k) is largest in the middle.",
        Formula("l_k = s_k z + q_k u" + " + c_k" * has_bias, traced.forward_source),
    ]
    for k in range(shown):
        terms = [f"{number(s[k])}*{number(z)}", f"{number(q[k])}*{number(u)}"]
        terms += [number(c[k])] if c is not None else []
        lines.append(Number(f"l[{k + 1}]", join_terms(terms), float(traced.y[0, k])))
    return lines


def _scale_bias(traced: LayerTrace) -> Array | None:
    """Return the bias of each label (K,), which is 0 at both ends; None if the layer has none."""
    return np.pad(traced.before["bias"], 1) if "bias" in traced.before else None


def scale_backward(traced: LayerTrace, trace: Trace, dims: int) -> list[Line]:
    """Return the lines from the derivatives of the logits to those of polarity and neutrality."""
    shown, y, shares = _shown(trace, dims), _target(trace), traced.layer.shares  # type: ignore[attr-defined]
    lines: list[Line] = []
    if trace.loss == "cross_entropy":
        values = trace.outcomes[0].probabilities
        lines += [
            Formula("dz = E[s] - s_y,  du = E[q] - q_y", traced.backward_source),
            "E[s] is the sum over k of p_k s_k, the expected place of the review: dz is how far it is from the label.",
        ]
    else:
        values = traced.dy[0].tolist()
        lines.append(Formula("dz = sum over k of s_k dl_k,  du = sum over k of q_k dl_k", traced.backward_source))
    for name, share, derivative in zip(("dz", "du"), shares, traced.dx[0].tolist(), strict=True):
        terms = [f"{number(a)}*{number(b)}" for a, b in zip(share, values, strict=True)]
        minus = f" - {number(share[y])}" if trace.loss == "cross_entropy" else ""
        lines.append(Number(name, _sum(terms, shown) + minus, derivative))
    if "bias" in traced.before:
        lines.append(Formula("dc_k = dl_k, but for both ends, where c is 0", traced.backward_source))
        dc = np.pad(traced.grads["bias"], 1)[:shown].tolist()
        lines.append(Table(_columns(shown), [_row("dc", dc)], computed=True))
    return lines


# --- the adaptive temperature


def _temperature(traced: LayerTrace) -> tuple[AdaptiveTemperature, list[float], float, float]:
    """Return the layer before the update, and of the review: the deviations c_k of its z from their mean, s, and T."""
    layer = AdaptiveTemperature(traced.before["power"], traced.layer.buffers["spread"])
    (c, s), rate = layer.deviations(traced.x), layer.rate(traced.x)
    return layer, c[0].tolist(), float(s[0, 0]), 1 / float(rate[0, 0])


def temperature_forward(traced: LayerTrace, trace: Trace, dims: int) -> list[Line]:
    """Return the lines from the outputs of the last linear layer to the logits."""
    shown, z = _shown(trace, dims), [number(each) for each in traced.x[0].tolist()]
    layer, c, s, t = _temperature(traced)
    power, usual = number(layer.params["power"][0]), number(layer.buffers["spread"][0])
    squares, source = [f"{parenthesized(number(each))}^2" for each in c], source_of(AdaptiveTemperature.deviations)
    return [
        "The numbers z of a text grow faster than how sure its answer should be, so they are divided by a temperature. "
        "s is their standard deviation, and r that of a usual text.",
        Formula("m = (z_1 + ... + z_K) / K;  c_k = z_k - m", source),
        Number("m", f"({_sum(z, shown)}) / {len(z)}", float(traced.x[0].mean())),
        Table(_columns(shown), [_row("c", c[:shown])], computed=True),
        Formula(f"s = sqrt((c_1^2 + ... + c_K^2) / K + {layer.EPSILON:g})", source),
        Number("s", f"sqrt(({_sum(squares, shown)}) / {len(z)} + {layer.EPSILON:g})", s),
        Formula(f"T = (s / r)^a, with r = {usual} and a = {power}", source_of(AdaptiveTemperature.rate)),
        Number("T", f"({number(s)} / {usual})^{power}", t),
        Formula("l_k = z_k / T", traced.forward_source),
        *(Number(f"l[{k + 1}]", f"{z[k]} / {number(t)}", float(traced.y[0, k])) for k in range(shown)),
    ]


def temperature_backward(traced: LayerTrace, trace: Trace, dims: int) -> list[Line]:
    """Return the lines from the derivatives of the logits to those of the outputs of the last linear layer."""
    shown, z, dl = _shown(trace, dims), traced.x[0].tolist(), traced.dy[0].tolist()
    layer, c, s, t = _temperature(traced)
    power, usual = number(layer.params["power"][0]), number(layer.buffers["spread"][0])
    g, da = float(np.dot(z, dl)), float(traced.grads["power"][0])
    products = [f"{number(a)}*{number(b)}" for a, b in zip(dl, z, strict=True)]
    lines: list[Line] = [
        "Each z moves its own logit, and with s the temperature of all.",
        Formula("g = sum over k of dl_k z_k", traced.backward_source),
        Number("g", _sum(products, shown), g),
        Formula("dz_k = (dl_k - a g c_k / (K s^2)) / T", source_of(AdaptiveTemperature.input_gradient)),
    ]
    for k in range(shown):
        share = f"{power} * {parenthesized(number(g))} * {parenthesized(number(c[k]))} / ({len(z)} * {number(s)}^2)"
        lines.append(Number(f"dz[{k + 1}]", f"({number(dl[k])} - {share}) / {number(t)}", float(traced.dx[0, k])))
    return [
        *lines,
        Formula("da = -log(s / r) g / T", traced.backward_source),
        Number("da", f"-log({number(s)} / {usual}) * {parenthesized(number(g))} / {number(t)}", da),
    ]


# --- proportional odds


def cumulative_forward(traced: LayerTrace, trace: Trace, dims: int) -> list[Line]:
    """Return the lines from the output to the log-probabilities."""
    assert isinstance(traced.layer, Cumulative)
    shown, z = _shown(trace, dims), number(traced.x[0, 0])
    gaps, theta = traced.before["gaps"], _thresholds(traced)
    below = [number(each) for each in theta]
    lines: list[Line] = [
        Table(_columns(min(shown, len(gaps))), [_row("g", gaps[:shown].tolist())]),
        "e^g are the distances between the thresholds theta_1 to theta_(K-1), which cut the line into K labels.",
        Formula("theta = 0, e^g_1, e^g_1 + e^g_2, ..., minus their median", source_of(Cumulative.thresholds)),
        Table(_columns(min(shown, len(theta))), [_row("theta", theta[:shown].tolist())], computed=True),
        Formula("l_k = log(sigma(z - theta_(k-1)) - sigma(z - theta_k))", traced.forward_source),
        "sigma(x) = 1 / (1 + e^-x); theta_0 is -infinity and theta_K infinity. l_k is the logarithm of a probability.",
    ]
    for k in range(shown):
        above = _sigma(z, below[k - 1]) if k else "1"
        beyond = f" - {_sigma(z, below[k])}" if k < len(theta) else ""
        lines.append(Number(f"l[{k + 1}]", f"log({above}{beyond})", float(traced.y[0, k])))
    return lines


def _thresholds(traced: LayerTrace) -> Array:
    """Return the thresholds before the update (K - 1,)."""
    return Cumulative(traced.before["gaps"]).thresholds()


def _sigma(z: str, theta: str, sign: str = "-") -> str:
    return f"1 / (1 + e^{sign}({z} - {parenthesized(theta)}))"


def cumulative_backward(traced: LayerTrace, trace: Trace, dims: int) -> list[Line]:
    """Return the lines from the derivatives of the log-probabilities to those of the output and the distances."""
    shown, y, z = _shown(trace, dims), _target(trace), number(traced.x[0, 0])
    below = [number(each) for each in _thresholds(traced)]
    lines: list[Line] = []
    if trace.loss == "cross_entropy":
        lines.append(Formula("dz = sigma(z - theta_(y-1)) + sigma(z - theta_y) - 1", traced.backward_source))
        terms = [_sigma(z, below[y - 1]) if y else "1", _sigma(z, below[y]) if y < len(below) else "0", "-1"]
    else:
        formula = "dz = sum over j of dl_(j+1) sigma(theta_j - z) - dl_j sigma(z - theta_j)"
        lines.append(Formula(formula, traced.backward_source))
        dl = [number(each) for each in traced.dy[0].tolist()]
        terms = [
            term
            for j, theta in enumerate(below)
            for term in (f"{dl[j + 1]} * {_sigma(z, theta, '')}", f"-1 * {dl[j]} * {_sigma(z, theta)}")
        ]
    dg = traced.grads["gaps"][:shown].tolist()
    return [
        *lines,
        Number("dz", _sum(terms, max(2 * shown, 3)), float(traced.dx[0, 0])),
        Formula("dg_j = e^g_j * the sum of d theta above it, and of its share in the median", traced.backward_source),
        Table(_columns(len(dg)), [_row("dg", dg)], computed=True),
    ]
