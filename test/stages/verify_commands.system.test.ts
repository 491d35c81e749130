/** dcut's .commands: who may take back what, and that each is answered. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { note } from '../../lib/spool/job.ts';
import { clearsign, type Key, makeKey, type SignOptions } from '../helpers/key.ts';
import { run } from '../helpers/run.ts';
import { expectLegalStates } from '../helpers/tree.ts';
import { type Desk, type DeskOptions, makeDesk, SETTLE_MS } from '../uploads/desk.ts';

const CHANGES = 'pebble_1.0-1_source.changes';
const ORIG = 'pebble_1.0.orig.tar.gz';

let uma: Key;
let otto: Key;
let desk: Desk;
beforeAll(async () => {
  [uma, otto] = await Promise.all([makeKey(), makeKey('Otto Operator <otto@example.org>')]);
});
afterAll(() => Promise.all([uma, otto].map((key) => key.remove())));
afterEach(async () => {
  await expectLegalStates(desk.spool.root);
  await desk.remove();
});

async function open(options: DeskOptions = {}): Promise<void> {
  desk = await makeDesk({ keys: [uma, otto], ...options });
}

async function command(key: Key, lines: readonly string[], options: SignOptions = {}): Promise<void> {
  const text = `Archive: local\nUploader: Somebody <somebody@example.org>\nCommands:\n${lines.map((line) => ` ${line} \n`).join('')}`;
  await writeFile(join(desk.incoming, 'dcut.somebody.1720000000.42.commands'), await clearsign(text, key, options));
}

async function answers(): Promise<string> {
  return (await desk.notices())
    .filter(({ kind }) => kind === 'commands')
    .map(({ body, to }) => `${to.join(' ')}\n${body}`)
    .join('');
}

it('rm removes files of an upload that is still arriving, and answers its signer', async () => {
  await open();
  await desk.upload({ key: uma, omit: [ORIG] });
  await desk.verify();
  await command(uma, ['rm --searchdirs pebble_1.0-1*', 'rm ../../etc/passwd', 'reschedule x.changes 1-day']);
  expect(await desk.verify()).toEqual({ moved: 1, kept: 0, broken: 0 });
  expect(await desk.left()).toEqual([]);
  const said = await answers();
  expect(said).toMatch(/^uma@example\.org\nUma Uploader <uma@example\.org> asked by dcut\./);
  expect(said).toContain(`  ${CHANGES}: removed`);
  expect(said).toContain('../../etc/passwd: names of files in incoming are expected, without a path');
  expect(said).toContain('this command is not known; rm and cancel are');
});

it('rm leaves the files of an upload that another key signed', async () => {
  await open();
  await desk.upload({ key: uma, omit: [ORIG] });
  await command(otto, ['rm *']);
  await desk.verify();
  expect(await desk.left()).toEqual(['pebble_1.0-1.debian.tar.xz', 'pebble_1.0-1.dsc', CHANGES]);
  expect(await answers()).toContain(`${CHANGES}: belongs to an upload that another key signed; left`);
});

it('rm of an operator removes them', async () => {
  await open({ global: { operators: 'operators' } });
  await writeFile(join(desk.dir, 'operators'), `${otto.fingerprint}\n`);
  await desk.upload({ key: uma, omit: [ORIG] });
  await command(otto, ['rm *']);
  await desk.verify();
  expect(await desk.left()).toEqual([]);
});

it('cancel comes before the upload of the same tick is taken', async () => {
  await open();
  await desk.upload({ key: uma });
  await command(uma, [`cancel ${CHANGES}`]);
  await desk.verify();
  expect([await desk.left(), await desk.ids('uploads')]).toEqual([[], []]);
});

it('cancel ends what no host has begun, and says what has', async () => {
  await open();
  await desk.upload({ key: uma });
  await desk.verify();
  const [first = '', second = ''] = await desk.spool.list('queued');
  await note(desk.spool.path('queued', second), new Date(), 'dispatch', 'claimed', { attempt: 1, step: 'build', host: 'h', workdir: '/w' });
  await note(desk.spool.path('queued', second), new Date(), 'collect', 'given-back', { reason: 'test' });
  await command(otto, [`cancel ${CHANGES}`]);
  await desk.verify();
  expect(await desk.ids('ended')).toEqual([]);
  await command(uma, [`cancel ${CHANGES}`, 'cancel other.changes']);
  await desk.verify();
  expect([await desk.spool.list('ended'), await desk.spool.list('queued')]).toEqual([[first], [second]]);
  expect(await readFile(join(await desk.entry('ended'), 'reason'), 'utf8')).toMatch(
    /^cancelled by Uma Uploader <uma@example\.org> \(key [0-9A-F]{40}\)/,
  );
  const said = await answers();
  for (const line of [
    'another key signed it; left',
    `job ${first}: cancelled`,
    `job ${second}: has begun or is over; left`,
    'other.changes: there is no such upload',
  ])
    expect(said).toContain(line);
});

it('.commands that were carried out count once', async () => {
  await open();
  const at = new Date(Date.now() - 60_000);
  await command(uma, [`rm ${CHANGES}`], { at });
  await desk.verify();
  await desk.upload({ key: uma, omit: [ORIG] });
  await command(uma, [`rm ${CHANGES}`], { at });
  expect(await desk.verify()).toEqual({ moved: 1, kept: 1, broken: 0 });
  expect(await desk.left()).toContain(CHANGES);
  expect(await desk.notices()).toHaveLength(1);
});

it.each([
  ['unsigned', async () => writeFile(join(desk.incoming, 'a.commands'), 'Commands:\n rm x\n'), 'a.commands is not signed'],
  ['without a command', async () => command(uma, []), 'has 0 commands'],
  ['too old', async () => command(uma, ['rm x'], { at: new Date(Date.now() - 1.5 * 86_400_000) }), 'takes none older than 1 days'],
  ['of 2 GB', async () => run(['truncate', '-s', '2G', join(desk.incoming, 'a.commands')]), 'has 2147483648 bytes'],
])('.commands that are %s are rejected after settle', async (_, make, words) => {
  await open({ product: { signature_age: '1d' } });
  await make();
  await desk.upload({ key: uma });
  expect(await desk.verify()).toEqual({ moved: 1, kept: 1, broken: 0 });
  desk.pass(SETTLE_MS);
  expect(await desk.verify()).toEqual({ moved: 1, kept: 0, broken: 0 });
  expect(await desk.reason()).toContain(words);
  expect(await desk.left()).toEqual([]);
});

it('what the real dcut writes is understood', async () => {
  await open();
  await desk.upload({ key: uma, omit: [ORIG] });
  const cf = join(desk.dir, 'dput.cf');
  await writeFile(cf, `[local]\nmethod = local\nincoming = ${desk.incoming}\nallow_dcut = 1\n`);
  const file = join(desk.dir, 'x.commands');
  await run(
    ['dcut', '-c', cf, '-O', file, '-k', uma.fingerprint, '-m', 'Uma Uploader <uma@example.org>', '--host', 'local', 'rm', CHANGES],
    { cwd: desk.dir, env: { GNUPGHOME: uma.home } },
  );
  await writeFile(join(desk.incoming, 'dcut.uma.commands'), await readFile(file));
  await desk.verify();
  expect(await desk.left()).not.toContain(CHANGES);
  expect(await answers()).toContain(`${CHANGES}: removed`);
});
