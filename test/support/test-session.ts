/** The session of a test file: two workers (`spark.master`), UTC, closed at the end. */
import { afterAll, beforeAll } from "vitest";
import { Session } from "../../src/index.ts";

/** Call at the top of a file; the result may be called inside tests. */
export function testSession(settings: Readonly<Record<string, string>> = {}): () => Session {
  let session: Session | undefined;
  beforeAll(async () => {
    session = await Session.builder()
      .master("local[2]")
      .config({ "spark.sql.session.timeZone": "UTC", ...settings })
      .create();
  });
  afterAll(() => session?.stop());
  return () => session!;
}
