// Adapters as a file that other programs read: safetensors, as lib/interchange/safetensors.py.
//
// Eight bytes say how long the header is; the header is JSON, {name: {dtype, shape, data_offsets}}
// and some texts under __metadata__; then the numbers follow, the lowest byte first.
'use strict';

lab_parts.safetensors = () => {
  const METADATA = '__metadata__', LONGEST = 10_000_000; // bytes of a header

  // {name: {shape, numbers}} and {key: text} to bytes.
  function write_safetensors(arrays, metadata = {}) {
    const header = { [METADATA]: metadata };
    let end = 0;
    for (const [name, { shape, numbers }] of Object.entries(arrays)) {
      header[name] = { dtype: 'F32', shape, data_offsets: [end, end += 4 * numbers.length] };
    }
    const text = new TextEncoder().encode(JSON.stringify(header));
    const start = 8 + Math.ceil(text.length / 8) * 8; // spaces fill up, so that numbers lie evenly
    const bytes = new Uint8Array(start + end).fill(0x20, 8, start);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, BigInt(start - 8), true);
    bytes.set(text, 8);
    for (const [name, { numbers }] of Object.entries(arrays)) {
      const at = start + header[name].data_offsets[0];
      numbers.forEach((x, i) => view.setFloat32(at + 4 * i, x, true));
    }
    return bytes;
  }

  // Bytes to {arrays: {name: {shape, numbers}}, metadata}; refuses what is not whole.
  function read_safetensors(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const length = bytes.length >= 8 ? Number(view.getBigUint64(0, true)) : -1;
    if (length < 2 || length > LONGEST || 8 + length > bytes.length) {
      throw refusal(`its ${bytes.length} bytes hold no header`);
    }
    const { [METADATA]: metadata = {}, ...entries } = header_of(bytes.subarray(8, 8 + length));
    const arrays = {}, spans = [];
    for (const [name, entry] of Object.entries(entries)) {
      const [from, to] = span_of(name, entry, bytes.length - 8 - length);
      const numbers = new Float32Array((to - from) / 4);
      for (let i = 0; i < numbers.length; i++) {
        numbers[i] = view.getFloat32(8 + length + from + 4 * i, true);
      }
      arrays[name] = { shape: entry.shape, numbers };
      spans.push([from, to]);
    }
    check_spans(spans, bytes.length - 8 - length);
    return { arrays, metadata };
  }

  const refusal = (why) => new Error(`this is no whole safetensors file: ${why}`);

  function header_of(bytes) {
    try {
      const header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
      if (header && typeof header === 'object' && !Array.isArray(header)) return header;
    } catch { /* refused below */ }
    throw refusal('its header is no JSON object');
  }

  // Where the numbers of one array lie; its shape and its place must agree.
  function span_of(name, entry, size) {
    const { dtype, shape, data_offsets: span } = entry || {};
    if (dtype !== 'F32') throw refusal(`${name} has dtype ${dtype}, it must be F32`);
    const whole = (list) => Array.isArray(list)
      && list.every((x) => Number.isSafeInteger(x) && x >= 0);
    if (!whole(shape) || !whole(span) || span.length !== 2) {
      throw refusal(`${name} has no shape or place`);
    }
    const count = shape.reduce((a, b) => a * b, 1);
    if (span[1] - span[0] !== 4 * count || span[1] > size) {
      throw refusal(`${name} of shape (${shape.join(', ')}) does not fit its place ` +
        span.join(' to '));
    }
    return span;
  }

  // The arrays must fill the file: one after the other, nothing twice, nothing left over.
  function check_spans(spans, size) {
    let end = 0;
    for (const [from, to] of spans.sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
      if (from !== end) throw refusal(`nothing or two arrays lie at byte ${Math.min(from, end)}`);
      end = to;
    }
    if (end !== size) throw refusal(`it has ${size} bytes of numbers, its header tells of ${end}`);
  }

  return { write_safetensors, read_safetensors };
};
