import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { appendDurable, copyHashing, openRegular, readJsonLines, tryLock, waitLock, writeDurable } from '../../lib/disk.ts';
import { Spool } from '../../lib/spool/spool.ts';

let dir: string;
let spool: Spool;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'buildme-spool-'));
  spool = new Spool(dir);
  await spool.prepare();
});
afterEach(() => rm(dir, { recursive: true }));

describe('the spool', () => {
  it('an entry made in a workspace appears whole, by one rename', async () => {
    const workspace = await spool.workspace('x');
    await writeFile(join(workspace, 'job.json'), '{}');
    await spool.create(workspace, 'queued', 'x');
    expect(await spool.list('queued')).toEqual(['x']);
    expect(await readdir(join(dir, 'tmp'))).toEqual([]);
  });

  it('a move onto an id that is there already fails and changes nothing', async () => {
    for (const state of ['queued', 'failed'] as const) {
      await mkdir(spool.path(state, 'x'));
      await writeFile(join(spool.path(state, 'x'), 'f'), state);
    }
    await expect(spool.move('x', 'queued', { state: 'failed' })).rejects.toThrow(/ENOTEMPTY|EEXIST/);
    expect(await readFile(join(spool.path('failed', 'x'), 'f'), 'utf8')).toBe('failed');
    expect(await spool.list('queued')).toEqual(['x']);
  });

  it('a running job is found with its host', async () => {
    await mkdir(spool.path('queued', 'x'));
    await spool.move('x', 'queued', { state: 'running', host: 'h1' });
    expect(await spool.find('x')).toEqual({ state: 'running', host: 'h1' });
  });

  it('names that are not ours are left out', async () => {
    await mkdir(join(dir, 'queued', '.new-1'));
    await mkdir(join(dir, 'queued', 'a b'));
    expect(await spool.list('queued')).toEqual([]);
    expect(spool.isEmpty('queued')).toBe(true);
  });

  it('a lock excludes a second taker in the same process, and is free after release', async () => {
    const lock = spool.tryLock('verify');
    expect(lock).toBeDefined();
    expect(spool.tryLock('verify')).toBeUndefined();
    expect(await waitLock(join(dir, 'lock', 'verify'), 50)).toBeUndefined();
    lock?.release();
    const again = tryLock(join(dir, 'lock', 'verify'));
    expect(again).toBeDefined();
    again?.release();
  });
});

describe('durable files', () => {
  it('a torn last line is dropped, and the next line does not run into it', async () => {
    const file = join(dir, 'journal');
    await writeFile(file, '{"a":1}\n{"a":2');
    await appendDurable(file, '{"a":3}\n');
    expect(await readJsonLines(file)).toEqual([{ a: 1 }, { a: 3 }]);
  });

  it('a write replaces the file as a whole and leaves no litter', async () => {
    const file = join(dir, 'f');
    await writeDurable(file, 'one');
    await writeDurable(file, 'two');
    expect(await readFile(file, 'utf8')).toBe('two');
    expect((await readdir(dir)).filter((name) => name.startsWith('.new-'))).toEqual([]);
  });

  it('a copy has the digests of what was read, and a link is refused', async () => {
    await writeFile(join(dir, 'a'), 'hello');
    const copied = await copyHashing(join(dir, 'a'), join(dir, 'b'), ['md5', 'sha256']);
    expect(copied).toEqual({
      size: 5,
      digests: { md5: '5d41402abc4b2a76b9719d911017c592', sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824' },
    });
    const { symlink } = await import('node:fs/promises');
    await symlink('/etc/passwd', join(dir, 'l'));
    await expect(openRegular(join(dir, 'l'))).rejects.toMatchObject({ code: 'E_NOT_REGULAR' });
    await expect(openRegular(dir)).rejects.toMatchObject({ code: 'E_NOT_REGULAR' });
  });

  it('a copy stops at the limit', async () => {
    await writeFile(join(dir, 'a'), 'hello');
    await expect(copyHashing(join(dir, 'a'), join(dir, 'b'), [], { maxBytes: 4 })).rejects.toMatchObject({ code: 'E_TOO_BIG' });
  });
});
