/**
 * `socket`: lines of text from a TCP connection, for trying things out. Mirrors Spark's TextSocketMicroBatchStream: the offset is the number of
 * the last line received, nothing survives a restart. Main thread; lines reach the workers as encoded column batches.
 */
import { ConnectorError, IllegalArgumentError } from "../../base/errors.ts";
import type { Clock, Connection } from "../../base/ports.ts";
import { encodeColumnBatch } from "../../columnar/column-batch.ts";
import { StringType, type StructType, structField, structType, TimestampType } from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";
import { batchSplits } from "../memory/memory-stream.ts";
import { booleanOption, integerOption, type OptionSpecs, stringOption } from "../options.ts";
import type { Offset, ReadLimit, SourceContext, SourceProvider, Split, StreamSource } from "../source.ts";

const socketOptions: OptionSpecs = {
  host: stringOption("Host to connect to; required"),
  port: integerOption("Port to connect to; required", null, 1),
  includeTimestamp: booleanOption("Add the column `timestamp`: when the line was received", false),
};

const VALUE = structField("value", StringType);
const TIMESTAMP = structField("timestamp", TimestampType);
const socketSchema = (includesTimestamp: boolean): StructType => structType(includesTimestamp ? [VALUE, TIMESTAMP] : [VALUE]);

export const socketSource: SourceProvider = {
  name: "socket",
  options: socketOptions,
  async schema({ options }) {
    for (const option of ["host", "port"]) {
      if (options.get(option) === null)
        throw new IllegalArgumentError("DATA_SOURCE_OPTION_MISSING", { option, format: "socket", reason: `it says where to connect to` });
    }
    return socketSchema(options.get("includeTimestamp"));
  },
  async createStream(context) {
    const { options, ports } = context;
    const [host, port] = [options.get<string>("host"), options.get<number>("port")];
    try {
      return new SocketStream(context, await ports.network.connect(host, port));
    } catch (cause) {
      throw new ConnectorError("SOCKET_SOURCE_FAILED", { address: `${host}:${port}`, reason: (cause as Error).message }, { cause });
    }
  },
};

class SocketStream implements StreamSource {
  readonly description: string;
  readonly defaultLimit: ReadLimit = { kind: "all_available" };
  readonly supportsAvailableNow = true;
  readonly metrics = () => ({ guarantee: "at-most-once" });
  readonly #address: string;
  readonly #schema: StructType;
  readonly #clock: Clock;
  readonly #connection: Connection;
  /** Lines that are not committed yet; the first one has the number `#first`. */
  #lines: Value[][] = [];
  #first = 0;
  #failure: ConnectorError | null = null;
  #isStopped = false;
  #availableEnd: number | null = null;
  /** The batch that was planned last, for `attachments`. */
  #batch: Uint8Array | null = null;

  constructor({ options, ports }: SourceContext, connection: Connection) {
    this.#address = `${options.get<string>("host")}:${options.get<number>("port")}`;
    this.description = `TextSocketV2[host: ${options.get<string>("host")}, port: ${options.get<number>("port")}]`;
    this.#schema = socketSchema(options.get("includeTimestamp"));
    this.#clock = ports.clock;
    this.#connection = connection;
    void this.#receive();
  }

  async prepareAvailableNow(): Promise<void> {
    this.#availableEnd = this.#latest;
  }

  async latestOffset(start: Offset | null): Promise<Offset | null> {
    if (this.#failure) throw this.#failure;
    const latest = this.#availableEnd ?? this.#latest;
    return latest > Number(start ?? -1) ? latest : start;
  }

  async reportLatest(): Promise<Offset | null> {
    return this.#latest < 0 ? null : this.#latest;
  }

  async plan(start: Offset | null, end: Offset): Promise<readonly Split[]> {
    const from = Number(start ?? -1) + 1;
    const to = Number(end) + 1;
    if (from < this.#first || to > this.#latest + 1)
      throw new ConnectorError("SOCKET_SOURCE_FAILED", {
        address: this.#address,
        reason: `lines ${from} to ${to - 1} are not there any more: a socket cannot be read again after a restart`,
      });
    this.#batch = encodeColumnBatch(this.#schema, this.#lines.slice(from - this.#first, to - this.#first));
    return batchSplits(this.#batch, { from, to });
  }

  attachments(splits: readonly Split[]): readonly Uint8Array[] {
    return splits.map(() => this.#batch!);
  }

  async commit(end: Offset): Promise<void> {
    const committed = Number(end) + 1 - this.#first;
    if (committed <= 0) return;
    this.#lines = this.#lines.slice(committed);
    this.#first += committed;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#connection.close();
  }

  get #latest(): number {
    return this.#first + this.#lines.length - 1;
  }

  async #receive(): Promise<void> {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    const columns = this.#schema.fields.length;
    let rest = "";
    const add = (line: string): void => {
      const text = line.endsWith("\r") ? line.slice(0, -1) : line;
      this.#lines.push(columns === 1 ? [text] : [text, BigInt(Math.floor(this.#clock.nowMs())) * 1000n]);
    };
    try {
      for await (const chunk of this.#connection.chunks) {
        const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
        rest = lines.pop()!;
        lines.forEach(add);
      }
      // The peer has closed: what it sent stays readable, and nothing more will come.
      if (rest !== "") add(rest);
    } catch (cause) {
      if (!this.#isStopped)
        this.#failure = new ConnectorError("SOCKET_SOURCE_FAILED", { address: this.#address, reason: (cause as Error).message }, { cause });
    }
  }
}
