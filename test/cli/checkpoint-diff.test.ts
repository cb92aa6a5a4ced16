/** `millrace checkpoint diff`: a program is compared with a checkpoint, in every way in which they can differ, and nothing is started or changed. */
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import type { StartComparison } from "../../src/api/compare-start.ts";
import { millrace } from "../support/run-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

interface Variant {
  readonly keys?: string;
  readonly aggregates?: string;
  readonly union?: boolean;
  readonly conf?: Readonly<Record<string, string>>;
}

/** A program that counts bids, and goes on after its query as programs do. */
function program(checkpoint: string, { keys = '"channel"', aggregates = 'F.count("*").as("n")', union = false }: Variant): string {
  const path = join(temporaryDirectory(), "query.mjs");
  const bids = 'spark.readStream.format("nexmark").options({ table: "bid", events: 2000, rowsPerBatch: 1000 }).load()';
  writeFileSync(
    path,
    `import { Session, functions as F } from "millrace";
    const spark = await Session.builder().master("local[1]").getOrCreate();
    const bids = ${bids}${union ? `.union(${bids.replace("2000", "3000")})` : ""};
    const query = await bids.groupBy(${keys}).agg(${aggregates}).writeStream.queryName("bids").outputMode("update").format("noop")
      .option("checkpointLocation", ${JSON.stringify(checkpoint)}).trigger({ availableNow: true }).start();
    await query.awaitTermination();
    await spark.stop();`,
  );
  return path;
}

let checkpoint: string;
beforeAll(async () => {
  checkpoint = join(temporaryDirectory(), "checkpoint");
  const ran = await millrace(["run", program(checkpoint, {}), "--conf", "spark.sql.shuffle.partitions=4"]);
  expect(ran).toMatchObject({ code: 0, stderr: "" });
});

const filesOf = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${join(entry.parentPath, entry.name)} ${statSync(join(entry.parentPath, entry.name)).mtimeMs}`)
    .sort();

async function diff(variant: Variant, conf: readonly string[] = []): Promise<{ code: number | null; comparison: StartComparison }> {
  const before = filesOf(checkpoint);
  const { code, stdout, stderr } = await millrace(["checkpoint", "diff", checkpoint, program(checkpoint, variant), "--json", ...conf]);
  expect(stderr).toBe("");
  expect(filesOf(checkpoint)).toEqual(before);
  return { code, comparison: JSON.parse(stdout) as StartComparison };
}

test("the same program: everything is kept, and settings that the checkpoint fixes are named", async () => {
  const { code, comparison } = await diff({}, ["--conf", "spark.sql.shuffle.partitions=8"]);
  expect(code).toBe(0);
  expect(comparison).toEqual({
    queryName: "bids",
    checkpointLocation: checkpoint,
    batches: comparison.batches,
    sources: { stored: 1, wanted: ["nexmark"] },
    settings: [{ key: "spark.sql.shuffle.partitions", stored: "4", wanted: "8" }],
    operators: [
      {
        operatorId: 0,
        stored: "stateStoreSave",
        wanted: "stateStoreSave",
        keys: [{ name: "channel", stored: "string", wanted: "string" }],
        values: [{ name: "count.count", stored: "bigint", wanted: "bigint" }],
        aggregates: [{ stored: "count(1)", wanted: "count(1)", fate: "kept", detail: "bigint" }],
      },
    ],
    refusal: null,
  });
  expect(comparison.batches).toBeGreaterThan(1);
});

test("other keys, and other sources, would be refused as a start refuses them", async () => {
  for (const [variant, condition] of [
    [{ keys: '"bidder"' }, "STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE"],
    [{ union: true }, "STREAMING_SOURCE_COUNT_CHANGED"],
  ] as const) {
    const { code, comparison } = await diff(variant);
    expect({ code, condition: comparison.refusal?.condition }).toEqual({ code: 1, condition });
    const started = await millrace(["run", program(checkpoint, variant)]);
    expect(started.code).toBe(1);
    expect(started.stderr).toContain(condition);
  }
});

test("other aggregates: what is kept, new, widened and lost, and what a start would need", async () => {
  const changed: Variant = { aggregates: 'F.max("price").as("most"), F.count("*").as("n")' };
  const refused = await diff(changed);
  expect({ code: refused.code, condition: refused.comparison.refusal?.condition }).toEqual({
    code: 1,
    condition: "STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE",
  });
  expect(refused.comparison.refusal?.message).toContain("max(price) is new and starts with max = null in groups that exist");
  expect(refused.comparison.operators[0]!.aggregates).toEqual([
    { stored: null, wanted: "max(price)", fate: "new", detail: "max = null" },
    { stored: "count(1)", wanted: "count(1)", fate: "kept", detail: "bigint" },
  ]);
  const agreed = await diff(changed, ["--conf", "millrace.state.migrate=true"]);
  expect({ code: agreed.code, refusal: agreed.comparison.refusal }).toEqual({ code: 0, refusal: null });

  const gone = await millrace(["checkpoint", "diff", checkpoint, program(checkpoint, { aggregates: 'F.min("price")' })]);
  expect(gone.stdout).toContain("  min(price): new, starts with min = null in groups that exist\n  count(1): lost (bigint)\n");
});

test("a type that is too narrow, and keys under which there is nothing: no aggregate is said to go on", async () => {
  const own = join(temporaryDirectory(), "checkpoint");
  const ran = await millrace(["run", program(own, { aggregates: 'F.max("price")' })]);
  expect(ran).toMatchObject({ code: 0, stderr: "" });
  const narrow = program(own, { aggregates: 'F.max(F.col("price").cast("INT"))' });
  expect((await millrace(["checkpoint", "diff", own, narrow])).stdout).toContain(
    "  max(CAST(price AS INT)): cannot go on with the state of max(price) (column max.max is bigint in the state, and not every such value is int)\n",
  );
  const { comparison } = await diff({ keys: '"channel", "auction"' });
  expect(comparison.operators[0]!.aggregates).toEqual([
    { stored: "count(1)", wanted: "count(1)", fate: "refused", detail: "under other keys there is no state" },
  ]);
});

test("as text, and for a checkpoint that is not there or another program's", async () => {
  const text = await millrace(["checkpoint", "diff", checkpoint, program(checkpoint, { keys: '"channel", "auction"' })]);
  expect(text.code).toBe(1);
  expect(text.stdout).toContain(
    "operator 0 (stateStoreSave)\n  key   channel: string, kept\n  key   auction: bigint, not in the checkpoint\n",
  );
  expect(text.stdout).toContain("A start is refused, and changes nothing: [STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE]");

  const nowhere = join(temporaryDirectory(), "new");
  const first = await millrace(["checkpoint", "diff", nowhere, program(nowhere, {})]);
  expect(first).toMatchObject({ code: 0, stdout: "There is no checkpoint yet: the query would start from the beginning.\n" });
  const other = await millrace(["checkpoint", "diff", nowhere, program(checkpoint, {})]);
  expect(other.code).toBe(1);
  expect(other.stderr).toMatch(/^\[CHECKPOINT_NOT_OF_PROGRAM\]/);
});
