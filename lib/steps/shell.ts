/** Values on their way into a shell. One promise: whatever they hold, the shell sees one word each. */
import { GRACE_SECONDS } from './runner.ts';
import type { StepCommand } from './steps.ts';

/** A word for sh. Names that need no quotes stay readable. */
export function shellQuote(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** `settings` of an attempt: what the runner sources. */
export function settingsOf(command: StepCommand, graceSeconds = GRACE_SECONDS): string {
  const env = Object.entries(command.env).map(([name, value]) => shellQuote(`${name}=${value}`));
  return [
    `timeout=${(Math.max(command.timeoutMs, 1) / 1000).toFixed(3)}`,
    `maxlog=${command.maxLogBytes}`,
    `grace=${graceSeconds}`,
    `command=${shellQuote(command.command)}`,
    // The step's own variables, as arguments of env(1).
    `set -- ${env.join(' ')}`,
    '',
  ].join('\n');
}
