/**
 * One JSON line per event, appended to `log_dir`/STAGE.log: time, level, stage, what happened, details.
 * `error` is our bug or a fault of the site and is also printed (cron mails it); a user's mistake is `info`.
 */
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, printable, textOf } from './errors.ts';

export type Details = Readonly<Record<string, unknown>>;

export interface Log {
  info(event: string, details?: Details): void;
  /** Also printed on stderr, once. */
  error(event: string, details?: Details): void;
  /** Stage or command that the lines are tagged with. */
  readonly tag: string;
}

export interface LogOptions {
  /** Directory of the log files; without one, only errors are printed. */
  readonly dir?: string;
  readonly now?: () => Date;
  /** Where errors are printed; stderr by default. */
  readonly print?: (line: string) => void;
}

/** A log whose lines bear `tag`. A log that cannot be written is told once on stderr and stops nothing. */
export function openLog(tag: string, options: LogOptions = {}): Log {
  const now = options.now ?? (() => new Date());
  const print = options.print ?? ((line: string) => process.stderr.write(`${line}\n`));
  let broken = options.dir === undefined;
  const write = (level: string, event: string, details: Details): void => {
    if (broken || options.dir === undefined) return;
    const line = `${JSON.stringify({ time: now().toISOString(), level, stage: tag, event, ...details })}\n`;
    const file = join(options.dir, `${tag}.log`);
    try {
      try {
        appendFileSync(file, line, { mode: 0o640 });
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw error;
        mkdirSync(options.dir, { recursive: true });
        appendFileSync(file, line, { mode: 0o640 });
      }
    } catch (error) {
      broken = true;
      print(`buildme ${tag}: cannot write ${file}: ${textOf(error)}; the work goes on without a log`);
    }
  };
  return {
    tag,
    info: (event, details = {}) => write('info', event, details),
    error: (event, details = {}) => {
      write('error', event, details);
      const said = Object.entries(details)
        .filter(([key]) => key !== 'stack')
        .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
      print(printable(`buildme ${tag}: ${event}${said.length > 0 ? `: ${said.join(' ')}` : ''}`));
    },
  };
}
