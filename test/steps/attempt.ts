/** Attempts for tests: a workdir of its own, a job and a claim for it, a plain command. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Claim, Job } from '../../lib/spool/job.ts';
import type { StepCommand } from '../../lib/steps/steps.ts';
import { until } from '../helpers/run.ts';

export function commandFor(command: string, options: Partial<StepCommand> = {}): StepCommand {
  return {
    tool: 'plain',
    command,
    env: { BUILDME_SOURCE: 'hello', BUILDME_VERSION: "1:2.0~it's" },
    timeoutMs: 60_000,
    maxLogBytes: 1_000_000,
    inputs: [],
    ...options,
  };
}

export function claimFor(workdir: string, command: StepCommand): Claim {
  return {
    time: '2024-07-01T12:00:00Z',
    attempt: 1,
    step: 'build',
    host: 'h',
    kind: 'local',
    workdir,
    tool: command.tool,
    command: command.command,
  };
}

/** The runner asks nothing of it. */
export const job = { file: { id: 'hello_2.0_amd64_0123456789ab' } } as Job;

/** Writes files into `dir` and returns their paths. */
export async function inputsIn(dir: string, files: Readonly<Record<string, string>>): Promise<string[]> {
  return Promise.all(
    Object.entries(files).map(async ([name, text]) => {
      await writeFile(join(dir, name), text);
      return join(dir, name);
    }),
  );
}

export const LIMITS = { maxLogBytes: 1_000_000, maxResultBytes: 1_000_000, maxResults: 100 };

/** Whether a process runs; a zombie does not. */
export async function isAlive(pid: string): Promise<boolean> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return text !== '' && !/\) [ZX] /.test(text);
}

/** Waits for a file that the step writes, and returns its text. */
export function written(path: string): Promise<string> {
  return until(path, async () => (await readFile(path, 'utf8').catch(() => '')) || undefined);
}
