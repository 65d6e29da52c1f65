// The ranges and the ticks of the axes of charts.js, and how their numbers are written.
"use strict";

const ticks = (() => {
  const power = (exponent) => `10${[...String(exponent)].map((c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join("")}`;

  function written(value, axis, decimals) {
    if (value === null || value === undefined) return "";
    if (axis.percent) return `${(100 * value).toLocaleString("en", { maximumFractionDigits: decimals ?? 1 })} %`;
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-4 || size >= 1e7)) {
      const exponent = Math.floor(Math.log10(size) + 1e-9), head = value / 10 ** exponent;
      return Math.abs(head - 1) < 1e-6 ? power(exponent) : `${Number(head.toPrecision(3))}·${power(exponent)}`;
    }
    if (decimals === undefined) return Number(value.toPrecision(4)).toLocaleString("en", { maximumFractionDigits: 7 });
    return value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  }

  function tickStep(low, high, count, axis) {
    const rough = (high - low) / Math.max(count, 1), size = 10 ** Math.floor(Math.log10(rough));
    const find = (digits, isGood) => digits.map((k) => k * size).find((each) => each >= rough * 0.999 && isGood(each));
    const meets = (step) => [low, high].every((end) => Math.abs(end / step - Math.round(end / step)) < 1e-9);
    const step = (axis.percent && find([1, 2, 2.5, 5, 10], meets)) || find([1, 2, 5, 10], () => true);
    return axis.whole ? Math.max(Math.round(step), 1) : step;
  }

  function toTicks(low, high, count, axis) { // the range that begins and ends at a tick
    const step = tickStep(low, high, count, axis);
    const ends = [Math.floor(low / step + 1e-9) * step, Math.ceil(high / step - 1e-9) * step];
    return axis.percent ? ends.map((end) => Math.min(Math.max(end, 0), 1)) : ends;
  }

  function linearTicks(low, high, count, axis) {
    const step = tickStep(low, high, count, axis), unit = axis.percent ? 100 * step : step;
    const decimals = Math.max(0, -Math.floor(Math.log10(unit) + 1e-9));
    const found = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) found.push(k * step || 0); // not -0
    return found.map((value) => ({ value, text: written(value, axis, Math.min(decimals, 6)) }));
  }

  function logTicks(low, high, count, axis) { // low and high are logarithms
    const at = (digits) => {
      const found = [];
      for (let k = Math.floor(low); k <= Math.ceil(high); k++) for (const digit of digits) found.push(k + Math.log10(digit));
      return found.filter((k) => k >= low - 1e-9 && k <= high + 1e-9);
    };
    let chosen = at([1]);
    if (chosen.length < 3) chosen = at([1, 3]);
    if (chosen.length < 3) chosen = at([1, 2, 5]);
    if (chosen.length < 3) return linearTicks(10 ** low, 10 ** high, count, axis)
      .filter(({ value }) => value > 0).map(({ value, text }) => ({ value: Math.log10(value), text }));
    const stride = Math.ceil(chosen.length / Math.max(count, 2));
    return chosen.filter((_, i) => i % stride === 0).map((value) => {
      const number = Number((10 ** value).toPrecision(6)), whole = Math.round(value);
      if (high >= 7 && whole >= 3 && Math.abs(value - whole) < 1e-9) return { value, text: power(whole) }; // all alike
      return { value, text: number >= 1e5 || number <= 1e-4 ? written(number, axis) || power(value)
        : number.toLocaleString("en", { maximumFractionDigits: 6 }) };
    });
  }

  const placed = (value, axis) => value === null || (axis.log && value <= 0) ? null : axis.log ? Math.log10(value) : value;

  function range(values, axis, pad = 0) {
    if (axis.range) return axis.range.map((end) => placed(end, axis));
    const known = values.map((value) => placed(value, axis)).filter((value) => value !== null);
    let low = Math.min(...known), high = Math.max(...known);
    if (!known.length) [low, high] = [0, 1];
    if (low === high) [low, high] = [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];
    const room = (high - low) * pad;
    return [axis.zero && !axis.log ? 0 : low - room, high + room];
  }

  return { written, toTicks, linearTicks, logTicks, placed, range };
})();
