/**
 * The measured process: runs one suite once and sends the result to its parent. Started by `processes.mjs` with the name of the suite, its
 * data and its settings.
 */
import { suites } from "../query/suites.mjs";
import { runHere } from "./processes.mjs";

const { name, data, settings } = JSON.parse(process.argv[2]);
const suite = suites.find((candidate) => candidate.name === name);
const result = await runHere(suite, data, settings);
process.send(result, () => process.disconnect());
