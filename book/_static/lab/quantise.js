// The base in fewer bits: how it travels with the page, and what is trained through (QLoRA).
//
// A matrix is cut into blocks of 64 numbers, in the order in which they lie in memory; each block
// has one scale.  Dettmers et al. 2023, section 3.
'use strict';

lab_parts.quantise = () => {
  const BLOCK = 64;
  // The 16 numbers of NF4: as many normally distributed numbers lie nearest to each.
  // Dettmers et al. 2023, appendix E.
  const LEVELS = Float32Array.of(-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
    -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0, 0.07958029955625534,
    0.16093020141124725, 0.24611230194568634, 0.33791524171829224, 0.44070982933044434,
    0.5626170039176941, 0.7229568362236023, 1);

  // Text in base64 to bytes. A plain loop: several times as fast as Uint8Array.from.
  function bytes_of(base64) {
    const text = atob(base64), bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    return bytes;
  }

  // Text of letters to bytes: first a letter for the upper six bits of each byte, then one for the
  // lower two bits of three bytes each.  As long as base64, but packed it is shorter: most weights
  // are small, so some upper bits are frequent, and base64 hides that by mixing the bytes.
  const LETTERS = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/';

  function bytes_of_letters(text) {
    const six_bits = new Uint8Array(128);
    for (let i = 0; i < 64; i++) six_bits[LETTERS.charCodeAt(i)] = i;
    const count = Math.floor((text.length * 3) / 4), bytes = new Uint8Array(count);
    for (let i = 0; i < count; i++) {
      const low = six_bits[text.charCodeAt(count + Math.floor(i / 3))];
      bytes[i] = (six_bits[text.charCodeAt(i)] << 2) | ((low >> (2 * (i % 3))) & 3);
    }
    return bytes;
  }

  // Half-precision numbers, two bytes each with the lower one first, to Float32Array: exact.
  function from_float16(bytes) {
    const numbers = new Float32Array(bytes.length / 2);
    for (let i = 0; i < numbers.length; i++) {
      const bits = bytes[2 * i] | (bytes[2 * i + 1] << 8);
      const sign = bits >> 15 ? -1 : 1, exponent = (bits >> 10) & 31;
      const fraction = (bits & 1023) / 1024;
      if (exponent === 31) numbers[i] = fraction ? NaN : sign * Infinity;
      else if (exponent) numbers[i] = sign * 2 ** (exponent - 15) * (1 + fraction);
      else numbers[i] = sign * 2 ** -14 * fraction;
    }
    return numbers;
  }

  // `count` whole numbers from -127 to 127, then the half-precision scale of each block: the
  // product is a float32 exactly.
  function from_int8(bytes, count) {
    const scales = from_float16(bytes.subarray(count)), numbers = new Float32Array(count);
    const whole = new Int8Array(bytes.buffer, bytes.byteOffset, count);
    scales.forEach((scale, block) => {
      const end = Math.min(count, (block + 1) * BLOCK);
      for (let i = block * BLOCK; i < end; i++) numbers[i] = whole[i] * scale;
    });
    return numbers;
  }

  // {name: numbers} of the base as it travelled.  arrays: [[name, shape, type], ...], one after the
  // other in the bytes; type: int8, float16 or float32.
  function decode_arrays(arrays, bytes) {
    const found = {};
    let at = 0;
    for (const [name, shape, type] of arrays) {
      const count = shape.reduce((a, b) => a * b, 1);
      const size = { int8: count + 2 * Math.ceil(count / BLOCK), float16: 2 * count,
        float32: 4 * count }[type];
      const part = bytes.slice(at, at + size);
      if (type === 'int8') found[name] = from_int8(part, count);
      else found[name] = type === 'float16' ? from_float16(part) : new Float32Array(part.buffer);
      at += size;
    }
    if (at !== bytes.length) throw new Error(`the base has ${bytes.length} bytes, not ${at}`);
    return found;
  }

  // Numbers as 4 bits hold them: of each block, the nearest of LEVELS times its largest magnitude.
  function through_four_bits(numbers) {
    const out = new Float32Array(numbers.length);
    for (let from = 0; from < numbers.length; from += BLOCK) {
      const block = numbers.subarray(from, from + BLOCK);
      const scale = block.reduce((largest, x) => Math.max(largest, Math.abs(x)), 0);
      block.forEach((x, i) => {
        out[from + i] = scale && scale * LEVELS[nearest_level(x / scale)];
      });
    }
    return out;
  }

  function nearest_level(x) {
    let place = 0;
    while (place < 15 && x > (LEVELS[place] + LEVELS[place + 1]) / 2) place += 1;
    return place;
  }

  // {name: numbers} with the matrices at 4 bits; vectors, such as gammas, stay as they are.
  function in_four_bits(arrays, shapes) {
    return Object.fromEntries(Object.entries(arrays).map(([name, numbers]) =>
      [name, shapes[name].length > 1 ? through_four_bits(numbers) : numbers]));
  }

  return { bytes_of, bytes_of_letters, from_float16, from_int8, decode_arrays, through_four_bits,
    in_four_bits };
};
