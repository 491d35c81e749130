/**
 * Why *we* could not go on, by who must act. Whose fault a step was is a verdict, a value (lib/steps/verdict.ts), never an error.
 * Anything that is none of these three classes is a bug of ours: the entry stays, the log has the stack, the exit code is 70.
 */

/** sysexits(3): what cron, scripts and `tick` tell apart. */
export const EXIT = { ok: 0, no: 1, usage: 64, bug: 70, later: 75, config: 78 } as const;

/** Base of the expected errors. Branch on the class or on `code` (`E_…`), never on the text. */
export class ExpectedError extends Error {
  readonly code: string;
  constructor(code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.name = new.target.name;
  }
}

/** The uploader must act: ends in `rejected`. */
export class InputError extends ExpectedError {}

/** Nobody must act: the next run tries again. */
export class TemporaryError extends ExpectedError {}

/** Whoever runs the site must act: exit 78. `faults` lists every one, each a whole sentence. */
export class ConfigError extends ExpectedError {
  readonly faults: readonly string[];
  constructor(code: string, faults: string | readonly string[], cause?: unknown) {
    const list = typeof faults === 'string' ? [faults] : faults;
    super(code, list.join('\n'), cause);
    this.faults = list;
  }
}

/** The command line was wrong: exit 64. */
export class UsageError extends ExpectedError {
  constructor(message: string) {
    super('E_USAGE', message);
  }
}

/** Text of outsiders as one line for a terminal or a mail of cron: without control characters, so that it cannot move the cursor. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ');
}

/** The text of anything thrown, one line. */
export function textOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/\s*\n\s*/g, '; ');
}

/** The `code` of a system error (`ENOENT`) or of one of ours (`E_…`), else undefined. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** A full or failing disk: the site's to mend, nobody's bug, and everything stays where it is until then. */
export function isDiskFault(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS'].includes(codeOf(error) ?? '');
}

/** Runs `work`; a system error with one of `codes` gives `otherwise` instead. */
export async function unless<T, U>(codes: string | readonly string[], otherwise: U, work: Promise<T>): Promise<T | U> {
  try {
    return await work;
  } catch (error) {
    const code = codeOf(error);
    if (code !== undefined && (typeof codes === 'string' ? codes === code : codes.includes(code))) return otherwise;
    throw error;
  }
}
