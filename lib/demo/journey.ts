/**
 * What every part of the demo shares: its directory, a voice, and programs that must succeed. One promise: whatever goes on is seen, with
 * the seconds since the start.
 */
import { ExpectedError } from '../errors.ts';
import { type ExecOptions, type ExecResult, endOf, exec } from '../exec.ts';

export interface Journey {
  /** $BUILDME_DEMO_DIR */
  readonly dir: string;
  /** Ends everything when the user presses ^C. */
  readonly signal: AbortSignal;
  /** One line, with the seconds since the start before it. */
  say(text: string): void;
  /** Lines that belong to the last one. */
  show(text: string): void;
}

/** Begins the clock. */
export function beginJourney(dir: string, signal: AbortSignal): Journey {
  const started = Date.now();
  return {
    dir,
    signal,
    say: (text) => process.stdout.write(`[${((Date.now() - started) / 1000).toFixed(1).padStart(6)} s] ${text}\n`),
    show: (text) => process.stdout.write(`${harmless(text).trimEnd().replace(/^/gm, '           | ')}\n`),
  };
}

/** What a build, a package or a mail printed: nothing in it commands the terminal. */
export function harmless(text: string): string {
  return text.replace(/\r\n?/g, '\n').replace(/\p{Cc}/gu, (character) => (character === '\n' || character === '\t' ? character : ''));
}

/** Runs a program that must exit with 0 and returns what it printed. Throws ExpectedError E_PROGRAM with the end of what it said. */
export async function must(argv: readonly [string, ...string[]], options: ExecOptions = {}): Promise<string> {
  const result = await exec(argv, { ...options, ...(options.env === undefined ? {} : { env: { ...process.env, ...options.env } }) });
  if (result.status !== 0) throw new ExpectedError('E_PROGRAM', `${argv.slice(0, 4).join(' ')}: ${endOf(result)}`);
  return result.stdout.toString('utf8');
}

const HEARTBEAT_MS = 5000;

/** Runs something that may take long and says nothing itself: a line every 5 s. */
export async function patiently(journey: Journey, what: string, work: Promise<ExecResult>): Promise<ExecResult> {
  const timer = setInterval(() => journey.say(`  ... ${what}`), HEARTBEAT_MS);
  try {
    const result = await work;
    if (journey.signal.aborted) throw new ExpectedError('E_INTERRUPTED', 'interrupted');
    return result;
  } finally {
    clearInterval(timer);
  }
}
