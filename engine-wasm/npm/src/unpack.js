// The module is stored compressed by LZMA, a fifth smaller than gzip makes it; this unpacks it, at some 20 MB a second.
// The format is that of .lzma files (LZMA specification, Igor Pavlov, 2015): properties, size of the dictionary, size of the content, data.

const KINDS = 12;
/** Probabilities of a tree of so many bits, all at one half. */
const half = (length) => new Uint16Array(length).fill(1024);

/** Lengths of matches: short, middle and long ones. */
const lengths = () => ({ choice: half(2), low: Array.from({ length: 16 }, () => half(8)), mid: Array.from({ length: 16 }, () => half(8)), high: half(256) });

/** The content of a `.lzma` file whose size its header tells. */
export function unpack(packed) {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  let properties = packed[0];
  const lc = properties % 9;
  properties = (properties / 9) | 0;
  const lp = properties % 5;
  const pb = (properties / 5) | 0;
  const size = view.getUint32(5, true);
  if (packed.length < 18 || pb > 4 || view.getUint32(9, true) !== 0) throw new Error("the engine's module is damaged: no LZMA header");
  const out = new Uint8Array(size);

  let at = 18;
  // Range and code, in an array since numbers beyond 30 bits would otherwise be boxed each time.
  const coder = new Uint32Array([0xffffffff, view.getUint32(14)]);
  /** One bit, by a probability that learns from it. */
  const bit = (probabilities, index) => {
    const probability = probabilities[index];
    let range = coder[0];
    let code = coder[1];
    const bound = (range >>> 11) * probability;
    let result = 0;
    if (code < bound) {
      range = bound;
      probabilities[index] = probability + ((2048 - probability) >> 5);
    } else {
      range -= bound;
      code -= bound;
      probabilities[index] = probability - (probability >> 5);
      result = 1;
    }
    if (range < 0x1000000) {
      range <<= 8;
      code = (code << 8) | packed[at++];
    }
    coder[0] = range;
    coder[1] = code;
    return result;
  };
  const tree = (probabilities, bits) => {
    let node = 1;
    for (let i = 0; i < bits; i++) node = (node << 1) | bit(probabilities, node);
    return node - (1 << bits);
  };
  const reversed = (probabilities, offset, bits) => {
    let node = 1;
    let value = 0;
    for (let i = 0; i < bits; i++) {
      const next = bit(probabilities, offset + node);
      node = (node << 1) | next;
      value |= next << i;
    }
    return value;
  };
  const direct = (bits) => {
    let value = 0;
    for (let i = 0; i < bits; i++) {
      const half = coder[0] >>> 1;
      const one = coder[1] >= half ? 1 : 0;
      if (one) coder[1] -= half;
      coder[0] = half;
      if (half < 0x1000000) {
        coder[0] = half << 8;
        coder[1] = (coder[1] << 8) | packed[at++];
      }
      value = (value << 1) | one;
    }
    return value >>> 0;
  };
  const length = (model, place) => {
    if (!bit(model.choice, 0)) return tree(model.low[place], 3);
    if (!bit(model.choice, 1)) return 8 + tree(model.mid[place], 3);
    return 16 + tree(model.high, 8);
  };

  const literals = half(0x300 << (lc + lp));
  const isMatch = half(KINDS << 4);
  const isRep = half(KINDS);
  const isRep0 = half(KINDS);
  const isRep1 = half(KINDS);
  const isRep2 = half(KINDS);
  const isRep0Long = half(KINDS << 4);
  const slots = Array.from({ length: 4 }, () => half(64));
  const special = half(128);
  const align = half(16);
  const [matchLengths, repLengths] = [lengths(), lengths()];
  let [state, rep0, rep1, rep2, rep3] = [0, 0, 0, 0, 0];

  for (let done = 0; done < size; ) {
    const place = done & ((1 << pb) - 1);
    if (!bit(isMatch, (state << 4) + place)) {
      const before = done > 0 ? out[done - 1] : 0;
      const base = 0x300 * (((done & ((1 << lp) - 1)) << lc) + (before >> (8 - lc)));
      let symbol = 1;
      if (state >= 7) {
        let match = out[done - rep0 - 1];
        do {
          const expected = (match >> 7) & 1;
          match <<= 1;
          const found = bit(literals, base + ((1 + expected) << 8) + symbol);
          symbol = (symbol << 1) | found;
          if (expected !== found) break;
        } while (symbol < 0x100);
      }
      while (symbol < 0x100) symbol = (symbol << 1) | bit(literals, base + symbol);
      out[done++] = symbol;
      state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
      continue;
    }
    let count;
    if (bit(isRep, state)) {
      if (!bit(isRep0, state)) {
        if (!bit(isRep0Long, (state << 4) + place)) {
          state = state < 7 ? 9 : 11;
          out[done] = out[done - rep0 - 1];
          done++;
          continue;
        }
      } else {
        let distance;
        if (!bit(isRep1, state)) distance = rep1;
        else {
          if (!bit(isRep2, state)) distance = rep2;
          else {
            distance = rep3;
            rep3 = rep2;
          }
          rep2 = rep1;
        }
        rep1 = rep0;
        rep0 = distance;
      }
      count = length(repLengths, place);
      state = state < 7 ? 8 : 11;
    } else {
      [rep3, rep2, rep1] = [rep2, rep1, rep0];
      count = length(matchLengths, place);
      state = state < 7 ? 7 : 10;
      const slot = tree(slots[Math.min(count, 3)], 6);
      rep0 = slot;
      if (slot >= 4) {
        const bits = (slot >> 1) - 1;
        rep0 = (2 | (slot & 1)) << bits;
        if (slot < 14) rep0 += reversed(special, rep0 - slot, bits);
        else rep0 += direct(bits - 4) * 16 + reversed(align, 0, 4);
      }
    }
    if (rep0 >= done) throw new Error("the engine's module is damaged: a match before its beginning");
    const end = Math.min(done + count + 2, size);
    for (let from = done - rep0 - 1; done < end; ) out[done++] = out[from++];
  }
  if (at > packed.length) throw new Error("the engine's module is damaged: it ends too early");
  return out;
}
