import { chmod, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { demoDir, takeDir } from '../../lib/demo/site.ts';
import { makeTemp, removeTemp } from '../helpers/run.ts';

let dir: string;
beforeAll(async () => {
  dir = await makeTemp('demo');
});
afterAll(() => removeTemp(dir));
afterEach(() => vi.unstubAllEnvs());

describe('BUILDME_DEMO_DIR', () => {
  it.each(['relative/path', '/with blank', '/with%percent', `/${'x'.repeat(80)}`])('%j is refused', (name) => {
    vi.stubEnv('BUILDME_DEMO_DIR', name);
    expect(demoDir).toThrow(/expected an absolute path/);
  });
  it('is /var/tmp/buildme-demo when it is empty', () => {
    vi.stubEnv('BUILDME_DEMO_DIR', '');
    expect(demoDir()).toBe('/var/tmp/buildme-demo');
  });
});

describe("the demo's directory", () => {
  it('is made, and taken by one demo at a time', async () => {
    const path = join(dir, 'new');
    const lock = await takeDir(path);
    await expect(takeDir(path)).rejects.toThrow(/another demo is running/);
    lock.release();
    (await takeDir(path)).release();
  });
  it('that others can write to, or that is a link, is not touched', async () => {
    await mkdir(join(dir, 'open'));
    await chmod(join(dir, 'open'), 0o777);
    await symlink('new', join(dir, 'link'));
    for (const name of ['open', 'link'])
      await expect(takeDir(join(dir, name))).rejects.toThrow(/not a directory that you alone can write to/);
  });
});
