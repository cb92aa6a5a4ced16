/** What a program would have seen on its terminal. */
import { vi } from "vitest";

/** The text that `work` writes to standard output, which does not get there. */
export async function printedBy(work: () => unknown): Promise<string> {
  const printed: string[] = [];
  const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => printed.push(String(text)) > 0);
  try {
    await work();
  } finally {
    write.mockRestore();
  }
  return printed.join("");
}
