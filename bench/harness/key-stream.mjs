/** A memory stream of keys, one BIGINT column, whose batches are made as they are added. Inside the measured process. */
import { batchColumnPlace, encodeColumnBatch } from "../../dist/columnar/column-batch.js";
import { parseSchema } from "../../dist/sql/parser.js";
import { batchesIn, PoolStream } from "./engine.mjs";

const SCHEMA = parseSchema("key BIGINT");

/** `gone` batches have been read before, by another process. */
export class KeyStream extends PoolStream {
  #pool = [];
  #gone;
  #likes = new Map();

  constructor(gone = 0) {
    super(SCHEMA, []);
    this.#gone = gone;
  }

  /** Makes a batch of these keys available, below 2^32. */
  add(keys) {
    const [batch] = batchesIn(this.#like(keys.length));
    const words = new Uint32Array(batch.buffer, batch.byteOffset + batchColumnPlace(batch, 0).values, 2 * keys.length);
    for (let i = 0; i < keys.length; i++) words[2 * i] = keys[i];
    this.#pool.push(batch);
  }

  get latest() {
    return this.#gone + this.#pool.length - 1;
  }

  batch(offset) {
    return this.#pool[offset - this.#gone];
  }

  #like(rows) {
    let like = this.#likes.get(rows);
    if (!like) {
      like = encodeColumnBatch(
        SCHEMA,
        Array.from({ length: rows }, () => [0n]),
      );
      this.#likes.set(rows, like);
    }
    return like;
  }
}
