import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { endOf, exec } from '../lib/exec.ts';

describe('child processes', () => {
  it('gives status, both outputs and what came over the fourth descriptor', async () => {
    const result = await exec(['sh', '-c', 'cat; echo oops >&2; echo extra >&3; exit 7'], { input: 'hello', extra: true });
    expect(result).toMatchObject({ status: 7, signal: null, stderr: 'oops\n', extra: 'extra\n', timedOut: false });
    expect(result.stdout.toString()).toBe('hello');
    expect(endOf(result)).toBe('exit status 7: oops');
  });

  it('a program that is not there is told by its name', async () => {
    await expect(exec(['/nonexistent/program'])).rejects.toMatchObject({
      code: 'E_NO_PROGRAM',
      message: expect.stringContaining('/nonexistent/program'),
    });
  });

  it('after the time limit the whole group is gone, and nobody waits for its pipes', async () => {
    const began = Date.now();
    const result = await exec(['sh', '-c', 'sleep 600 & echo $!; wait'], { timeoutMs: 200 });
    expect(result).toMatchObject({ status: null, signal: 'SIGKILL', timedOut: true });
    expect(Date.now() - began).toBeLessThan(10_000);
    const pid = Number(result.stdout.toString());
    await expect.poll(() => isAlive(pid)).toBe(false);
  });

  it('a child that writes too much is stopped, and no more than the limit is kept', async () => {
    const result = await exec(['sh', '-c', 'yes'], { maxBytes: 100_000 });
    expect(result.signal).toBe('SIGKILL');
    expect(result.stdout.length).toBeLessThanOrEqual(100_000);
  });

  it('arguments travel as they are, never through a shell', async () => {
    const result = await exec(['printf', '%s', '$(id); "x" \'y\'\n']);
    expect(result.stdout.toString()).toBe('$(id); "x" \'y\'\n');
  });
});

/** Whether a process with this id runs: a zombie does not. */
function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
