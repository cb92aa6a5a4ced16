/** Reads encoded column batches with plain JavaScript, for answers that are computed without the engine. */
import { batchColumnPlace, columnBatchRowCount } from "../../dist/columnar/column-batch.js";

/**
 * The rows of `batches` one after the other, always the same object: a property for each field of `schema`, numbers for integers, milliseconds
 * for times. `shifts` are added to the columns of their names.
 */
export function* rowsOf(batches, schema, shifts = {}) {
  const row = rowOver(schema);
  for (const batch of batches) {
    const rows = columnBatchRowCount(batch);
    row.columns = schema.fields.map(({ name, dataType }, column) => columnOf(batch, column, dataType, rows, shifts[name] ?? 0));
    for (row.index = 0; row.index < rows; row.index++) yield row;
  }
}

/** An object whose properties are the fields of row `index` of `columns`. */
function rowOver(schema) {
  class Row {
    index = 0;
    columns = [];
  }
  schema.fields.forEach(({ name }, column) => {
    Object.defineProperty(Row.prototype, name, {
      get() {
        return this.columns[column].at(this.index);
      },
    });
  });
  return new Row();
}

function columnOf(batch, column, dataType, rows, shift) {
  const { values, data } = batchColumnPlace(batch, column);
  const at = batch.byteOffset + values;
  switch (dataType.kind) {
    case "timestamp":
      return Float64Array.from(new BigInt64Array(batch.buffer, at, rows), (micros) => Number(micros) / 1000 + shift);
    case "long":
      return Float64Array.from(new BigInt64Array(batch.buffer, at, rows), (long) => Number(long) + shift);
    case "integer":
      return new Int32Array(batch.buffer, at, rows);
    case "string": {
      const offsets = new Int32Array(batch.buffer, at, rows + 1);
      const text = Buffer.from(batch.buffer, batch.byteOffset + data);
      return { at: (row) => text.latin1Slice(offsets[row], offsets[row + 1]) };
    }
    default:
      throw new Error(`no reader for a column of ${dataType.kind}`);
  }
}

/** Adds a number to a BIGINT or TIMESTAMP column of a batch, in place; times in milliseconds. */
export function shiftColumn(batch, schema, name, amount) {
  const column = schema.fields.findIndex((field) => field.name === name);
  const unit = schema.fields[column].dataType.kind === "timestamp" ? 1000n : 1n;
  const longs = new BigInt64Array(batch.buffer, batch.byteOffset + batchColumnPlace(batch, column).values, columnBatchRowCount(batch));
  const addend = BigInt(amount) * unit;
  for (let row = 0; row < longs.length; row++) longs[row] += addend;
}
