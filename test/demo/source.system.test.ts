import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packDsc } from '../../lib/demo/source.ts';
import { exec } from '../../lib/exec.ts';
import { type Key, makeKey, writeKeyring } from '../helpers/key.ts';
import { buildSource } from '../helpers/packages.ts';
import { makeTemp, removeTemp, run } from '../helpers/run.ts';

let dir: string;
let stranger: Key;
let ours: Key;
beforeAll(async () => {
  dir = await makeTemp('source');
  stranger = await makeKey('Sam Stranger <sam@example.org>');
  ours = await makeKey();
  await writeKeyring(join(dir, 'ours.gpg'), [ours]);
});
afterAll(async () => {
  await stranger.remove();
  await ours.remove();
  await removeTemp(dir);
});

it("somebody's signed source package becomes an upload of ours: for our suite, the same files, our signature alone", async () => {
  const theirs = await buildSource('pocketcal', join(dir, 'theirs'), { key: stranger });
  const upload = await packDsc(join(theirs.dir, theirs.dsc), join(dir, 'ours'), 'stable', ours);
  expect(upload).toMatchObject({ source: 'pocketcal', version: '1.4-1', dsc: theirs.dsc });
  expect(upload.upload).toEqual([
    'pocketcal_1.4-1.dsc',
    'pocketcal_1.4.orig.tar.gz',
    'pocketcal_1.4-1.debian.tar.xz',
    'pocketcal_1.4-1_source.changes',
  ]);
  await run([
    'dscverify',
    '--no-conf',
    '--no-default-keyrings',
    '--no-sig-check',
    '--keyring',
    join(dir, 'ours.gpg'),
    join(upload.dir, upload.changes),
  ]);
  await run(['gpgv', '--keyring', join(dir, 'ours.gpg'), join(upload.dir, upload.changes)]);
  expect(await readFile(join(upload.dir, upload.changes), 'utf8')).toMatch(/^Distribution: stable$/m);
  expect(await readFile(join(upload.dir, upload.dsc), 'utf8')).toMatch(/^Format: 3\.0 \(quilt\)\n(?:(?!-----)[^\n]*\n)*$/);
  const orig = 'pocketcal_1.4.orig.tar.gz';
  expect((await exec(['cmp', join(theirs.dir, orig), join(upload.dir, orig)])).status).toBe(0);
});

it('a .dsc without its files is refused and names the one that is missing', async () => {
  const theirs = await buildSource('wordtally', join(dir, 'torn'));
  await rm(join(theirs.dir, 'wordtally_3.2.tar.xz'));
  await expect(packDsc(join(theirs.dir, theirs.dsc), join(dir, 'never'), 'stable', ours)).rejects.toMatchObject({
    code: 'E_MISSING',
    message: expect.stringContaining('lists wordtally_3.2.tar.xz'),
  });
  expect(await readdir(dir)).not.toContain('never');
});
