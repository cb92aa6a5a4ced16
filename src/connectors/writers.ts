/** Writers by the name in a sink's delivery: the workers' half of the sinks that workers write to. */
import { assert } from "../base/assert.ts";
import { noopWriter } from "./noop/noop-sink.ts";
import type { SplitWriter } from "./sink.ts";

const writers = new Map<string, SplitWriter>([noopWriter].map((writer) => [writer.name, writer]));

export function splitWriter(name: string): SplitWriter {
  const writer = writers.get(name);
  assert(writer !== undefined, `no split writer is called ${name}`);
  return writer;
}
