/** Programs and temporary directories for tests. One promise: a program that fails fails the test, with what it said. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ExecOptions, endOf, exec } from '../../lib/exec.ts';

/** Runs a program and returns its standard output as text; throws when it does not exit with 0. `env` adds to the test's own environment. */
export async function run(argv: readonly [string, ...string[]], options: ExecOptions = {}): Promise<string> {
  const result = await exec(argv, { ...options, ...(options.env === undefined ? {} : { env: { ...process.env, ...options.env } }) });
  if (result.status !== 0) throw new Error(`${argv.join(' ')}: ${endOf(result)}`);
  return result.stdout.toString('utf8');
}

/** A new directory directly below the system's temporary one: short enough for the socket of a gpg-agent. */
export function makeTemp(name: string): Promise<string> {
  return mkdtemp(join(tmpdir(), `bm-${name}-`));
}

export async function removeTemp(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 3 });
}

/** Whether this process is root; `it.skipIf(!isRoot)` counts as skipped. */
export const isRoot: boolean = process.getuid?.() === 0;

/** Asks again every 20 ms until `answer` is neither undefined nor false; throws after `timeoutMs`, naming what was waited for. */
export async function until<T>(
  what: string,
  answer: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 30_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const got = await answer();
    if (got !== undefined && got !== false) return got;
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
