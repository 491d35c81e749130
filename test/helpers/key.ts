/**
 * Real OpenPGP keys of uploaders and repositories, each in a GNUPGHOME of its own. One promise: `remove` leaves neither files nor an agent.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeTemp, removeTemp, run } from './run.ts';

export interface Key {
  /** GNUPGHOME */
  readonly home: string;
  /** Upper-case hex of the primary key. */
  readonly fingerprint: string;
  readonly userId: string;
  /** The binary public key as it was when it was made. */
  readonly publicKey: Buffer;
  remove(): Promise<void>;
}

export interface KeyOptions {
  /** When it was made; two days ago by default, so that signatures can be dated back a little. */
  readonly at?: Date;
  /** gpg's own words: `1d`, `never`. Default `never`. */
  readonly expires?: string;
}

const DAY_MS = 86_400_000;

/** Makes a key without a passphrase. About 30 ms. */
export async function makeKey(userId = 'Uma Uploader <uma@example.org>', options: KeyOptions = {}): Promise<Key> {
  const home = await makeTemp('gpg');
  const at = options.at ?? new Date(Date.now() - 2 * DAY_MS);
  await gpg(home, ['--passphrase', '', ...fakedTime(at), '--quick-gen-key', userId, 'ed25519', 'sign', options.expires ?? 'never']);
  const listed = await gpg(home, ['--with-colons', '--list-keys']);
  const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(listed)?.[1];
  if (fingerprint === undefined) throw new Error(`gpg lists no fingerprint for ${userId}: ${listed}`);
  const file = join(home, 'public.gpg');
  await gpg(home, ['--output', file, '--export', fingerprint]);
  return {
    home,
    fingerprint,
    userId,
    publicKey: await readFile(file),
    remove: async () => {
      await run(['gpgconf', '--homedir', home, '--kill', 'gpg-agent']);
      await removeTemp(home);
    },
  };
}

/** The same key, revoked by the certificate that gpg made along with it; the one given signs on. */
export async function revoke(key: Key): Promise<Key> {
  const certificate = await readFile(join(key.home, 'openpgp-revocs.d', `${key.fingerprint}.rev`), 'utf8');
  const home = await makeTemp('gpg');
  const remove = async (): Promise<void> => {
    await run(['gpgconf', '--homedir', home, '--kill', 'gpg-agent']);
    await removeTemp(home);
  };
  await gpg(home, ['--import'], key.publicKey);
  // gpg guards the certificate against accidents with a colon before its first line.
  await gpg(home, ['--import'], certificate.replace(/^:-----BEGIN/m, '-----BEGIN'));
  const file = join(home, 'public.gpg');
  await gpg(home, ['--output', file, '--export', key.fingerprint]);
  return { ...key, publicKey: await readFile(file), remove };
}

/** Writes a binary keyring, as gpgv and `keyring =` want it. */
export async function writeKeyring(path: string, keys: readonly Key[]): Promise<void> {
  await writeFile(path, Buffer.concat(keys.map((key) => key.publicKey)));
}

export interface SignOptions {
  /** The date that the signature bears; now by default. */
  readonly at?: Date;
  /** gpg's own words: `SHA1`. */
  readonly digest?: string;
}

/** Clearsigns text. About 20 ms. */
export async function clearsign(text: string | Buffer, key: Key, options: SignOptions = {}): Promise<string> {
  const weak = options.digest === undefined ? [] : ['--digest-algo', options.digest, '--allow-weak-digest-algos'];
  const time = options.at === undefined ? [] : fakedTime(options.at);
  return gpg(key.home, [...time, ...weak, '--local-user', key.fingerprint, '--clearsign'], text);
}

/** Clearsigns a file in place. */
export async function clearsignFile(path: string, key: Key, options: SignOptions = {}): Promise<void> {
  const signed = await clearsign(await readFile(path), key, options);
  await writeFile(`${path}.signed`, signed);
  await rename(`${path}.signed`, path);
}

/** `!` freezes gpg's clock at that second. */
function fakedTime(at: Date): string[] {
  return ['--faked-system-time', `${Math.floor(at.getTime() / 1000)}!`];
}

function gpg(home: string, args: readonly string[], input?: string | Buffer): Promise<string> {
  return run(['gpg', '--homedir', home, '--batch', '--no-tty', '--quiet', ...args], input === undefined ? {} : { input });
}
