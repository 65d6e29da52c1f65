// A text classifier in one file without dependencies, for Node, browsers and workers, exported by sentibp.
//
//     import { predict, explain, tokens, features } from "./model.js";      // the name of this file
//     predict("I love this movie");      // the label, its probability, and more
//     explain("I love this movie");      // the contribution of each word, and the numbers of each layer
//     tokens("I love this movie");       // each token with its place in the text
//     features("I love this movie");     // the numbers of the features that the model knows
//
// At its first use, the file computes the probabilities of the test texts that it holds. It refuses to answer if one of
// them differs from what sentibp computed by more than 0.000001. Places are those of JavaScript: text.slice(start, end).

const TOLERANCE = 1e-6;
const NONE = -1;

/** Return the label of a text, its probability `score`, and what `sentibp predict` writes beside it. */
export function predict(text) {
  const model = checkedModel(), { labels, answer } = model.settings;
  const { ids, count, unknown } = model.encode(valid(text));
  const binary = model.settings.network.head.kind === "sigmoid";
  const each = model.probabilities(ids), number = decide(each, answer, binary);
  const result = { label: labels[number], score: each[number] };
  if (binary) result.positive = each[1];
  else {
    result.probabilities = Object.fromEntries(labels.map((label, k) => [label, each[k]]));
    if (answer.ordered) result.place = sum(each.map((p, k) => p * (k / (each.length - 1))));
    if (answer.numbers) result.expected = sum(each.map((p, k) => p * answer.numbers[k]));
  }
  Object.assign(result, { tokens: count, unknown });
  if (count === unknown) result.note = "no known word";
  return result;
}

/** Return the tokens of a text as { text, start, end }: text.slice(start, end). */
export function tokens(text) {
  return checkedModel().locate(valid(text));
}

/** Return the numbers of the features of a text, which are the input of an ONNX export of the same model. */
export function features(text) {
  return checkedModel().encode(valid(text)).ids;
}

/**
 * Return how the probability comes about: `sums` has for each output of the network its value, the value of an empty
 * text (`bias`), the contribution of each word and n-gram to it, and of each word; `layers` has the numbers of each layer.
 */
export function explain(text) {
  const model = checkedModel();
  return { ...predict(text), ...model.explain(valid(text)) };
}

/** Return what is known of the model: its labels, number of features, layers, and more. */
export function about() {
  const { labels, features, network, sentibp, presence } = checkedModel().settings;
  return { labels, features, network, presence, version: sentibp };
}

let model = null;

function checkedModel() {
  if (model) return model;
  const found = new Model(DATA), { texts, probabilities } = found.settings.checks;
  texts.forEach((text, i) => {
    const each = found.probabilities(found.encode(text).ids);
    if (!each.every((p, k) => Math.abs(p - probabilities[i][k]) <= TOLERANCE)) { // NaN is not close
      throw new Error(`this model is damaged: the test text ${JSON.stringify(text)} has ${each}, `
        + `not ${probabilities[i]}; export again`);
    }
  });
  return (model = found);
}

function valid(text) { // lone surrogates, which UTF-8 cannot encode, become `?`
  if (typeof text !== "string") throw new TypeError(`a text is a string, not ${typeof text}`);
  return text.replace(/[\ud800-\udfff]/gu, "?");
}

const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);

class Model {
  constructor(data) {
    let content;
    try {
      content = inflate(fromBase64(data));
    } catch (error) {
      throw new Error(`this model is damaged (${error.message}); export again`);
    }
    const size = new DataView(content.buffer, content.byteOffset).getUint32(0, true);
    this.settings = JSON.parse(utf8(content.subarray(4, 4 + size)));
    this.arrays = readArrays(this.settings.arrays, content.subarray(4 + size));
    this.text = new Text(this.settings);
    this.vocabulary = new Vocabulary(this.settings, this.arrays);
    this.rows = this.expandedRows();
  }

  /** The rows of the embedding, one after the other. Codes are stored column by column. */
  expandedRows() {
    const { rows, high, palette } = this.arrays, { features: total, network: { dim } } = this.settings;
    if (!palette) return rows;
    const result = new Float32Array(total * dim);
    for (let j = 0, at = 0; j < dim; j++)
      for (let i = 0; i < total; i++, at++) result[i * dim + j] = palette[rows[at] + (high ? 256 * high[at] : 0)];
    return result;
  }

  encode(text) {
    const words = this.text.split(this.text.normalize(text));
    const { found, unknown } = this.vocabulary.encode(words);
    const all = found.map((each) => each.id);
    return { ids: this.settings.presence ? [...new Set(all)] : all, count: words.length, unknown, found, words };
  }

  locate(text) {
    return locate(this.text, text);
  }

  probabilities(ids) {
    if (!ids.length) return [...this.settings.empty];
    const { outputs } = this.forward(this.pooled(ids));
    return HEADS[this.settings.network.head.kind](outputs, this.settings.network.head);
  }

  divisor(count) {
    const { padding, pooling } = this.settings.network, length = Math.max(count + padding, 1);
    return { mean: length, sqrt: Math.sqrt(length), sum: 1 }[pooling];
  }

  pooled(ids) {
    const { dim } = this.settings.network, sums = new Float64Array(dim), rows = this.rows;
    for (const id of ids) for (let j = 0, at = id * dim; j < dim; j++, at++) sums[j] += rows[at];
    const divisor = this.divisor(ids.length);
    return sums.map((value) => value / divisor);
  }

  /** Return the outputs for a pooled vector, and for each layer its input, and the values before and after activation. */
  forward(x) {
    const steps = [];
    for (const layer of this.settings.network.layers) {
      const z = this.linear(layer, x), y = layer.activation ? z.map(ACTIVATIONS[layer.activation].f) : z;
      steps.push({ layer, x, z, y });
      x = layer.residual ? x.map((value, i) => value + y[i]) : y;
    }
    return { outputs: [...x], steps };
  }

  linear(layer, x) {
    const weight = this.arrays[layer.weight], y = Float64Array.from(this.arrays[layer.bias]), m = y.length;
    for (let i = 0; i < x.length; i++) for (let j = 0, at = i * m; j < m; j++, at++) y[j] += x[i] * weight[at];
    return y;
  }

  /** Return the gradient of an output by the pooled vector, from the steps of a forward pass. */
  backward(steps, output) {
    let dy = null;
    for (const { layer, x, y } of [...steps].reverse()) {
      dy ??= Float64Array.from(y, (_, k) => (k === output ? 1 : 0));
      const weight = this.arrays[layer.weight], m = y.length;
      const dz = layer.activation ? dy.map((value, j) => value * ACTIVATIONS[layer.activation].slope(y[j])) : dy;
      const dx = Float64Array.from(x, (_, i) => {
        let total = layer.residual ? dy[i] : 0;
        for (let j = 0; j < m; j++) total += dz[j] * weight[i * m + j];
        return total;
      });
      dy = dx;
    }
    return dy;
  }

  explain(text) {
    const { ids, found, words } = this.encode(text), { dim } = this.settings.network;
    const x = this.pooled(ids), { outputs, steps } = this.forward(x), biases = this.forward(x.map(() => 0)).outputs;
    const gradients = outputs.map((value, output) => this.meanGradient(x, output, value - biases[output]));
    const spans = this.locate(text), divisor = this.divisor(ids.length), times = new Map();
    for (const { id } of found) times.set(id, (times.get(id) ?? 0) + 1);
    const known = words.map(() => false);
    for (const { first, last } of found) if (first === last) known[first] = true;
    const of = (gradient) => found.map(({ id }) => {
      let value = 0;
      for (let j = 0, at = id * dim; j < dim; j++, at++) value += (this.rows[at] / divisor) * gradient[j];
      return this.settings.presence ? value / times.get(id) : value;
    });
    const parts = gradients.map(of), { names, contrasts } = sums(this.settings);
    const { head } = this.settings.network, factor = rate(outputs, head); // it keeps its value for the whole text
    const mixed = (numbers, share) => factor * sum(numbers.map((value, k) => value * share[k]));
    return {
      sums: names.map((name, s) => {
        const share = contrasts ? contrasts[s] : outputs.map((_, k) => (k === s ? 1 : 0));
        const values = found.map((_, i) => mixed(parts.map((part) => part[i]), share));
        return {
          name, value: mixed(outputs, share), bias: mixed(biases, share),
          contributions: found.map((each, i) => ({ ...placeOf(each, spans), contribution: values[i] })),
          words: byWord(spans, found, values).map((contribution, i) => ({ ...spans[i], contribution, known: known[i] })),
        };
      }),
      layers: [{ name: "embedding", values: [...x] },
        ...steps.map(({ layer, x, y }) => ({ name: layer.name, values: [...(layer.residual ? x.map((v, i) => v + y[i]) : y)] })),
        ...(head.temperature ? [{ name: "temperature", values: outputs.map((z) => factor * z) }] : [])],
    };
  }

  /** Return the gradient of an output, averaged over the line from an empty text: integrated gradients. */
  meanGradient(x, output, difference) {
    const at = (t) => this.backward(this.forward(x.map((value) => value * t)).steps, output);
    const mean = (points) => points.reduce((total, [t, weight]) => {
      const gradient = at(t);
      return total.map((value, j) => value + weight * gradient[j]);
    }, x.map(() => 0));
    const isClose = (gradient) =>
      Math.abs(sum([...x].map((value, j) => value * gradient[j])) - difference) <= 1e-9 + 1e-12 * Math.abs(difference);
    if (this.settings.network.layers.every(({ activation }) => !activation || activation === "relu")) {
      const knots = this.kinks(x), pieces = knots.slice(1).map((t, i) => [(t + knots[i]) / 2, t - knots[i]]);
      const gradient = mean(pieces);
      if (isClose(gradient)) return gradient;
    }
    for (let pieces = 1; ; pieces *= 2) {
      const points = Array.from({ length: pieces }, (_, p) => GAUSS.map(([t, w]) => [(p + (t + 1) / 2) / pieces, w / 2 / pieces]));
      const gradient = mean(points.flat());
      if (isClose(gradient) || pieces >= 4096) return gradient;
    }
  }

  /** Return where on the line from 0 to x units with ReLU switch, as numbers from 0 to 1, with both ends. */
  kinks(x) {
    let points = [[0, x.map(() => 0)], [1, x]];
    for (const layer of this.settings.network.layers) {
      let now = points.map(([t, v]) => [t, v, this.linear(layer, v)]);
      if (layer.activation) now = now.flatMap((point, i) => (i ? [...switches(now[i - 1], point), point] : [point]));
      points = now.map(([t, v, z]) => {
        const y = layer.activation ? z.map((value) => Math.max(value, 0)) : z;
        return [t, layer.residual ? y.map((value, j) => value + v[j]) : y];
      });
    }
    return points.map(([t]) => t);
  }
}

function switches([t0, v0, z0], [t1, v1, z1]) { // the points between two where a unit is 0
  const shares = new Set();
  z0.forEach((a, j) => a * z1[j] < 0 && shares.add(a / (a - z1[j])));
  const between = (a, b, share) => a.map((value, j) => value + (b[j] - value) * share);
  return [...shares].sort((a, b) => a - b)
    .map((share) => [t0 + (t1 - t0) * share, between(v0, v1, share), between(z0, z1, share)]);
}

const GAUSS = [[-0.8611363115940526, 0.34785484513745385], [-0.3399810435848563, 0.6521451548625462],
  [0.3399810435848563, 0.6521451548625462], [0.8611363115940526, 0.34785484513745385]];

function sums({ labels, network: { head: { kind } } }) { // the names of the sums, and the share of each output in them
  const k = labels.length;
  if (kind !== "softmax")
    return { names: { sigmoid: ["logit"], scale: ["polarity", "neutrality"], cumulative: ["polarity"] }[kind] };
  return { names: labels, contrasts: labels.map((_, i) => labels.map((_, j) => (i === j ? 1 : -1 / (k - 1)))) };
}

function placeOf({ first, last, affix }, spans) {
  const inside = spans.slice(first, last + 1);
  return { text: affix || inside.map((each) => each.text).join(" "), start: inside[0].start, end: inside.at(-1).end };
}

function byWord(spans, found, values) { // each word has an equal share of the n-grams that contain it
  const total = spans.map(() => 0);
  found.forEach(({ first, last }, i) => {
    for (let at = first; at <= last; at++) total[at] += values[i] / (last + 1 - first);
  });
  return total;
}

// --- from numbers to probabilities

const sigmoid = (z) => (z > -700 ? 1 / (1 + Math.exp(-z)) : Math.exp(Math.max(z, -745)));

const ACTIVATIONS = {
  relu: { f: (x) => Math.max(x, 0), slope: (y) => (y > 0 ? 1 : 0) },
  tanh: { f: Math.tanh, slope: (y) => 1 - y * y },
  sigmoid: { f: sigmoid, slope: (y) => y * (1 - y) },
};

function softmax(logits) {
  const most = Math.max(...logits), e = logits.map((z) => Math.exp(z - most)), total = sum(e);
  return e.map((value) => value / total);
}

const softplus = (z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));

/** Return 1 / T of the adaptive temperature T = (s / r)^a, s being the standard deviation of the outputs; 1 without one. */
function rate(x, { temperature }) {
  if (!temperature) return 1;
  const { power, spread, epsilon } = temperature;
  const mean = sum(x) / x.length, s = Math.sqrt(sum(x.map((z) => (z - mean) ** 2)) / x.length + epsilon);
  return (s / spread) ** -power;
}

const HEADS = {
  sigmoid: ([z]) => [1 - sigmoid(z), sigmoid(z)],
  softmax: (x, head) => softmax(x.map((z) => z * rate(x, head))),
  scale: ([z, u], { shares: [s, q], bias }) => softmax(bias.map((b, k) => s[k] * z + q[k] * u + b)),
  cumulative: ([z], { thresholds, widths }) => softmax(widths.map((width, k) =>
    width - (k ? softplus(thresholds[k - 1] - z) : 0) - (k < thresholds.length ? softplus(z - thresholds[k]) : 0))),
};

function decide(each, { threshold, cost }, binary) { // the number of the most probable label, or what a threshold or costs choose
  if (cost) each = each.map((_, j) => -sum(each.map((p, i) => p * cost[i][j])));
  else if (threshold) {
    if (each[threshold[0]] >= threshold[1]) return threshold[0];
    each = each.map((p, j) => (j === threshold[0] ? -1 : p));
  }
  return binary ? Number(each[1] >= each[0]) : each.indexOf(Math.max(...each)); // of equal ones the second, or the first
}

// --- from a text to tokens

const ENTITY = /&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});/g;
const LINE_BREAK = /<br[\t\n\f\r ]*\/?>/gi;
const TOKENS = [
  /[0-9A-Za-z\u0080-\u{10ffff}]+(?:'[0-9A-Za-z\u0080-\u{10ffff}]+)*|([\x21-\x7e])\1*/gu,
  /[0-9A-Za-z\u0080-\u{10ffff}]+(?:['`][0-9A-Za-z\u0080-\u{10ffff}]+)*|([\x21-\x7e])\1*/gu,
];
const WINDOWS = "€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ"; // of the numbers 128 to 159, as HTML reads them
const ASCII = /^[\x00-\x7f]*$/;

class Text {
  constructor(settings) {
    const tables = settings.characters;
    this.settings = settings.text;
    this.entities = settings.entities;
    this.lower = replacer(this.settings.lowercase ? lowerCase(tables) : new Map());
    this.foldTable = table(tables.fold);
    this.fold = replacer(this.foldTable);
    this.late = replacer(new Map(Object.entries(tables.late).flatMap(([plain, ranges]) =>
      expand(ranges).map((c) => [c, plain]))));
    this.compose = composer(tables);
    this.invisible = new RegExp(this.settings.invisible, "u");
    this.context = this.settings.context.map((pattern) => new RegExp(pattern, "gu"));
    const single = `(?:[\\u{1f1e6}-\\u{1f1ff}]{2}|[${inside(tables.single)}])[${inside(tables.marks)}]*`;
    this.alone = new RegExp(`${single}(?:\u200d${single})*`, "gu");
    this.classes = this.settings.patterns.map(([pattern, mark]) => [new RegExp(pattern, "gu"), mark]);
    this.names = new Map(this.settings.classes.map(([name, mark]) => [mark, `<${name}>`]));
    this.combining = new RegExp(`^[${inside(tables.combining)}]`, "u");
    this.spaces = new Set(expand(tables.spaces));
    this.token = TOKENS[this.settings.folding > 1 ? 1 : 0];
    this.entity = this.entity.bind(this);
  }

  normalize(text) {
    return this.normalizeCharacters(text.replace(ENTITY, this.entity).replace(LINE_BREAK, "\n"), this.classes);
  }

  normalizeCharacters(text, classes) {
    if (!ASCII.test(text)) text = this.unify(text);
    text = this.lower(text);
    for (const [pattern, mark] of classes) text = text.replace(pattern, (_, a, b) => `${a} ${mark} ${b}`);
    return text;
  }

  entity(whole) {
    const name = whole.slice(1, -1);
    if (name[0] !== "#") return Object.hasOwn(this.entities, name) ? this.entities[name] : whole;
    const code = /[xX]/.test(name[1]) ? parseInt(name.slice(2), 16) : parseInt(name.slice(1), 10);
    if (code > 127 && code < 160) return WINDOWS[code - 128];
    if (code === 0 || (code > 0xd7ff && code < 0xe000) || code > 0x10ffff) return "\ufffd";
    const isNothing = code < 9 || code === 11 || (code > 13 && code < 32) || code === 127
      || (code > 0xfdcf && code < 0xfdf0) || (code & 0xfffe) === 0xfffe;
    return isNothing ? "" : String.fromCodePoint(code);
  }

  unify(text) {
    const isOld = this.settings.folding === 1;
    text = this.fold(text);
    if (!isOld && this.invisible.test(text))
      for (const pattern of this.context) text = text.replace(pattern, (_, kept) => kept ?? "");
    text = this.compose(text);
    if (this.settings.lowercase) text = this.compose(this.lower(text));
    if (!isOld && text.includes("i\u0307")) text = this.compose(text.replaceAll("i\u0307", "i"));
    return this.late(text).replace(this.alone, " $& ");
  }

  split(text) {
    return Array.from(text.matchAll(this.token), ([word, mark]) => (mark ? word : word.replaceAll("`", "'")))
      .map((word) => this.names.get(word) ?? word);
  }
}

function table(runs) { // from runs: first code, step, how many, replacement of the first, its growth
  const found = new Map();
  for (const [first, step, count, plain, growth] of runs)
    for (let i = 0; i < count; i++)
      found.set(String.fromCodePoint(first + i * step),
        growth ? String.fromCodePoint(plain.codePointAt(0) + i * growth) : plain);
  return found;
}

function lowerCase(tables) { // of each capital
  const found = table(tables.lower);
  for (let i = 65; i < 91; i++) found.set(String.fromCharCode(i), String.fromCharCode(i + 32));
  return found;
}

function replacer(found) { // a function that replaces each character of a table
  if (!found.size) return (text) => text;
  const pattern = new RegExp(`[${members(found.keys())}]`, "gu");
  return (text) => text.replace(pattern, (c) => found.get(c));
}

function spans(ranges) { // [first, last] of each range; given are gaps and lengths
  const found = [];
  for (let i = 0, code = 0; i < ranges.length; i += 2) {
    code += ranges[i] + ranges[i + 1];
    found.push([code - ranges[i + 1], code - 1]);
  }
  return found;
}

const escaped = (code) => `\\u{${code.toString(16)}}`;
const inside = (ranges) => spans(ranges).map(([first, last]) => `${escaped(first)}-${escaped(last)}`).join("");
const members = (characters) => Array.from(characters, (c) => escaped(c.codePointAt(0))).join("");
const expand = (ranges) => spans(ranges).flatMap(([first, last]) =>
  Array.from({ length: last - first + 1 }, (_, i) => String.fromCodePoint(first + i)));

function composer(tables) { // a function that converts to NFC, with the tables of the training
  const pairs = new Map(), parts = new Map(), classes = new Map(), active = new Set();
  const triples = [...tables.composed];
  for (let i = 0; i < triples.length; i += 3) {
    pairs.set(triples[i] + triples[i + 1], triples[i + 2]);
    parts.set(triples[i + 2], triples[i] + triples[i + 1]);
    active.add(triples[i + 1]);
  }
  for (const line of tables.decomposed.split("\n").slice(0, -1)) {
    const [c, ...rest] = line;
    parts.set(c, rest.join(""));
    active.add(c);
  }
  for (const [number, ranges] of Object.entries(tables.classes))
    for (const c of expand(ranges)) classes.set(c, Number(number)), active.add(c);
  const set = `${members(active)}\\u1161-\\u1175\\u11a8-\\u11c2`; // and the vowels and final consonants of Hangul
  const pattern = new RegExp(`[^${set}]?[${set}]+`, "gu"), of = (c) => classes.get(c) ?? 0;

  function decomposed(c) {
    const code = c.codePointAt(0) - 0xac00;
    if (code >= 0 && code < 11172) {
      const final = code % 28 ? [0x11a7 + (code % 28)] : [];
      return [...String.fromCharCode(0x1100 + Math.floor(code / 588), 0x1161 + Math.floor((code % 588) / 28), ...final)];
    }
    return parts.has(c) ? [...parts.get(c)].flatMap(decomposed) : [c];
  }
  function composed(all) {
    const result = [];
    let starter = NONE, before = 0; // the place of the last letter; the class of the last character after it
    for (const c of all) {
      const number = of(c), mayJoin = starter >= 0 && (result.length - 1 === starter || before < number);
      const joined = mayJoin ? pairs.get(result[starter] + c) ?? hangul(result[starter], c) : null;
      if (joined) result[starter] = joined;
      else {
        result.push(c);
        before = number;
        if (number === 0) starter = result.length - 1;
      }
    }
    return result.join("");
  }
  function normal(text) {
    const groups = [[]]; // a letter and its marks, which are sorted by their class
    for (const c of [...text].flatMap(decomposed)) {
      if (of(c)) groups.at(-1).push(c);
      else groups.push([c]);
    }
    return composed(groups.flatMap((group) => group.sort((a, b) => of(a) - of(b))));
  }
  return (text) => text.replace(pattern, normal);
}

function hangul(first, second) {
  const a = first.codePointAt(0), b = second.codePointAt(0);
  if (a >= 0x1100 && a <= 0x1112 && b >= 0x1161 && b <= 0x1175)
    return String.fromCharCode(0xac00 + (a - 0x1100) * 588 + (b - 0x1161) * 28);
  if (a >= 0xac00 && a < 0xac00 + 11172 && (a - 0xac00) % 28 === 0 && b >= 0x11a8 && b <= 0x11c2)
    return String.fromCharCode(a + b - 0x11a7);
  return null;
}

// --- where the tokens are: each step is applied to characters [content, start, end]

function locate(text, content) {
  const words = text.split(text.normalize(content));
  const marks = new Map(Array.from(text.names, ([mark, name]) => [name, mark]));
  const contents = words.map((word) => marks.get(word) ?? word);
  let pieces = [], at = 0;
  for (const c of content) pieces.push([c, at, (at += c.length)]);
  pieces = replaced(pieces, ENTITY, (match) => text.entity(match[0]));
  pieces = folded(text, replaced(pieces, LINE_BREAK, () => "\n"));
  const same = (characters) =>
    characters.map(([c]) => c).join("").replaceAll("`", "'") === contents.join("").replaceAll("`", "'");
  let characters = normalized(text, pieces, false);
  if (!same(characters)) characters = normalized(text, pieces, true);
  let end = 0;
  return words.map((word, i) => {
    const start = end;
    end += [...contents[i]].length;
    return { text: word, start: characters[start][1], end: characters[end - 1][2] };
  });
}

function folded(text, pieces) {
  if (text.settings.folding === 1) return pieces;
  pieces = joined(text, pieces.flatMap(([content, start, end]) => {
    const plain = [...(text.foldTable.get(content) ?? content)];
    return (plain.length ? plain : [""]).map((c) => [c, start, end]);
  }));
  for (const pattern of text.context) {
    const { units, content } = indexed(pieces), kept = pieces.map(() => true);
    for (const match of content.matchAll(pattern)) {
      const stop = match.index + (match[1]?.length ?? 0), last = match.index + match[0].length;
      const skip = (from, to) => { for (let i = units[from]; i < units[to]; i++) kept[i] = false; };
      skip(stop, last); // a group begins where its match begins
    }
    pieces = joined(text, pieces.map(([c, start, end], i) => [kept[i] ? c : "", start, end]));
  }
  return pieces;
}

function joined(text, pieces) { // without empty pieces, which belong to the character that they follow
  const result = [];
  for (const [content, start, end] of pieces) {
    const last = result.at(-1);
    if (content) result.push([content, start, end]);
    else if (last && last[2] === start && !text.spaces.has(last[0])) last[2] = end;
  }
  return result;
}

function indexed(pieces) { // the content, and for each place in it (in units of UTF-16) the number of the piece
  const units = [];
  pieces.forEach(([c], i) => { for (let k = 0; k < c.length; k++) units.push(i); });
  units.push(pieces.length);
  return { units, content: pieces.map(([c]) => c).join("") };
}

function replaced(pieces, pattern, change, whole = true) { // else what lies between the two groups is replaced
  const { units, content } = indexed(pieces), result = [];
  let done = 0;
  for (const match of content.matchAll(pattern)) {
    const from = match.index + (whole ? 0 : match[1].length);
    const to = match.index + match[0].length - (whole ? 0 : match[2].length);
    const start = units[from], stop = units[to];
    for (; done < start; done++) result.push(pieces[done]);
    for (const c of change(match)) result.push([c, pieces[start][1], pieces[stop - 1][2]]);
    done = stop;
  }
  for (; done < pieces.length; done++) result.push(pieces[done]);
  return result;
}

function normalized(text, pieces, coarse) { // the characters of the normalized text; letters go with their accents
  const groups = [];
  for (const piece of pieces) {
    const before = groups.at(-1)?.at(-1)[0];
    const combines = before !== undefined
      && (coarse ? !text.spaces.has(before) && !text.spaces.has(piece[0]) : text.combining.test(piece[0]));
    if (combines) groups.at(-1).push(piece);
    else groups.push([piece]);
  }
  let characters = [];
  for (const group of groups) {
    const content = [...text.normalizeCharacters(group.map(([c]) => c).join(""), [])];
    const places = content.filter((c) => c !== " ").length === group.length ? group : [];
    let at = 0;
    for (const c of content) {
      const [, start, end] = (c === " " ? null : places[at++]) ?? [c, group[0][1], group.at(-1)[2]];
      characters.push([c, start, end]);
    }
  }
  for (const [pattern, mark] of text.classes) characters = replaced(characters, pattern, () => ` ${mark} `, false);
  return characters.filter(([c]) => c > " " && c !== "\x7f");
}

// --- from tokens to features

class Vocabulary {
  constructor(settings, arrays) {
    this.depth = settings.depth;
    this.words = readWords(arrays.shared, arrays.endings);
    this.number = new Map(this.words.map((word, i) => [word, i]));
    this.feature = [];
    this.readFeatures(settings.levels, varints(arrays.prefixes), varints(arrays.ngrams));
    this.respelled = new Map();
    if (settings.respells)
      for (let i = this.words.length - 1; i >= 0; i--) this.respelled.set(withoutDoubled(this.words[i]), i);
    this.affixes = new Map(this.words.map((word, i) => [word, this.feature[i]])
      .filter(([word]) => word.startsWith("~") !== word.endsWith("~")));
    this.shifters = settings.shifters ? new Shifters(settings) : null;
  }

  readFeatures(levels, prefixes, ngrams) { // n-grams are pairs of a feature and the word that it is extended by
    const m = this.words.length;
    let feature = 0, at = 0;
    this.pairs = new Map();
    for (const [words, count] of levels) {
      for (let i = 0; i < words; i++) this.feature.push(feature++);
      for (let i = at, prefix = 0, word = 0; i < at + count; i++) {
        word = prefixes[i] === 0 && i > at ? word + ngrams[i] : ngrams[i];
        prefix += prefixes[i];
        this.pairs.set(prefix * m + word, feature++);
      }
      at += count;
    }
  }

  /** Return the features in the order in which they end, each with the tokens that it spans, and the unknown words. */
  encode(words) {
    const found = [], m = this.words.length, shifted = this.shifters?.find(words), memory = new Map();
    let unknown = 0, last = Array(this.depth).fill(NONE);
    words.forEach((word, i) => {
      if (!memory.has(word)) memory.set(word, this.ofWord(word));
      const { number, affixes } = memory.get(word);
      const level = [number === NONE ? NONE : this.feature[number]];
      for (let k = 0; k + 1 < this.depth; k++)
        level.push(last[k] === NONE || number === NONE ? NONE : this.pairs.get(last[k] * m + number) ?? NONE);
      level.forEach((id, k) => id !== NONE && found.push({ id, first: i - k, last: i }));
      for (const [affix, id] of affixes) found.push({ id, first: i, last: i, affix });
      if (number === NONE && !affixes.length) unknown++;
      last = level;
      for (const mark of shifted?.[i] ?? []) {
        const affix = mark + this.shifters.words[i], known = this.number.get(affix);
        if (known !== undefined) found.push({ id: this.feature[known], first: i, last: i, affix });
      }
    });
    return { found, unknown };
  }

  ofWord(word) { // the number of a word, or its longest known beginning and ending
    let number = this.number.get(word) ?? NONE;
    const letters = number === NONE ? [...word] : [], affixes = [];
    if (number === NONE && this.respelled.size && letters.length >= 4)
      number = this.respelled.get(withoutDoubled(word)) ?? NONE;
    if (number !== NONE || !this.affixes.size || /^(?:[!-/:-@[-`{-~]+|<[a-z]+>)$/.test(word)) return { number, affixes };
    const first = (size) => `${letters.slice(0, size).join("")}~`, end = (size) => `~${letters.slice(-size).join("")}`;
    for (const [longest, affix] of [[6, first], [5, end]]) {
      for (let size = Math.min(longest, letters.length); size > 1; size--) {
        const id = this.affixes.get(affix(size));
        if (id !== undefined) {
          affixes.push([affix(size), id]);
          break;
        }
      }
    }
    return { number, affixes };
  }
}

const withoutDoubled = (word) => word.replace(/([A-Za-z])\1+/g, "$1");

function readWords(shared, endings) { // of each word: the number of bytes that it shares with the word before, the others
  const words = [], word = new Uint8Array(endings.length + 64);
  let at = 0;
  for (const count of shared) {
    let length = count;
    while (endings[at] !== 10) word[length++] = endings[at++];
    at++;
    words.push(utf8(word.subarray(0, length)));
  }
  return words;
}

function varints(content) { // numbers in bytes of 7 bits, low bits first; the last byte of each is below 128
  const values = [];
  let value = 0, factor = 1;
  for (const byte of content) {
    value += (byte & 127) * factor;
    factor *= 128;
    if (byte < 128) values.push(value), (value = 0), (factor = 1);
  }
  return values;
}

class Shifters { // words that are negated, conceded or boosted: Polanyi & Zaenen 2006, "Contextual valence shifters"
  constructor({ shifters: rules, characters: tables }) {
    this.rules = rules;
    this.punctuation = new RegExp(`^[${inside(tables.punctuation)}]+$`, "u");
    this.lower = replacer(lowerCase(tables));
    this.booster = new RegExp(rules.booster);
    this.sets = Object.fromEntries(Object.entries(rules).filter(([, value]) => Array.isArray(value))
      .map(([key, value]) => [key, new Set(value)]));
    this.pairs = rules.pairs.map((pairs) => new Set(pairs.map((pair) => pair.join(" "))));
  }

  /** Return the marks of each word. */
  find(given) {
    const words = (this.words = given.map((word) => this.lower(word))), [not, ...others] = this.rules.marks;
    const second = this.pairs.map((pairs) => words.map((word, i) => i > 0 && pairs.has(`${words[i - 1]} ${word}`)));
    const isMark = words.map((word) => this.punctuation.test(word));
    const ends = words.map((word, i) => isMark[i] && !this.sets.inside.has(word));
    const negated = this.negated(words, second, ends), conceded = this.conceded(words, second, ends, isMark);
    return words.map((_, i) => {
      const has = [conceded[i], i > 0 && this.boosts(words[i - 1])];
      return negated[i] ? [not] : others.filter((_, k) => has[k]);
    });
  }

  boosts(word) {
    return this.sets.boosters.has(word) || (this.booster.test(word) && !this.sets.noBoosters.has(word));
  }

  negated(words, second, ends) {
    let start = 0, last = NONE, number = 0, opening = 0;
    return words.map((word, i) => {
      const border = (ends[i] || this.sets.conjunctions.has(word)) && !second[0][i];
      const negator = second[0][i] || (this.sets.negators.has(word) && !second[1][i + 1]);
      if (border) start = i;
      const inScope = last >= start && i - last <= this.rules.reach && !border;
      if (negator) number++;
      if (negator && !inScope) opening = number;
      if (negator) last = i;
      return inScope && !negator && (number - opening) % 2 === 0;
    });
  }

  conceded(words, second, ends, isMark) { // what is before `but` in its sentence, or after `although` in its clause
    const stops = words.map((word, i) => isMark[i] && !this.sets.insideSentence.has(word));
    const lastBut = [NONE], adding = new Set();
    const sentence = words.map((word, i) => {
      if (stops[i] && i) lastBut.push(NONE);
      const number = lastBut.length - 1;
      if (word === "but" && !second[3][i] && !second[3][i + 1]) lastBut[number] = i;
      if (second[2][i]) adding.add(number);
      return number;
    });
    let start = 0, opening = NONE;
    return words.map((word, i) => {
      const border = i === 0 || ends[i];
      if (border) start = i;
      if (this.sets.conceding.has(word)) opening = i;
      const beforeBut = !adding.has(sentence[i]) && i < lastBut[sentence[i]] && !stops[i];
      return beforeBut || (start <= opening && opening < i && !border);
    });
  }
}

// --- bytes

function utf8(bytes) {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

function readArrays(shapes, content) { // bytes, or numbers of 4 or 8 bytes, low bytes first
  const found = {};
  let start = 0;
  for (const [name, kind, count] of shapes) {
    const size = { u1: 1, f4: 4, f8: 8 }[kind], piece = content.slice(start, (start += size * count));
    const view = new DataView(piece.buffer);
    if (kind === "u1") found[name] = piece;
    else if (kind === "f4") found[name] = Float32Array.from({ length: count }, (_, i) => view.getFloat32(4 * i, true));
    else found[name] = Float64Array.from({ length: count }, (_, i) => view.getFloat64(8 * i, true));
  }
  return found;
}

function fromBase64(text) {
  const characters = atob(text), bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

/** Return the content of zlib-compressed bytes (RFC 1950 and 1951). Error if they are damaged. */
function inflate(bytes) {
  let out = new Uint8Array(bytes.length * 4), size = 0, at = 2, held = 0, count = 0;
  const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
  const grow = (more) => {
    if (size + more <= out.length) return;
    const larger = new Uint8Array(Math.max(2 * out.length, size + more));
    larger.set(out.subarray(0, size));
    out = larger;
  };
  const bits = (n) => {
    while (count < n) {
      if (at >= bytes.length) throw new Error("it ends early");
      held |= bytes[at++] << count;
      count += 8;
    }
    const value = held & ((1 << n) - 1);
    held >>>= n;
    count -= n;
    return value;
  };
  const code = (lengths) => { // canonical Huffman: how many codes of each length, and their symbols in order
    const counts = new Uint16Array(16), symbols = new Uint16Array(lengths.length);
    for (const length of lengths) counts[length]++;
    counts[0] = 0;
    const starts = new Uint16Array(17);
    for (let i = 1; i < 16; i++) starts[i + 1] = starts[i] + counts[i];
    lengths.forEach((length, symbol) => { if (length) symbols[starts[length]++] = symbol; });
    return { counts, symbols };
  };
  const next = ({ counts, symbols }) => {
    for (let length = 1, value = 0, first = 0, index = 0; length < 16; length++) {
      value |= bits(1);
      if (value - first < counts[length]) return symbols[index + value - first];
      index += counts[length];
      first = (first + counts[length]) << 1;
      value <<= 1;
    }
    throw new Error("a code is unknown");
  };
  const fixed = () => [code(Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8))),
    code(Array(30).fill(5))];
  const dynamic = () => {
    const literals = bits(5) + 257, distances = bits(5) + 1, lengths = Array(19).fill(0), all = [];
    for (let i = 0, n = bits(4) + 4; i < n; i++) lengths[ORDER[i]] = bits(3);
    const first = code(lengths);
    while (all.length < literals + distances) {
      const symbol = next(first);
      if (symbol < 16) all.push(symbol);
      else {
        const [value, times] = symbol === 16 ? [all.at(-1), 3 + bits(2)] : [0, symbol === 17 ? 3 + bits(3) : 11 + bits(7)];
        for (let i = 0; i < times; i++) all.push(value);
      }
    }
    return [code(all.slice(0, literals)), code(all.slice(literals))];
  };
  const copy = ([literal, distance]) => {
    for (let symbol = next(literal); symbol !== 256; symbol = next(literal)) {
      grow(258);
      if (symbol < 256) {
        out[size++] = symbol;
        continue;
      }
      const extra = symbol < 265 || symbol === 285 ? 0 : (symbol - 261) >> 2;
      const length = symbol === 285 ? 258 : symbol < 265 ? symbol - 254 : ((((symbol - 261) & 3) + 4) << extra) + 3 + bits(extra);
      const far = next(distance), more = far < 4 ? 0 : (far - 2) >> 1;
      const back = far < 4 ? far + 1 : ((2 + (far & 1)) << more) + 1 + bits(more);
      if (back > size) throw new Error("it refers to nothing");
      for (let i = 0; i < length; i++, size++) out[size] = out[size - back];
    }
  };
  for (let isLast = 0; !isLast;) {
    isLast = bits(1);
    const kind = bits(2);
    if (kind === 0) {
      held = count = 0; // up to the next byte: no more than 7 bits are held
      const length = bytes[at] | (bytes[at + 1] << 8);
      grow(length);
      out.set(bytes.subarray(at + 4, at + 4 + length), size);
      size += length;
      at += 4 + length;
    } else if (kind === 3) throw new Error("a block is unknown");
    else copy(kind === 1 ? fixed() : dynamic());
  }
  let a = 1, b = 0;
  for (let i = 0; i < size; i++) {
    a += out[i];
    if (a >= 65521) a -= 65521;
    b += a;
    if (b >= 65521) b -= 65521;
  }
  const expected = ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
  if (((b << 16) | a) >>> 0 !== expected) throw new Error("its checksum is wrong");
  return out.subarray(0, size);
}
