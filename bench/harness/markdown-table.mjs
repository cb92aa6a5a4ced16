/** A table in Markdown: heads, and a list of cells for each row. For the reports. */
export const table = (heads, rows) => [heads, heads.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
