/** Two joins with static tables in one pipeline: their key rows share memory, and must not disturb each other. */
import { afterAll, expect, test } from "vitest";
import { functions as F, Session } from "../../src/index.ts";

const spark = await Session.builder().master("local[2]").create();
afterAll(() => spark.stop());

test("an INT and STRING key, then a BIGINT key that fills the word behind the INT", async () => {
  const left = spark.createDataFrame(
    Array.from({ length: 50 }, (_, i) => [i % 5, `g${i % 2}`, i]),
    "k INT, g STRING, n INT",
  );
  const middle = spark.createDataFrame(
    Array.from({ length: 10 }, (_, i) => [i % 5, `g${i % 2}`, i % 3 === 0 ? null : -1n - BigInt(i) * 2n ** 40n]),
    "k INT, g STRING, u BIGINT",
  );
  const right = spark.createDataFrame(
    Array.from({ length: 10 }, (_, i) => [-1n - BigInt(i) * 2n ** 40n, i % 4 === 0 ? null : `name ${i}`]),
    "u BIGINT, name STRING",
  );
  const rows = await left.join(middle, ["k", "g"]).join(right, "u", "left").orderBy("n").collect();

  const expected = Array.from({ length: 50 }, (_, n) => {
    const i = Array.from({ length: 10 }, (_row, index) => index).find((index) => index % 5 === n % 5 && index % 2 === n % 2)!;
    return { n, name: i % 3 === 0 || i % 4 === 0 ? null : `name ${i}` };
  });
  expect(rows.map(({ n, name }) => ({ n, name }))).toEqual(expected);
  expect(await left.join(middle, ["k", "g"]).join(right, "u").filter(F.expr("name IS NOT NULL")).count()).toBe(
    BigInt(expected.filter(({ name }) => name !== null).length),
  );
});
