/** Fetching from a host, whatever a step left there, and where attempts may lie; over the local transport. */
import { chmod, chown, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exec } from '../../lib/exec.ts';
import type { Host } from '../../lib/hosts/host.ts';
import { localTransport } from '../../lib/hosts/local.ts';
import { shellHost } from '../../lib/hosts/shell.ts';
import { isRoot, makeTemp, removeTemp } from '../helpers/run.ts';
import { claimFor, commandFor, job, LIMITS } from '../steps/attempt.ts';

let temp: string;
let host: Host;
let dir: string;

beforeEach(async () => {
  temp = await makeTemp('shell');
  host = shellHost('h', localTransport('h', exec));
  dir = join(temp, 'work', 'job.build.1');
});
afterEach(async () => {
  await host.clean(dir).catch(() => undefined);
  await removeTemp(temp);
});

async function start(command: string): Promise<void> {
  await host.start(job, claimFor(dir, commandFor(command)), commandFor(command));
}

describe('fetching', () => {
  async function fetched(
    command: string,
    limits = LIMITS,
  ): Promise<{ results: readonly string[]; refused: readonly string[]; into: string }> {
    await start(command);
    await host.wait([dir], 30_000);
    const into = join(temp, 'into');
    await mkdir(into);
    return { ...(await host.fetch(dir, into, limits)), into };
  }

  it('brings log and regular files and nothing else, and names what it refuses', async () => {
    await writeFile(join(temp, 'secret'), 'secret');
    const { results, refused, into } = await fetched(
      `cd "$BUILDME_OUT"; echo log; echo 1 >b.deb; echo 2 >'a b.changes'; ln -s ${temp}/secret link.deb; mkdir dir; mkfifo fifo; echo >.dot; echo >"new
line"; printf x >"$(printf '\\377')"; echo >'..x'; echo >./-rf.changes`,
    );
    expect(results).toEqual(['a b.changes', 'b.deb']);
    expect(refused).toHaveLength(8);
    expect(refused).toContain('"link.deb" is a symbolic link, not a regular file');
    expect(refused).toContain('"dir" is a directory, not a regular file');
    expect(refused).toContain('"fifo" is a device, socket or fifo, not a regular file');
    expect(refused.join()).toContain('"new\\nline" is no name');
    expect((await readdir(into)).sort()).toEqual(['log', 'out']);
    expect((await readdir(join(into, 'out'))).sort()).toEqual(['a b.changes', 'b.deb']);
    expect(await readFile(join(into, 'log'), 'utf8')).toBe('log\n');
  });

  it('of too many results brings none', async () => {
    const { results, refused } = await fetched('cd "$BUILDME_OUT"; i=0; while [ $i -lt 101 ]; do : >f$i; i=$((i+1)); done');
    expect([results, refused]).toEqual([[], ['there are more than 100 entries (max_results); none was fetched']]);
  });

  it('of too large results brings those that fit', async () => {
    const { results, refused, into } = await fetched(
      'cd "$BUILDME_OUT"; head -c 600000 /dev/zero >a; head -c 600000 /dev/zero >b; echo >c',
    );
    expect(results).toEqual(['a', 'c']);
    expect(refused).toEqual(['b makes the results larger than 1000000 bytes (max_result_size)']);
    expect((await readdir(join(into, 'out'))).sort()).toEqual(['a', 'c']);
  });

  it('takes a result directory that became a link for none', async () => {
    await writeFile(join(temp, 'secret'), 'secret');
    const { results } = await fetched(`rmdir "$BUILDME_OUT"; ln -s ${temp} "$BUILDME_OUT"`);
    expect(results).toEqual([]);
  });

  it('takes a log that became a link for an empty one', async () => {
    await writeFile(join(temp, 'secret'), 'secret');
    const { into } = await fetched(`rm "$BUILDME_OUT/../log"; ln -s ${temp}/secret "$BUILDME_OUT/../log"`);
    expect(await readFile(join(into, 'log'), 'utf8')).toBe('');
  });

  it('of an attempt that never began brings an empty log', async () => {
    await host.close(dir);
    const into = join(temp, 'into');
    await mkdir(into);
    expect(await host.fetch(dir, into, LIMITS)).toEqual({ results: [], refused: [] });
    expect((await stat(join(into, 'log'))).size).toBe(0);
  });
});

describe('a host that cannot work', () => {
  it.skipIf(process.getuid?.() === 0)('says so when its workdir cannot be written', async () => {
    await chmod(temp, 0o555);
    await expect(start('true')).rejects.toMatchObject({ code: 'E_HOST_RUNNER' });
    await chmod(temp, 0o755);
  });

  it('says so when its workdir is no directory', async () => {
    await symlink('/dev/null', join(temp, 'work'));
    await expect(start('true')).rejects.toMatchObject({ code: 'E_HOST_RUNNER' });
  });
});

describe('the place of all attempts', () => {
  it.each([
    ['a link', () => symlink(temp, join(temp, 'work'))],
    ['writable for everybody', () => mkdir(join(temp, 'work')).then(() => chmod(join(temp, 'work'), 0o777))],
  ])('is refused when it is %s', async (_, make) => {
    await make();
    await expect(start('true')).rejects.toMatchObject({
      code: 'E_HOST_RUNNER',
      message: expect.stringContaining('set another workdir'),
    });
    await expect(host.close(dir)).rejects.toMatchObject({ code: 'E_HOST_RUNNER' });
  });

  it.skipIf(!isRoot)('is refused when it belongs to somebody else', async () => {
    await mkdir(join(temp, 'work'));
    await chown(join(temp, 'work'), 65_534, 65_534);
    await expect(start('true')).rejects.toThrow('belongs to somebody else');
  });
});
