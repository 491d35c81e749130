/** What lies in incoming beside whole uploads, and faults of the site: nothing is opened that must not be, nothing lost. */
import { mkdir, open as openFile, readdir, rename, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Key, makeKey, writeKeyring } from '../helpers/key.ts';
import { run } from '../helpers/run.ts';
import { expectLegalStates } from '../helpers/tree.ts';
import { type Desk, makeDesk } from '../uploads/desk.ts';

const DAY = 86_400_000;
const CHANGES = 'pebble_1.0-1_source.changes';
const DSC = 'pebble_1.0-1.dsc';
const ORIG = 'pebble_1.0.orig.tar.gz';

let key: Key;
let desk: Desk;
beforeAll(async () => {
  key = await makeKey();
});
afterAll(() => key.remove());
afterEach(async () => {
  await expectLegalStates(desk.spool.root);
  await desk.remove();
});

describe('what is no upload at all', () => {
  it.each([
    ['a link', (path: string) => symlink('/etc/passwd', path), true],
    ['a fifo', (path: string) => run(['mkfifo', path]), true],
    ['a directory', (path: string) => mkdir(path), false],
  ])('%s with a name of a .changes is refused once, unopened', async (_, make, goes) => {
    desk = await makeDesk({ keys: [key] });
    await make(join(desk.incoming, CHANGES));
    await desk.upload({ key, source: 'marble' });
    await desk.verify();
    await desk.verify();
    expect(await desk.reason()).toMatch(new RegExp(`^${CHANGES} is not a regular file: it is a`));
    expect(await desk.left()).toEqual(goes ? [] : [CHANGES]);
    expect(await desk.ids('uploads')).toEqual(['marble_1.0-1_source']);
  });

  it('files of no trigger go after a week, with a notice', async () => {
    desk = await makeDesk({ keys: [key] });
    await writeFile(join(desk.incoming, ORIG), 'x');
    await writeFile(join(desk.incoming, DSC), 'x');
    desk.pass(7 * DAY - 3_600_000);
    await desk.verify();
    expect(await desk.left()).toEqual([DSC, ORIG]);
    desk.pass(7_200_000);
    await desk.verify();
    expect(await desk.left()).toEqual([]);
    expect(await desk.notices()).toMatchObject([{ kind: 'orphan', product: 'fremantle', body: expect.stringContaining(ORIG) }]);
  });
});

describe('a fault of the site', () => {
  it('in the keyring leaves every upload of the product where it is, and says so once', async () => {
    desk = await makeDesk({ keys: [key] });
    await desk.upload({ key });
    await desk.upload({ key, source: 'marble' });
    await desk.upload({ key }, join(desk.dir, 'incoming-diablo'));
    const keyring = join(desk.dir, 'keyring.gpg');
    await rename(keyring, `${keyring}.away`);
    await expect(desk.verify()).rejects.toMatchObject({ code: 'E_PRODUCT', faults: [expect.stringContaining(keyring)] });
    expect(await desk.left()).toHaveLength(8);
    await writeKeyring(keyring, [key]);
    expect((await desk.verify()).moved).toBe(3);
  });

  it('in one incoming stops no other product', async () => {
    desk = await makeDesk({ keys: [key] });
    await rm(join(desk.dir, 'incoming-diablo'), { recursive: true });
    await writeFile(join(desk.dir, 'incoming-diablo'), '');
    await desk.upload({ key });
    expect(await desk.verify()).toEqual({ moved: 1, kept: 0, broken: 1 });
    expect(desk.printed).toEqual([expect.stringContaining('product left: product=diablo code=ENOTDIR')]);
  });
});

it('a file that goes on growing is waited for, and taken when it is whole', async () => {
  desk = await makeDesk({ keys: [key] });
  await desk.upload({ key });
  const path = join(desk.incoming, ORIG);
  await truncate(path, 5);
  expect(await desk.verify()).toEqual({ moved: 0, kept: 1, broken: 0 });
  const file = await openFile(path, 'r+');
  await file.write('upstream of pebble 1.0\n', 0);
  await file.close();
  expect(await desk.verify()).toEqual({ moved: 1, kept: 0, broken: 0 });
  expect(await desk.ids('queued')).toHaveLength(2);
});

it('an upload that lists the .changes or .commands of another one takes neither along', async () => {
  desk = await makeDesk({ keys: [key] });
  await desk.upload({ key, omit: [ORIG] });
  await writeFile(join(desk.incoming, 'dcut.commands'), 'still arriving');
  const listed = [CHANGES, 'dcut.commands'].map((name) => ` ${'0'.repeat(64)} 1 ${name}`).join('\n');
  await writeFile(join(desk.incoming, 'evil_1_source.changes'), `Source: evil\nVersion: 1\nChecksums-Sha256:\n${listed}\n`);
  await utimes(join(desk.incoming, CHANGES), 1, 1);
  desk.pass(40_000);
  await writeFile(join(desk.incoming, 'dcut.commands'), 'still arriving');
  await desk.verify();
  expect(await desk.ids('rejected')).toContain('evil_1_source');
  expect(await desk.left()).toContain(CHANGES);
  expect(await readdir(join(await desk.entry('rejected', 'evil'), 'files'))).toEqual(['evil_1_source.changes']);
});

it('what nobody of ours signed is refused without a look at the bytes of its files', async () => {
  desk = await makeDesk({ keys: [key] });
  await desk.upload({});
  await truncate(join(desk.incoming, ORIG), 0);
  await truncate(join(desk.incoming, ORIG), 23);
  desk.pass(40_000);
  await desk.verify();
  expect(await desk.reason()).toBe(`${CHANGES} is not signed: sign it (debsign) with a key in the keyring of product fremantle\n`);
});

it('with settle = 0 a missing file is refused at once', async () => {
  desk = await makeDesk({ keys: [key], product: { settle: '0s' } });
  await desk.upload({ key, omit: [ORIG] });
  expect(await desk.verify()).toEqual({ moved: 1, kept: 0, broken: 0 });
  expect(await desk.reason()).toContain(`Can't stat ${ORIG}`);
});
