/** Sessions that follow each other over one input, as processes of a user do: for cases that restart in a new session, or in the same one. */
import { Session } from "../../src/index.ts";
import { memoryStream, type MemoryInput } from "../../src/testing.ts";
import { onWorkers } from "./every-way.ts";

export class SuccessiveSessions {
  readonly #ddl: string;
  readonly #nextWorkers: () => number;
  readonly #isNewEachTime: boolean;
  readonly #added: (readonly unknown[])[] = [];
  #session: Session | null = null;
  #input: MemoryInput<any> | null = null;

  constructor(ddl: string, nextWorkers: () => number, isNewEachTime: boolean) {
    this.#ddl = ddl;
    this.#nextWorkers = nextWorkers;
    this.#isNewEachTime = isNewEachTime;
  }

  /** The session for the next start: the first, or another. Queries of the one before must have been stopped. */
  async next(): Promise<Session> {
    if (this.#session && !this.#isNewEachTime) return this.#session;
    await this.close();
    this.#session = await Session.builder()
      .master(`local[${this.#nextWorkers()}]`)
      .config({ "spark.sql.session.timeZone": "UTC", "spark.sql.shuffle.partitions": "5" })
      .create();
    this.#input = memoryStream(this.#session, this.#ddl);
    for (const rows of this.#added) this.#input.addData(...rows);
    return this.#session;
  }

  get session(): Session {
    return this.#session!;
  }

  /** Everything that has been added in any of the sessions, at the same offsets. */
  get input(): MemoryInput<any> {
    return this.#input!;
  }

  add(...rows: readonly unknown[]): void {
    this.#added.push(rows);
    this.#input!.addData(...rows);
  }

  async close(): Promise<void> {
    await this.#session?.stop();
    this.#session = null;
  }
}

/** The case within one session, and with a new one for every start: each on 1, 2 and 4 workers, and the latter on other ones every time. */
export function inSuccessiveSessions(name: string, ddl: string, run: (sessions: SuccessiveSessions) => Promise<void>): void {
  for (const isNewEachTime of [false, true]) {
    onWorkers(`${name}, ${isNewEachTime ? "a new session for every start" : "in one session"}`, async (nextWorkers) => {
      const sessions = new SuccessiveSessions(ddl, nextWorkers, isNewEachTime);
      await sessions.next();
      await run(sessions).finally(() => sessions.close());
    });
  }
}
