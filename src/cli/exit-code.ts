/** What the process of a command ends with; documented in `--help` and in README.md. Every command returns one of these. */
export const EXIT_OK = 0;
/** The program, one of its queries, or the command itself failed. */
export const EXIT_FAILURE = 1;
/** `checkpoint verify` found damage, or files of a newer version. */
export const EXIT_DAMAGED = 2;
/** The command line is wrong. */
export const EXIT_USAGE = 64;

export const EXIT_CODES_HELP = `
Exit codes:
  0   all went well, or a signal stopped the queries in good order
  1   the program, one of its queries or the command failed
  2   the checkpoint is damaged, or of a newer version
  64  the command line is wrong`;
