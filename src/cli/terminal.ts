/** Where a command prints to, and how: colours and moving pictures on a terminal only, plain lines everywhere else. Main thread. */
import pc from "picocolors";

export type Colors = ReturnType<typeof pc.createColors>;

export interface Terminal {
  /** Standard output is a terminal that can move its cursor. */
  readonly isInteractive: boolean;
  readonly colors: Colors;
  readonly columns: number;
  readonly rows: number;
  write(text: string): void;
  error(text: string): void;
}

export function processTerminal(): Terminal {
  const { stdout, stderr, env } = process;
  const isInteractive = stdout.isTTY === true && env["TERM"] !== "dumb";
  return {
    isInteractive,
    colors: pc.createColors(isInteractive && !env["NO_COLOR"]),
    get columns() {
      return stdout.columns ?? 80;
    },
    get rows() {
      return stdout.rows ?? 24;
    },
    write: (text) => void stdout.write(text),
    error: (text) => void stderr.write(text),
  };
}

/** 1234567 as `1,234,567`. */
export function grouped(value: number | bigint): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 0 });
}

/** 4200000 as `4.2 M`. */
export function short(value: number): string {
  for (const [unit, size] of [
    ["G", 1e9],
    ["M", 1e6],
    ["K", 1e3],
  ] as const) {
    if (value >= size) return `${(value / size).toFixed(1)} ${unit}`;
  }
  return value.toFixed(0);
}

/** Bytes as `4.9 MB`. */
export function bytesText(bytes: number): string {
  return bytes < 1000 ? `${bytes} B` : `${short(bytes)}B`;
}
