/** `noop`: takes rows and forgets them, for measuring everything else. The sink on the main thread, its writer in workers. */
import { AT_LEAST_ONCE, type SinkProvider, type SplitWriter, type StreamSink } from "../sink.ts";

export const noopSink: SinkProvider = {
  name: "noop",
  options: {},
  outputModes: ["append", "update", "complete"],
  allowsTemporaryCheckpoint: true,
  allowsAsyncProgress: true,
  async create(): Promise<StreamSink> {
    return {
      description: "NoopTable",
      delivery: { kind: "worker", writer: "noop", settings: null },
      remembersCommits: false,
      metrics: AT_LEAST_ONCE,
      lookup: async () => null,
      async commit() {},
      async abort() {},
      async stop() {},
    };
  },
};

export const noopWriter: SplitWriter = {
  name: "noop",
  open: () => ({ write() {}, finish: () => null, abort() {} }),
};
