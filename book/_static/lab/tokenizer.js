// Byte-pair encoding on bytes: any text to whole numbers and back, as lib/tokenizer.py.
'use strict';

lab_parts.tokenizer = () => {
  const EOS = '<eos>', BYTES = 256;

  // Words, single digits and runs of punctuation take one space before them along; any other space
  // stands alone.  Merges never cross a piece's edge.
  const PIECES = / ?[A-Za-z]+| ?[0-9]| ?[^A-Za-z0-9 \n\r\t]+|[ \n\r\t]/gu;

  // Ids 0 to 255 are the bytes, then one id a merge, last the end of a text, <eos>.
  // merges: [[left, right], ...], pairs of ids in the order learnt.  Sennrich et al. 2016.
  class BPETokenizer {
    constructor(merges) {
      this.merges = merges;
      this.pieces = Array.from({ length: BYTES }, (_, value) => [value]);
      this.new_id = new Map();
      for (const [left, right] of merges) {
        this.new_id.set(this.key(left, right), this.pieces.length);
        this.pieces.push([...this.pieces[left], ...this.pieces[right]]);
      }
      this.eos_id = this.pieces.length;
      this.known_pieces = new Map();
    }

    get vocabulary_size() {
      return this.eos_id + 1;
    }

    // One number for a pair of ids, because a Map finds arrays only by identity.
    key(left, right) {
      return left * 2 ** 16 + right;
    }

    // The words of a text, inside which merges stay.
    cut(text) {
      if (/\p{Surrogate}/u.test(text)) {
        throw new RangeError('the text holds half of a surrogate pair: it cannot be encoded');
      }
      return text.match(PIECES) || [];
    }

    // Text to ids.  <eos> in the text is five characters like any others.
    encode(text) {
      return this.cut(text).flatMap((piece) => {
        if (!this.known_pieces.has(piece)) this.known_pieces.set(piece, this.encode_piece(piece));
        return this.known_pieces.get(piece);
      });
    }

    encode_piece(piece) {
      return this.steps_of(piece).at(-1).ids;
    }

    // A piece's bytes to ids: its pairs are joined in the order in which they were learnt. Each
    // step is {ids, new_id: what its pair became}.
    steps_of(piece) {
      let ids = [...new TextEncoder().encode(piece)];
      const steps = [{ ids, new_id: null }];
      for (;;) {
        let first = Infinity; // the id of the pair that was learnt first: they count upwards
        for (let i = 0; i + 1 < ids.length; i++) {
          first = Math.min(first, this.new_id.get(this.key(ids[i], ids[i + 1])) ?? Infinity);
        }
        if (first === Infinity) return steps;
        ids = this.join(ids, first);
        steps.push({ ids, new_id: first });
      }
    }

    // Replace the pair that makes new_id, from left to right, wherever it stands.
    join(ids, new_id) {
      const out = [];
      for (let at = 0; at < ids.length; at++) {
        const joins = this.new_id.get(this.key(ids[at], ids[at + 1])) === new_id;
        out.push(joins ? new_id : ids[at]);
        if (joins) at += 1;
      }
      return out;
    }

    // Ids to text; bytes that are no whole character become the replacement character.
    decode(ids) {
      const bytes = ids.flatMap((id) => {
        if (!(Number.isInteger(id) && id >= 0 && id <= this.eos_id)) {
          throw new RangeError(`token id ${id} is out of range: ids go from 0 to ${this.eos_id}`);
        }
        return id === this.eos_id ? [...new TextEncoder().encode(EOS)] : this.pieces[id];
      });
      // without ignoreBOM a decoder drops the mark U+FEFF at a text's start
      return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes));
    }

    // The ids of a text's start: <eos>, after which every text begins, and the prompt.
    start_of_text(prompt) {
      return [this.eos_id, ...this.encode(prompt)];
    }
  }

  return { BPETokenizer };
};
