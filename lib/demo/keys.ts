/** Signing keys without a passphrase, each in a GNUPGHOME of its own that stays from run to run. Good for a demo and for nothing else. */
import { mkdir } from 'node:fs/promises';
import { writeDurable } from '../disk.ts';
import { ExpectedError } from '../errors.ts';
import { exec } from '../exec.ts';
import { must } from './journey.ts';

export interface SigningKey {
  /** GNUPGHOME */
  readonly home: string;
  /** Upper-case hex of the primary key. */
  readonly fingerprint: string;
}

/** The key in `home`, made for `userId` when there is none. */
export async function keyIn(home: string, userId: string): Promise<SigningKey> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const listed = await secretKey(home);
  if (listed === undefined) await gpg(home, ['--passphrase', '', '--quick-gen-key', userId, 'ed25519', 'sign', 'never']);
  const fingerprint = listed ?? (await secretKey(home));
  if (fingerprint === undefined) throw new ExpectedError('E_KEY', `gpg made no key in ${home}`);
  return { home, fingerprint };
}

async function secretKey(home: string): Promise<string | undefined> {
  return /^fpr:+([0-9A-F]{40}):/m.exec(await gpg(home, ['--with-colons', '--list-secret-keys']))?.[1];
}

/** Writes the binary public key, as gpgv, `keyring =` and apt's Signed-By want it. */
export async function exportKey({ home, fingerprint }: SigningKey, path: string): Promise<void> {
  const { stdout } = await exec(['gpg', '--homedir', home, '--batch', '--export', fingerprint]);
  await writeDurable(path, stdout);
}

/** Ends the agent that gpg started for this home. */
export async function endAgent(home: string): Promise<void> {
  await exec(['gpgconf', '--homedir', home, '--kill', 'gpg-agent']);
}

function gpg(home: string, args: readonly string[]): Promise<string> {
  return must(['gpg', '--homedir', home, '--batch', '--no-tty', '--quiet', ...args]);
}
