/**
 * Child processes. Arguments travel as argv, never through a shell; a child gets a session of its own, so that ending it ends all of
 * its kind; output is capped; nothing of ours is inherited but what is passed.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { TemporaryError } from './errors.ts';

export interface ExecOptions {
  readonly cwd?: string;
  /** The child's whole environment; ours by default. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly input?: string | Buffer;
  /** After this long the process group is killed and `timedOut` is set. Default 10 min. */
  readonly timeoutMs?: number;
  /** Bytes kept of each of stdout and stderr; a child that writes more is killed. Default 64 MiB. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
  /** Opens a fourth descriptor for the child to write to (`--status-fd 3`), read into `extra`. */
  readonly extra?: boolean;
}

export interface ExecResult {
  /** Exit status; null when a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
  /** What came over descriptor 3, when asked for; else empty. */
  readonly extra: string;
  readonly timedOut: boolean;
}

/** Runs one program to its end. Throws only when it cannot be started at all (E_NO_PROGRAM); what its end means is the caller's. */
export type Exec = (argv: readonly [string, ...string[]], options?: ExecOptions) => Promise<ExecResult>;

export const exec: Exec = (argv, options = {}) =>
  new Promise((resolve, reject) => {
    const [program, ...args] = argv;
    const maxBytes = options.maxBytes ?? 64 * 1024 * 1024;
    const child = spawn(program, args, {
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe', ...(options.extra === true ? (['pipe'] as const) : [])],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: options.env as NodeJS.ProcessEnv }),
    }) as ChildProcessWithoutNullStreams;
    let timedOut = false;
    const kill = (): void => {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        child.kill('SIGKILL');
      }
      // A grandchild in another session may keep the pipes: do not wait for it.
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const timer = setTimeout(() => {
      timedOut = true;
      kill();
    }, options.timeoutMs ?? 600_000);
    if (options.signal?.aborted === true) kill();
    else options.signal?.addEventListener('abort', kill, { once: true });
    const collect = (chunks: Buffer[]) => {
      let size = 0;
      return (chunk: Buffer): void => {
        size += chunk.length;
        if (size <= maxBytes) chunks.push(chunk);
        else kill();
      };
    };
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    const extra: Buffer[] = [];
    child.stdout.on('data', collect(out));
    child.stderr.on('data', collect(err));
    (child.stdio[3] as Readable | undefined)?.on('data', collect(extra));
    // A child that exits without reading its input is no fault of ours.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input);
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(new TemporaryError('E_NO_PROGRAM', `cannot run ${program}: ${error.message}`, error));
    });
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', kill);
      resolve({ status, signal, stdout: Buffer.concat(out), stderr: textFrom(err), extra: textFrom(extra), timedOut });
    });
  });

function textFrom(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString('utf8');
}

/** What a failed program said, for a message: its last lines of stderr (else stdout) and how it ended. */
export function endOf(result: ExecResult): string {
  const said = (result.stderr.trim() || result.stdout.toString('utf8').trim()).split('\n').slice(-5).join('; ').slice(-1000);
  const how = result.timedOut ? 'timed out' : result.signal !== null ? `killed by ${result.signal}` : `exit status ${result.status}`;
  return said === '' ? how : `${how}: ${said}`;
}
