/** The few lines of a log that show why a step failed. They are for people's eyes; nothing is decided by them. */

const MAX_LINES = 20;
const MAX_WIDTH = 300;
/** Lines after the one that says it, within MAX_LINES. */
const AFTER = 3;

/** Where a build tool gives up; what went wrong stands right before it. */
const GIVES_UP = /^(\w*make(\[\d+\])?|ninja|dh\w*|dpkg-\w+|cargo|meson\S*):.*(\*\*\*|error|stopped)|^[EF]: |^Traceback |^FAILED\b/;
const LOOKS_WRONG = /\b(error|fatal|failed|failure|cannot|unable|not found|no such|denied|refused)\b/i;

/** At most 20 lines: those before the first giving up, else around the first that looks wrong, else the last. */
export function evidenceIn(log: string): string[] {
  const lines = cleanLines(log);
  const at = [GIVES_UP, LOOKS_WRONG].map((pattern) => lines.findIndex((line) => pattern.test(line))).find((index) => index !== -1);
  const end = at === undefined ? lines.length : Math.min(lines.length, at + 1 + AFTER);
  return lines.slice(Math.max(0, end - MAX_LINES), end);
}

/** Lines that are not blank, without terminal sequences and control characters, of bounded width. */
export function cleanLines(log: string): string[] {
  return log
    .split('\n')
    .map((line) => clean(line))
    .filter((line) => line !== '');
}

function clean(line: string): string {
  const plain = line
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
    .replace(/\u001b(\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(\u0007|\u001b\\)?|.)?/g, '')
    .replace(/\t/g, ' ')
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '')
    .trimEnd();
  return plain.length > MAX_WIDTH ? `${plain.slice(0, MAX_WIDTH)}…` : plain;
}
