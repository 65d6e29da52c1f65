// Reads the data of a page, which render.packed_data compressed with bzip2 and wrote in base 85: unpacked(text).
// Browsers unpack DEFLATE themselves, but bzip2 makes the texts of reviews a fifth smaller, and has one output for an input.
"use strict";

const unpacked = (() => {
  const LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;,=>?@^_`{|}~";
  const BLOCK = 0x314159265359, MOST = 900_000; // what begins a block, and its bytes before runs are written out
  const GROUP = 50, LONGEST = 20; // symbols with one code, bits of the longest code

  function bytesOf(text) { // each 5 letters are 4 bytes
    const groups = Math.ceil(text.length / 5), made = new DataView(new ArrayBuffer(4 * groups));
    const padded = text.padEnd(5 * groups, "~"), values = new Map([...LETTERS].map((letter, i) => [letter, i]));
    for (let i = 0; i < groups; i++) {
      let number = 0;
      for (const letter of padded.slice(5 * i, 5 * i + 5)) number = 85 * number + values.get(letter);
      made.setUint32(4 * i, number);
    }
    return new Uint8Array(made.buffer, 0, Math.floor((4 * text.length) / 5));
  }

  function reader(packed) {
    let at = 0;
    const bit = () => {
      if (at >= 8 * packed.length) throw new Error("it ends too early");
      return (packed[at >> 3] >> (7 - (at++ & 7))) & 1;
    };
    const bits = (count) => {
      let number = 0;
      while (count--) number = 2 * number + bit();
      return number;
    };
    return { bit, bits };
  }

  const flags = (number) => [...Array(16).keys()].filter((i) => (number >> (15 - i)) & 1);
  const moveToFront = (list, place) => {
    const moved = list[place];
    list.copyWithin(1, 0, place);
    return list[0] = moved;
  };

  function readCode({ bit, bits }, symbols) { // canonical Huffman codes, by their bits with a 1 before them
    let length = bits(5), code = 0;
    const lengths = Array.from({ length: symbols }, () => {
      while (bit()) length += bit() ? -1 : 1;
      return length;
    });
    const found = new Map();
    for (let k = 1; k <= LONGEST; k++) {
      code *= 2;
      lengths.forEach((each, symbol) => each === k && found.set(2 ** k + code++, symbol));
    }
    return found;
  }

  function readBlock(from) { // the last column of the sorted rotations of the text
    const { bit, bits } = from;
    const bytes = Uint8Array.from(flags(bits(16)).flatMap((i) => flags(bits(16)).map((k) => 16 * i + k)));
    const codes = [...Array(bits(3)).keys()], recent = Uint8Array.from(codes), end = bytes.length + 1;
    const chosen = Array.from({ length: bits(15) }, () => {
      let place = 0;
      while (bit()) place++;
      return moveToFront(recent, place);
    });
    for (const i of codes) codes[i] = readCode(from, end + 1);
    const block = new Uint8Array(MOST);
    let size = 0, run = 0, weight = 1; // a run is a number in bijective base 2
    for (let k = 0; ; k++) {
      const code = codes[chosen[Math.floor(k / GROUP)]];
      let symbol = 1;
      do symbol = 2 * symbol + bit(); while (!code.has(symbol));
      symbol = code.get(symbol);
      if (symbol < 2) {
        run += (symbol + 1) * weight;
        weight *= 2;
        continue;
      }
      block.fill(bytes[0], size, size + run);
      size += run;
      [run, weight] = [0, 1];
      if (symbol === end) return block.subarray(0, size);
      block[size++] = moveToFront(bytes, symbol - 1);
    }
  }

  function write(made, block, start) { // undo the sorting, and the runs: after 4 equal bytes stands how many follow
    const places = new Uint32Array(257), next = new Uint32Array(block.length);
    for (const byte of block) places[byte + 1]++;
    for (let byte = 1; byte < 257; byte++) places[byte] += places[byte - 1];
    block.forEach((byte, i) => (next[places[byte]++] = i));
    let same = 0, last = -1;
    for (let i = 0, place = next[start]; i < block.length; i++, place = next[place]) {
      const byte = block[place];
      if (same === 4) {
        for (let k = 0; k < byte; k++) made.push(last);
        [same, last] = [0, -1];
      } else {
        same = byte === last ? same + 1 : 1;
        made.push(last = byte);
      }
    }
  }

  return (text) => {
    const from = reader(bytesOf(text)), made = [];
    from.bits(32); // "BZh9"
    while (from.bits(48) === BLOCK) {
      from.bits(33); // its checksum, and a bit that nobody uses
      const start = from.bits(24);
      write(made, readBlock(from), start);
    }
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(made)));
  };
})();
