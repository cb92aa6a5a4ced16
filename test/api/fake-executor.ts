/** An executor that runs nothing: it records what it is asked and answers with rows given beforehand. */
import { encodeColumnBatch } from "../../src/columnar/column-batch.ts";
import type { StructType } from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import type { Executor, QueryHandle, StartRequest, WriteRequest } from "../../src/api/executor.ts";
import { RuntimeConf } from "../../src/api/runtime-conf.ts";
import { Session } from "../../src/api/session.ts";
import type { LogicalPlan } from "../../src/plan/logical/nodes.ts";
import { parseSchema } from "../../src/sql/parser.ts";

export class FakeExecutor implements Executor {
  readonly printed: string[] = [];
  readonly written: WriteRequest[] = [];
  readonly started: StartRequest[] = [];
  readonly names = new Map<string, LogicalPlan>();
  queries: QueryHandle[] = [];
  stops = 0;
  #schema: StructType = parseSchema("value INT");
  #rows: readonly (readonly Value[])[] = [];

  answer(ddl: string, ...rows: readonly (readonly Value[])[]): this {
    this.#schema = parseSchema(ddl);
    this.#rows = rows;
    return this;
  }

  async analyze(plan: LogicalPlan) {
    const output = this.#schema.fields.map(({ name, dataType, nullable }, id) => ({
      kind: "attribute" as const,
      id,
      name,
      dataType,
      nullable,
    }));
    return { plan, output, isStreaming: false };
  }
  async explain(_plan: LogicalPlan, mode: string) {
    return `plan (${mode})`;
  }
  async collect(plan: LogicalPlan) {
    const limit = plan.kind === "limit" ? plan.limit : Number.POSITIVE_INFINITY;
    const rows = this.#rows.slice(0, limit);
    return { schema: this.#schema, batches: rows.map((row) => encodeColumnBatch(this.#schema, [row])) };
  }
  async write(_plan: LogicalPlan, request: WriteRequest) {
    this.written.push(request);
  }
  async start(_plan: LogicalPlan, request: StartRequest) {
    this.started.push(request);
    const handle = fakeQuery(request.name);
    this.queries.push(handle);
    return handle;
  }
  activeQueries() {
    return this.queries;
  }
  async awaitAnyTermination() {
    return false;
  }
  registerFunction() {}
  resetTerminated() {}
  addListener() {}
  removeListener() {}
  async settledWithin(promise: Promise<unknown>) {
    return Promise.race([promise.then(() => true), Promise.resolve(false)]);
  }
  newAttributes() {
    return [];
  }
  print(text: string) {
    this.printed.push(text);
  }
  async yieldThread() {}
  async createView(name: string, plan: LogicalPlan) {
    this.names.set(name, plan);
  }
  async dropView(name: string) {
    return this.names.delete(name);
  }
  async views() {
    return [...this.names.keys()];
  }
  async stop() {
    this.stops++;
  }
}

function fakeQuery(name: string | null): QueryHandle {
  let isActive = true;
  return {
    id: "id",
    runId: "run",
    name,
    isActive: () => isActive,
    status: () => ({ message: "Waiting for data to arrive", isDataAvailable: false, isTriggerActive: false }),
    recentProgress: () => [{ batchId: 0 }, { batchId: 1 }],
    exception: () => null,
    awaitTermination: () => (isActive ? new Promise(() => {}) : Promise.resolve()),
    processAllAvailable: async () => {},
    stop: async () => {
      isActive = false;
    },
    explain: async (mode) => `query plan (${mode})`,
  };
}

export function fakeSession(): { readonly spark: Session; readonly executor: FakeExecutor; readonly conf: RuntimeConf } {
  const executor = new FakeExecutor();
  const conf = new RuntimeConf();
  conf.set("spark.sql.session.timeZone", "UTC");
  return { spark: new Session(executor, conf), executor, conf };
}
