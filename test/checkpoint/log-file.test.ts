/** Damaged logs are refused, and the error says where and what: one case for each thing that a file may lack. */
import { expect, test } from "vitest";
import { crc32c } from "../../src/base/crc32c.ts";
import { decodeLogFile, encodeLogFile } from "../../src/checkpoint/log-file.ts";

const identity = { queryId: "q", batchId: 7 };
const whole = Buffer.from(encodeLogFile({ batchWatermarkMs: 0 }, identity, { epoch: 3 }, ['{"logOffset":3}'])).toString();
const [versionLine, metadataLine, offsetLine] = whole.split("\n") as [string, string, string];

/** With the checksum that belongs to it: a file that was written so. */
function sealed(text: string): string {
  const blank = text.replace(/"checksum":"[0-9a-f]{8}"\}\}/, '"checksum":"00000000"}}');
  return blank.replace("00000000", crc32c(Buffer.from(blank)).toString(16).padStart(8, "0"));
}

const refused = (text: string) => () => decodeLogFile("f", Buffer.from(text), identity);
const metadataAt = versionLine.length + 1;

test("the file as it was written is read", () => {
  expect(sealed(whole)).toBe(whole);
  expect(refused(whole)()).toMatchObject({ metadata: { batchWatermarkMs: 0 }, lines: [offsetLine] });
});

test.each([
  ["", 0, "the file is empty"],
  ["v1", 2, "the file ends in its first line"],
  [
    whole.replace('"epoch":3', '"epoch":4'),
    metadataAt + metadataLine.length - 11,
    /the stored checksum is [0-9a-f]{8}, that of the content/,
  ],
  [sealed(whole.replace("v1", "version 1")), 0, 'the first line is not a version but "version 1"'],
  [sealed(`v1\n[${metadataLine}`), metadataAt, "the second line is not a JSON object"],
  [`v1\n[1]`, metadataAt, "the second line is not a JSON object"],
  [whole.replace(/,"checksum":"[0-9a-f]{8}"/, ""), metadataAt + metadataLine.length - 22, "the second line does not end with a checksum"],
  [sealed(whole.replace('"queryId":"q"', '"queryId":"r"')), metadataAt, "it belongs to query r, not to q"],
  [sealed(whole.replace('"batchId":7', '"batchId":8')), metadataAt, "it is the record of batch 8"],
])("damage: %j", (text, offset, reason) => {
  expect(refused(text)).toThrow(
    expect.objectContaining({
      condition: "CHECKPOINT_FILE_CHECKSUM_VERIFICATION_FAILED",
      messageParameters: {
        fileName: "f",
        offset: String(offset),
        reason: typeof reason === "string" ? reason : expect.stringMatching(reason),
      },
    }),
  );
});

test.each([
  [sealed(whole.replace("v1", "v2")), "UNSUPPORTED_LOG_VERSION.MAX_SUPPORTED_VERSION"],
  [sealed(whole.replace('"formatVersion":1', '"formatVersion":2')), "UNSUPPORTED_LOG_VERSION.MAX_SUPPORTED_VERSION"],
  ['v1\n{"batchWatermarkMs":0}\n{"logOffset":3}', "CHECKPOINT_FOREIGN"],
])("not ours: %j", (text, condition) => {
  expect(refused(text)).toThrow(expect.objectContaining({ condition }));
});
