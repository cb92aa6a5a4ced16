/**
 * The measured process: runs one suite once and sends the result to its parent. Started by `processes.mjs` with the name of the suite, its
 * data and its settings.
 */
const { name, data, settings } = JSON.parse(process.argv[2]);
const { suite } = await import(`../query/${name}.mjs`);
const result = await suite.run(data, settings);
const peakBytes = process.resourceUsage().maxRSS * 1024;
process.send({ peakBytes, ...result }, () => process.disconnect());
