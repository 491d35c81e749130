/**
 * Signatures of outsiders, by gpgv. Two promises: the text returned is what gpgv says was signed, never the raw file; and gpgv's exit
 * status alone proves nothing (it is 0 for an expired key), only GOODSIG and VALIDSIG together do. Status lines: gnupg doc/DETAILS.
 */
import { open } from 'node:fs/promises';
import { ConfigError, TemporaryError, unless } from './errors.ts';
import type { Gpgv } from './gpgv.ts';

export interface GoodSignature {
  readonly good: true;
  /** The signed text, dash escaping undone. */
  readonly text: string;
  /** Fingerprint of the primary key, upper-case hex. */
  readonly fingerprint: string;
  /** User id as gpgv shows it: `Name <address>`. */
  readonly userId: string;
  /** The address in the user id, if it has one. */
  readonly address: string | undefined;
  /** gpgv's SIG_ID: the same for the same signature, wherever it is copied. */
  readonly id: string;
  readonly signedAt: Date;
}
export interface BadSignature {
  readonly good: false;
  /** A sentence that names the key where it is known. */
  readonly reason: string;
}

const CLEARSIGNED = '-----BEGIN PGP SIGNED MESSAGE-----';
const SIGNATURE_END = '-----END PGP SIGNATURE-----';

/** Whether a file claims to be clearsigned anywhere in it; then it is never read as plain text. */
export function isClearsigned(bytes: Buffer): boolean {
  return bytes.includes(CLEARSIGNED);
}

/** RFC 4880 7: `Hash` is the only header, and an empty line ends them; gpgv passes over any others, and over blanks in that line. */
const HEADERS = /^-----BEGIN PGP SIGNED MESSAGE-----[ \t]*\r?\n(Hash: [A-Za-z0-9, -]+\r?\n)*\r?\n/;

/** Anything outside the one signed part: who reads the raw file would see it, gpgv does not. */
export function hasTextOutside(bytes: Buffer): boolean {
  const raw = bytes.toString('latin1');
  const first = raw.indexOf(CLEARSIGNED);
  const end = raw.indexOf(SIGNATURE_END);
  if (first === -1 || end === -1) return true;
  const again = raw.indexOf(CLEARSIGNED, first + 1);
  if (!HEADERS.test(raw.slice(first, first + 1000))) return true;
  return raw.slice(0, first).trim() !== '' || raw.slice(end + SIGNATURE_END.length).trim() !== '' || again !== -1;
}

/** RFC 4880 9.4: MD5, SHA-1 and RIPEMD-160 no longer bind a signature to its text. */
const WEAK_HASHES: ReadonlyMap<string, string> = new Map([
  ['1', 'MD5'],
  ['2', 'SHA-1'],
  ['3', 'RIPEMD-160'],
]);

/** Why a status other than GOODSIG came; `%` stands for the key. */
const REFUSALS: readonly (readonly [status: string, reason: string])[] = [
  ['REVKEYSIG', 'the signing key % is revoked'],
  ['EXPKEYSIG', 'the signing key % has expired'],
  ['EXPSIG', 'the signature by key % has expired'],
  ['BADSIG', 'the signature by key % does not match the text: the file was changed after it was signed'],
  ['NO_PUBKEY', 'the signing key % is not in the keyring of this product'],
  ['ERRSIG', 'the signature by key % cannot be checked (unknown key or algorithm)'],
];

/** Checks a clearsigned text against a keyring. Throws ConfigError when the keyring cannot be read; a bad signature is a value. */
export async function checkSignature(gpgv: Gpgv, keyring: string, signed: Buffer): Promise<GoodSignature | BadSignature> {
  const answer = await gpgv(keyring, signed);
  const status = answer.status
    .split('\n')
    .filter((line) => line.startsWith('[GNUPG:] '))
    .map((line) => line.slice(9).split(' '));
  const all = (keyword: string): string[][] => status.filter(([first]) => first === keyword);
  for (const [keyword, reason] of REFUSALS) {
    const line = all(keyword)[0];
    if (line !== undefined) {
      if (keyword === 'NO_PUBKEY' || keyword === 'ERRSIG') await checkKeyring(keyring);
      return { good: false, reason: reason.replace('%', line[1] ?? '?') };
    }
  }
  const good = all('GOODSIG');
  const valid = all('VALIDSIG');
  const [, keyId = '?', ...userWords] = good[0] ?? [];
  const [, fingerprint = '', , timestamp = '', , , , , hash = '', signatureClass = '', primary = fingerprint] = valid[0] ?? [];
  if (good.length !== 1 || valid.length !== 1) {
    await checkKeyring(keyring);
    if (answer.failure !== undefined) throw new TemporaryError('E_GPGV', `gpgv failed: ${answer.failure}`);
    return {
      good: false,
      reason: good.length > 1 ? 'it bears more than one signature; exactly one is expected' : 'it bears no signature that can be checked',
    };
  }
  const weak = WEAK_HASHES.get(hash);
  if (weak !== undefined)
    return { good: false, reason: `the signature by key ${keyId} uses ${weak}, which is broken: sign with SHA-256 or stronger` };
  if (signatureClass !== '00' && signatureClass !== '01')
    return { good: false, reason: `the signature by key ${keyId} is of class ${signatureClass}, not one over a text` };
  const userId = unescapeStatus(userWords.join(' '));
  return {
    good: true,
    text: answer.text.toString('utf8'),
    fingerprint: primary,
    userId,
    address: /<([^<>\s]+@[^<>\s]+)>\s*$/.exec(userId)?.[1] ?? /^[^<>\s]+@[^<>\s]+$/.exec(userId)?.[0],
    id: all('SIG_ID')[0]?.[1] ?? `${fingerprint}.${timestamp}`,
    signedAt: new Date(Number(timestamp) * 1000),
  };
}

/** Undoes the %XX of a status line; gpgv leaves UTF-8 as it is. */
function unescapeStatus(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** An unreadable keyring makes gpgv say "no public key": tell the site, not the uploader. */
async function checkKeyring(path: string): Promise<void> {
  const handle = await unless(['EACCES'], undefined, unless(['ENOENT', 'EISDIR'], null, open(path)));
  if (handle === null) throw new ConfigError('E_KEYRING', `there is no keyring ${path}; make it with: gpg --export KEY… > ${path}`);
  if (handle === undefined)
    throw new ConfigError('E_KEYRING', `the keyring ${path} may not be read by the user of buildme; allow it: chmod a+r ${path}`);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(1), 0, 1, 0);
    // An OpenPGP packet has bit 7 set (RFC 4880 4.2); a keybox starts with a length of zero bytes.
    const first = buffer[0] ?? 0;
    if (bytesRead > 0 && first !== 0 && (first & 0x80) === 0) {
      throw new ConfigError(
        'E_KEYRING',
        `the keyring ${path} is not a binary one, which gpgv needs; make it with: gpg --export KEY… > ${path}, or gpg --dearmor < FILE.asc > ${path}`,
      );
    }
  } finally {
    await handle.close();
  }
}
