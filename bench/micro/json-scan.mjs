// How fast one thread turns NDJSON bytes into columns: 200 MB of YSB events (240 bytes, seven string fields, three projected).
// Prints M events/s and GB/s of the median of five rounds; fails if a count is wrong. `node bench/micro/json-scan.mjs [megabytes]`
import { performance } from "node:perf_hooks";
import { ConnectorOptions } from "../../dist/connectors/options.js";
import { jsonOptions } from "../../dist/connectors/formats/json-options.js";
import { jsonReader } from "../../dist/connectors/formats/json-reader.js";
import { compileKernels, createMemory, instantiateKernels } from "../../dist/kernels/load.js";
import { leavesOf, StringType, structField, structType } from "../../dist/columnar/types.js";

const FIELDS = ["user_id", "page_id", "ad_id", "ad_type", "event_type", "event_time", "ip_address"];
const PROJECTED = ["ad_id", "event_type", "event_time"];
const SPLIT_BYTES = 8 << 20;

function generate(byteCount) {
  let state = 42;
  const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  const hex = (length) => Array.from({ length }, () => Math.floor(random() * 16).toString(16)).join("");
  const uuid = () => `${hex(8)}-${hex(4)}-${hex(4)}-${hex(4)}-${hex(12)}`;
  const ids = Array.from({ length: 1000 }, uuid);
  const pick = (list) => list[Math.floor(random() * list.length)];
  const bytes = Buffer.alloc(byteCount);
  let length = 0;
  let events = 0;
  let views = 0;
  for (;;) {
    const eventType = pick(["view", "click", "purchase"]);
    const event = {
      user_id: pick(ids),
      page_id: pick(ids),
      ad_id: pick(ids),
      ad_type: pick(["banner", "modal", "sponsored-search", "mail", "mobile"]),
      event_type: eventType,
      event_time: String(1_700_000_000_000 + events),
      ip_address: "1.2.3.4",
    };
    const line = `${JSON.stringify(event)}\n`;
    if (length + line.length > byteCount) return { bytes: bytes.subarray(0, length), events, views };
    length += bytes.write(line, length, "latin1");
    events++;
    if (eventType === "view") views++;
  }
}

const megabytes = Number(process.argv[2] ?? 200);
const { bytes, events, views } = generate(megabytes * 1e6);
const schema = structType(FIELDS.map((name) => structField(name, StringType)));
const kernels = instantiateKernels(compileKernels(), createMemory());
const context = {
  kernels,
  files: {
    openReadSync: () => ({
      read: (into, position) => {
        const part = bytes.subarray(position, position + into.length);
        into.set(part);
        return part.length;
      },
      close: () => {},
    }),
  },
  options: new ConnectorOptions("json", {}, jsonOptions),
  schema,
  leaves: leavesOf(schema),
  needed: FIELDS.map((name) => PROJECTED.includes(name)),
  timeZone: "UTC",
};
const eventTypeColumn = 16 + 8 * FIELDS.indexOf("event_type");

function round() {
  let rows = 0;
  let viewRows = 0;
  let seconds = 0;
  for (let start = 0; start < bytes.length; start += SPLIT_BYTES) {
    const split = { reader: "json", path: "memory", start, length: SPLIT_BYTES, sizeBytes: bytes.length };
    const before = performance.now();
    const cursor = jsonReader.open(split, context);
    const blocks = [];
    for (let block = cursor.next(); block !== 0; block = cursor.next()) blocks.push(block);
    seconds += (performance.now() - before) / 1000;
    const view = kernels.view();
    for (const block of blocks) {
      const count = view.getUint32(block, true);
      const values = view.getUint32(block + eventTypeColumn, true);
      for (let row = 0; row < count; row++) if (view.getUint32(values + 8 * row + 4, true) === 4) viewRows++;
      rows += count;
    }
    kernels.exports.arena_reset(0);
  }
  if (rows !== events || viewRows !== views) throw new Error(`read ${rows} events, ${viewRows} views; expected ${events}, ${views}`);
  return seconds;
}

round();
const times = Array.from({ length: 5 }, round).sort((a, b) => a - b);
const median = times[2];
console.log(
  `json-scan: ${events} events, ${(bytes.length / 1e6).toFixed(0)} MB, ${(events / median / 1e6).toFixed(1)} M events/s, ` +
    `${(bytes.length / median / 1e9).toFixed(2)} GB/s (median of 5; copying the file into memory included)`,
);
