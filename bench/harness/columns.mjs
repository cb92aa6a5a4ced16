/** Reads encoded column batches with plain JavaScript, for answers that are computed without the engine. */
import { batchColumnPlace, columnBatchRowCount } from "../../dist/columnar/column-batch.js";

/**
 * The rows of `batches` one after the other, always the same object: a property for each field of `schema`, numbers for integers, milliseconds
 * for times. `shifts` are added to the columns of their names.
 */
export function* rowsOf(batches, schema, shifts = {}) {
  const row = rowOver(schema, shifts);
  for (const batch of batches) {
    const rows = columnBatchRowCount(batch);
    row.batch = batch;
    row.columns.fill(null);
    for (row.index = 0; row.index < rows; row.index++) yield row;
  }
}

/** An object whose properties are the fields of row `index` of `batch`; columns are read when they are first asked for. */
function rowOver(schema, shifts) {
  class Row {
    index = 0;
    batch = null;
    columns = schema.fields.map(() => null);
  }
  schema.fields.forEach(({ name, dataType }, column) => {
    const read = (batch) => columnOf(batch, column, dataType, columnBatchRowCount(batch), shifts[name] ?? 0);
    const get =
      dataType.kind === "string"
        ? function () {
            return (this.columns[column] ??= read(this.batch))(this.index);
          }
        : function () {
            return (this.columns[column] ??= read(this.batch))[this.index];
          };
    Object.defineProperty(Row.prototype, name, { get });
  });
  return new Row();
}

/** Numbers by row, or a function of a row's number that gives its text. */
function columnOf(batch, column, dataType, rows, shift) {
  const { values, data } = batchColumnPlace(batch, column);
  const at = batch.byteOffset + values;
  switch (dataType.kind) {
    case "timestamp":
      return longsOf(batch, at, rows).map((micros) => micros / 1000 + shift);
    case "long":
      return longsOf(batch, at, rows).map((long) => long + shift);
    case "integer":
      return new Int32Array(batch.buffer, at, rows);
    case "string": {
      const offsets = new Int32Array(batch.buffer, at, rows + 1);
      const text = Buffer.from(batch.buffer, batch.byteOffset + data);
      return (row) => text.latin1Slice(offsets[row], offsets[row + 1]);
    }
    default:
      throw new Error(`no reader for a column of ${dataType.kind}`);
  }
}

/** 64-bit integers as numbers, which hold those of the data exactly. */
function longsOf(batch, at, rows) {
  const low = new Uint32Array(batch.buffer, at, 2 * rows);
  const high = new Int32Array(batch.buffer, at, 2 * rows);
  const longs = new Float64Array(rows);
  for (let row = 0; row < rows; row++) longs[row] = high[2 * row + 1] * 2 ** 32 + low[2 * row];
  return longs;
}

/** Adds a number to a BIGINT or TIMESTAMP column of a batch, in place; times in milliseconds. */
export function shiftColumn(batch, schema, name, amount) {
  const column = schema.fields.findIndex((field) => field.name === name);
  const unit = schema.fields[column].dataType.kind === "timestamp" ? 1000n : 1n;
  const longs = new BigInt64Array(batch.buffer, batch.byteOffset + batchColumnPlace(batch, column).values, columnBatchRowCount(batch));
  const addend = BigInt(amount) * unit;
  for (let row = 0; row < longs.length; row++) longs[row] += addend;
}
