/** The check of a host's key against known_hosts, as ssh2 asks for it. One promise: no file, no line or a doubt means no. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Algorithms } from 'ssh2';
import { TemporaryError, unless } from '../errors.ts';
import { shellQuote } from '../steps/shell.ts';
import { checkHostKey, fingerprintOf, knownName, knownTypes } from './known_hosts.ts';
import type { SshTarget } from './ssh_target.ts';

export interface HostKeyCheck {
  readonly verify: (key: Buffer) => boolean;
  /** Why `verify` said no. */
  readonly refusal: () => TemporaryError | undefined;
  readonly algorithms: Algorithms;
}

/** Signature algorithms by type of key; a host is asked first for the types that are known of it. */
const ALGORITHMS: Readonly<Record<string, readonly string[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
};

/** Throws TemporaryError E_HOST_KEY when there is no known_hosts. */
export async function hostKeyCheck(target: SshTarget): Promise<HostKeyCheck> {
  const file = target.knownHosts ?? join(homedir(), '.ssh/known_hosts');
  const name = knownName(target.host, target.port);
  const scan = `ssh-keyscan -p ${target.port} ${shellQuote(target.host)} >>${shellQuote(file)}`;
  const text = await unless(['ENOENT', 'EACCES'], undefined, readFile(file, 'latin1'));
  if (text === undefined) throw refuse(`${file} cannot be read`, `make it with: ${scan}`);
  let refused: TemporaryError | undefined;

  function refuse(why: string, what: string): TemporaryError {
    return new TemporaryError('E_HOST_KEY', `host ${target.name} (${target.address}) is not trusted: ${why}; ${what}`);
  }

  function verify(key: Buffer): boolean {
    const found = checkHostKey(text ?? '', name, key);
    const shown = fingerprintOf(key);
    if (found.answer === 'revoked')
      refused = refuse(`its key ${shown} is revoked in line ${found.line} of ${file}`, 'give the host a new key');
    else if (found.answer === 'changed') {
      refused = refuse(
        `it shows the key ${shown}, but line ${found.line} of ${file} has another one`,
        `if it was set up anew and that key is its own: ssh-keygen -R ${shellQuote(name)} -f ${shellQuote(file)} && ${scan}`,
      );
    } else if (found.answer === 'unknown') {
      refused = refuse(
        `${file} has no line for ${name} with its key ${shown}`,
        `if that is the key which ssh-keygen -lf shows on the host: ${scan}`,
      );
    }
    return found.answer === 'known';
  }

  const known = knownTypes(text, name);
  const all = Object.keys(ALGORITHMS);
  const order = [...all.filter((type) => known.includes(type)), ...all.filter((type) => !known.includes(type))];
  const serverHostKey = order.flatMap((type) => ALGORITHMS[type] ?? []) as NonNullable<Algorithms['serverHostKey']>;
  return { verify, refusal: () => refused, algorithms: { serverHostKey } };
}
