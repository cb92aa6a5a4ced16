/** The form of the one billion row challenge: text `station;temperature`, least, mean and greatest per station, as one batch query. DuckDB's answer. */
import { dirname } from "node:path";
import { writeSet } from "../data/sets.mjs";
import { duckFiles, duckLines, keptAnswer } from "../harness/answers.mjs";
import { digestOfLines } from "../harness/digest.mjs";
import { F, timedRounds, withSession } from "../harness/engine.mjs";

const FILES = 4;

export const suite = {
  name: "stations",
  group: "stations",
  title: "1BRC form: text group-by, 413 stations",
  kind: "throughput",
  events: 5_000_000,
  about: { source: "CSV files, 17 bytes a row", sink: "collect", checkpoint: "none, a batch query", rate: "no event time" },

  async prepare({ directory, events }) {
    const data = await writeSet("measurements", { directory, form: "csv", events, files: FILES });
    const expected = await keptAnswer(dirname(data.files.measurements[0]), async () => {
      const columns = "names = ['station', 't'], header = false, delim = ';', types = ['VARCHAR', 'DOUBLE']";
      const rows = `read_csv(${duckFiles(data.files.measurements)}, ${columns})`;
      const tenths = (value) => `round(10 * ${value})::BIGINT::VARCHAR`;
      const select = `station, count(*)::VARCHAR, ${tenths("min(t)")}, ${tenths("max(t)")}, ${tenths("sum(t)")}`;
      return digestOfLines(await duckLines(`SELECT ${select} FROM ${rows} GROUP BY station`));
    });
    return { data, expected, generatorSeconds: data.seconds };
  },

  async run({ data }, { workers }) {
    return await withSession(workers, async (spark) => {
      let rows;
      const cost = await timedRounds(data.events, async () => {
        rows = await spark.read
          .schema("station STRING, t DOUBLE")
          .option("sep", ";")
          .csv(dirname(data.files.measurements[0]))
          .groupBy("station")
          .agg(F.count("*").as("n"), F.min("t").as("least"), F.max("t").as("most"), F.avg("t").as("mean"))
          .collect();
      });
      const lines = rows.map(({ station, n, least, most, mean }) =>
        [station, n, Math.round(10 * least), Math.round(10 * most), Math.round(10 * mean * Number(n))].join(","),
      );
      return { ...cost, digest: digestOfLines(lines) };
    });
  },
};
