/** Every bad upload of the list: a clear message, nothing lost, and the good upload of the same tick goes on. */
import { readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Key, makeKey, revoke } from '../helpers/key.ts';
import { run } from '../helpers/run.ts';
import { expectLegalStates } from '../helpers/tree.ts';
import { cutShort, flipByte, grow, type UploadOptions } from '../helpers/upload.ts';
import { type Desk, makeDesk, SETTLE_MS } from '../uploads/desk.ts';

const DAY = 86_400_000;
const CHANGES = 'pebble_1.0-1_source.changes';
const DSC = 'pebble_1.0-1.dsc';
const ORIG = 'pebble_1.0.orig.tar.gz';

let key: Key;
let stranger: Key;
let expired: Key;
let toRevoke: Key;
let revoked: Key;
let desk: Desk;

beforeAll(async () => {
  key = await makeKey();
  stranger = await makeKey('Stranger <stranger@example.org>');
  expired = await makeKey('Late <late@example.org>', { expires: '1d' });
  toRevoke = await makeKey('Gone <gone@example.org>');
  revoked = await revoke(toRevoke);
});
afterAll(async () => {
  await Promise.all([key, stranger, expired, toRevoke, revoked].map((each) => each.remove()));
});
afterEach(async () => {
  await expectLegalStates(desk.spool.root);
  await desk.remove();
});

interface Case {
  readonly name: string;
  readonly upload?: () => UploadOptions;
  /** What happens in incoming after the drop. */
  readonly after?: (incoming: string) => Promise<unknown>;
  readonly product?: Readonly<Record<string, string>>;
  /** What every one of has to be in the reason. */
  readonly says: readonly (string | RegExp)[];
  /** How long it is waited for. Default: settle. */
  readonly afterMs?: number;
  /** Refused without waiting for settle. */
  readonly atOnce?: boolean;
}

const CASES: readonly Case[] = [
  {
    name: 'a missing file',
    upload: () => ({ key, omit: [] }),
    after: (dir) => rm(join(dir, ORIG)),
    says: [`Can't stat ${ORIG}: No such file or directory; ${CHANGES} lists it`],
    afterMs: DAY,
  },
  {
    name: 'an orig that was left out and is nowhere',
    upload: () => ({ key, omit: [ORIG] }),
    says: [`Can't stat ${ORIG}`, `${DSC} lists it`],
    afterMs: DAY,
  },
  {
    name: 'a truncated file',
    after: (dir) => cutShort(join(dir, ORIG)),
    says: [/^File size for pebble_1\.0\.orig\.tar\.gz does not match that specified in .*\.changes: 23 bytes were announced, 22 are there/],
  },
  { name: 'a truncated .dsc', after: (dir) => cutShort(join(dir, DSC)), says: [`File size for ${DSC} does not match`] },
  { name: 'a truncated .changes', after: (dir) => truncate(join(dir, CHANGES), 400), says: ['has text outside its one signed part'] },
  { name: 'an empty .changes', after: (dir) => truncate(join(dir, CHANGES), 0), says: ['is not signed', 'the field Source is missing'] },
  { name: 'a file that grew', after: (dir) => grow(join(dir, ORIG)), says: ['23 bytes were announced, 24 are there'] },
  {
    name: 'a file with other content',
    after: (dir) => flipByte(join(dir, ORIG)),
    says: [/^md5sum for pebble_1\.0\.orig\.tar\.gz does not match/],
  },
  { name: 'a .dsc with other content', after: (dir) => flipByte(join(dir, DSC)), says: [/^md5sum for pebble_1\.0-1\.dsc does not match/] },
  { name: 'a changed .changes', after: (dir) => flipByte(join(dir, CHANGES)), says: ['was changed after it was signed'] },
  { name: 'no signature', upload: () => ({}), says: [`${CHANGES} is not signed: sign it (debsign)`] },
  { name: 'a key that is not in the keyring', upload: () => ({ key: stranger }), says: ['is not in the keyring of this product'] },
  { name: 'an expired key', upload: () => ({ key: expired, signing: { at: new Date(Date.now() - 1.5 * DAY) } }), says: ['has expired'] },
  { name: 'a revoked key', upload: () => ({ key: toRevoke }), says: ['is revoked'] },
  {
    name: 'a SHA-1 signature',
    upload: () => ({ key, signing: { digest: 'SHA1' } }),
    says: [/SHA-1, which is broken|cannot be checked|no signature/],
  },
  {
    name: 'a .dsc that another key signed wrongly',
    upload: () => ({ key, dscKey: stranger }),
    says: [`${DSC}: the signing key`, 'is not in the keyring'],
  },
  {
    name: 'text before the signed part',
    upload: () => ({ key, afterSigning: (text) => `Source: other\n\n${text}` }),
    says: ['has text outside its one signed part'],
  },
  {
    name: 'text behind the signed part',
    upload: () => ({ key, afterSigning: (text) => `${text}Source: other\n` }),
    says: ['has text outside its one signed part'],
  },
  {
    name: 'a text among the headers of its signature',
    upload: () => ({ key, afterSigning: (text) => text.replace(/^Hash: .*\n/m, '$&Source: other\n') }),
    says: ['has text outside its one signed part'],
  },
  {
    name: 'headers of its signature that do not end for every reader',
    upload: () => ({ key, afterSigning: (text) => text.replace('\n\n', '\n \n') }),
    says: ['has text outside its one signed part'],
  },
  {
    name: 'itself among its files',
    upload: () => ({ editChanges: listItself }),
    product: { unsigned: 'accept' },
    says: [`${CHANGES} is listed as a file of itself`],
  },
  {
    name: 'two signed parts',
    upload: () => ({ key, afterSigning: (text) => text + text }),
    says: ['has text outside its one signed part'],
  },
  {
    name: 'a name with a path',
    upload: () => ({ key, editChanges: (text) => text.replaceAll(ORIG, `../../${ORIG}`) }),
    says: [`lists '../../${ORIG}'`, 'no path and no leading dot'],
  },
  {
    name: 'an absolute name',
    upload: () => ({ key, editChanges: (text) => text.replaceAll(ORIG, '/etc/passwd') }),
    says: ["lists '/etc/passwd'"],
  },
  {
    name: 'a link for a file',
    after: (dir) => swap(join(dir, ORIG), (path) => symlink('/etc/passwd', path)),
    says: [`${ORIG} is not a regular file: it is a symbolic link`],
  },
  {
    name: 'a link for the .dsc',
    after: (dir) => swap(join(dir, DSC), (path) => symlink('/etc/passwd', path)),
    says: [`${DSC} is not a regular file: it is a symbolic link`],
  },
  {
    name: 'a fifo for a file',
    after: (dir) => swap(join(dir, ORIG), (path) => run(['mkfifo', path])),
    says: [`${ORIG} is not a regular file: it is a special file`],
  },
  {
    name: 'NUL bytes',
    upload: () => ({ key, editChanges: (text) => text.replace('A change', 'A\0change') }),
    says: ['has the control character 0x00 in line'],
  },
  {
    name: 'an escape sequence',
    upload: () => ({ key, editChanges: (text) => text.replace('A change', 'A \u001b[2J') }),
    says: ['has the control character 0x1b'],
  },
  {
    name: 'a text that is not UTF-8',
    upload: () => ({ afterSigning: (text) => text }),
    after: (dir) => writeFile(join(dir, CHANGES), Buffer.from([0x53, 0x3a, 0xff, 0x0a])),
    says: ['is not UTF-8'],
  },
  {
    name: 'a field twice',
    upload: () => ({ key, editChanges: (text) => `${text}Source: marble\n` }),
    says: ['gives the field Source a second time'],
  },
  {
    name: 'fields missing',
    upload: () => ({ key, editChanges: (text) => text.replace(/^(Format|Distribution|Maintainer):.*\n/gm, '') }),
    says: ['the field Format is missing', 'the field Distribution is missing', 'the field Maintainer is missing'],
  },
  {
    name: 'no SHA-256',
    upload: () => ({ key, editChanges: (text) => text.replace(/Checksums-Sha256:\n( .*\n)+/, '') }),
    says: ['the field Checksums-Sha256 is missing'],
  },
  {
    name: 'an unknown suite',
    atOnce: true,
    upload: () => ({ key, distribution: 'sid' }),
    says: ['Distribution is sid; product fremantle takes stable, unstable'],
  },
  {
    name: 'an architecture that nobody builds',
    atOnce: true,
    upload: () => ({ key, architecture: 's390x' }),
    says: ["Architecture of the source is 's390x'"],
  },
  { name: 'a field of 2 GB', after: (dir) => truncate(join(dir, CHANGES), 2 ** 31), says: [/has 2147483648 bytes; at most \d+ are taken/] },
  {
    name: 'more than the product takes',
    product: { max_upload_size: '1000' },
    says: ['bytes in all; product fremantle takes at most 1000'],
  },
  {
    name: 'an old signature',
    atOnce: true,
    upload: () => ({ key, signing: { at: new Date(Date.now() - 1.5 * DAY) } }),
    product: { signature_age: '1d' },
    says: ['takes none older than 1 days'],
  },
  {
    name: 'a signature of the future',
    atOnce: true,
    upload: () => ({ key, signing: { at: new Date(Date.now() + 3 * DAY) } }),
    says: [/in the future|cannot be checked|no signature/],
  },
  {
    name: 'many faults',
    upload: () => ({ key, distribution: 'sid', architecture: 's390x', editChanges: (text) => text.replace('Format: 1.8', 'Format: 2') }),
    says: ["Format is '2'", 'Distribution is sid', "Architecture of the source is 's390x'"],
  },
];

/** With the size that it will have. */
function listItself(text: string): string {
  const zeros = (digits: number): string => '0'.repeat(digits);
  const withSize = (size: number): string =>
    text.replace(
      /(Checksums-Sha1|Checksums-Sha256|Files):\n/g,
      (line, field: string) =>
        `${line} ${zeros({ 'Checksums-Sha1': 40, 'Checksums-Sha256': 64, Files: 32 }[field] ?? 0)} ${size}${field === 'Files' ? ' misc optional' : ''} ${CHANGES}\n`,
    );
  return withSize(withSize(1000).length);
}

async function swap(path: string, make: (path: string) => Promise<unknown>): Promise<void> {
  await rm(path);
  await make(path);
}

describe('an upload with', () => {
  it.each(CASES)('$name is rejected, and says so', async ({ upload, after, product, says, afterMs, atOnce }) => {
    desk = await makeDesk({ keys: [key, expired, revoked], ...(product === undefined ? {} : { product }) });
    const { incoming, ids, verify, pass, reason, left, entry } = desk;
    const names = await desk.upload(upload?.() ?? { key });
    await after?.(incoming);
    if (product?.max_upload_size === undefined)
      await desk.upload({ key, source: 'marble', signing: { at: new Date(Date.now() - 3_600_000) } });
    const regular = (await readdir(incoming, { withFileTypes: true }))
      .filter((each) => each.isFile() && names.includes(each.name))
      .map((each) => each.name);

    // Signed and matching: nothing that may still arrive could make it right.
    expect(await verify()).toMatchObject({ kept: atOnce === true ? 0 : 1, broken: 0 });
    if (atOnce !== true) {
      expect(await ids('rejected')).toEqual([]);
      pass(afterMs ?? SETTLE_MS);
      expect(await verify()).toEqual({ moved: 1, kept: 0, broken: 0 });
    }

    const reasons = (await reason()).trimEnd().split('\n');
    for (const each of says)
      expect(reasons).toContainEqual(typeof each === 'string' ? expect.stringContaining(each) : expect.stringMatching(each));
    if (product?.max_upload_size === undefined) expect(await ids('queued')).toEqual(['marble_1.0-1_amd64', 'marble_1.0-1_arm64']);
    // What cannot be read as an upload names nothing: its files stay for whoever names them, or for a week.
    const kept = await readdir(join(await entry('rejected'), 'files'));
    expect([...kept, ...(await left())].sort()).toEqual(regular.sort());
    expect(kept).toContain(CHANGES);
    expect(desk.printed).toEqual([]);
  });
});
