/**
 * Release, and its signatures by gpg. One promise: a state that cannot be signed by every configured key is never published, and the
 * message names repository, key and what to do.
 */
import type { GlobalConfig, RepositoryConfig, SuiteConfig } from '../config/types.ts';
import { ConfigError } from '../errors.ts';
import { type Exec, type ExecResult, endOf } from '../exec.ts';
import type { IndexFile } from './indexes.ts';

/** `date` must not be older than that of any Release before: apt silently ignores one that is. */
export function formatRelease(suite: SuiteConfig, files: readonly IndexFile[], date: Date): string {
  const fields = [
    `Origin: ${suite.origin}`,
    `Label: ${suite.label}`,
    `Suite: ${suite.suite}`,
    `Codename: ${suite.codename}`,
    `Date: ${date.toUTCString().replace('GMT', 'UTC')}`,
    `Architectures: ${suite.architectures.join(' ')}`,
    `Components: ${suite.components.join(' ')}`,
    ...(suite.description === '' ? [] : [`Description: ${suite.description}`]),
    'Acquire-By-Hash: yes',
    'SHA256:',
  ];
  const lines = files
    .map((file) => ` ${file.sha256} ${String(file.size).padStart(12)} ${file.path}`)
    .sort((a, b) => (a.slice(78) < b.slice(78) ? -1 : 1));
  return `${[...fields, ...lines].join('\n')}\n`;
}

export interface Signer {
  readonly exec: Exec;
  readonly gnupgHome: GlobalConfig['gnupgHome'];
  readonly repository: Pick<RepositoryConfig, 'name' | 'signingKeys'>;
}

/** InRelease and Release.gpg of a Release. Throws ConfigError. */
export async function signRelease(signer: Signer, release: string): Promise<{ readonly inRelease: Buffer; readonly detached: Buffer }> {
  const keys = signer.repository.signingKeys.flatMap((key) => ['--local-user', key]);
  const sign = async (how: readonly string[]): Promise<Buffer> => {
    const result = await gpg(signer, ['--digest-algo', 'SHA512', ...keys, ...how], release);
    if (result.status !== 0 || result.stdout.length === 0) {
      throw new ConfigError(
        'E_SIGN',
        `${naming(signer, signer.repository.signingKeys.join(' '))} cannot sign: gpg ${endOf(result)}; nothing was published`,
      );
    }
    return result.stdout;
  };
  const [inRelease, detached] = await Promise.all([sign(['--clearsign']), sign(['--armor', '--detach-sign'])]);
  return { inRelease, detached };
}

/** Looks whether every signing key is there and valid, before any work is done. Throws ConfigError with every fault. */
export async function checkKeys(signer: Signer): Promise<void> {
  const { name, signingKeys } = signer.repository;
  const where = signer.gnupgHome === undefined ? '' : `GNUPGHOME=${signer.gnupgHome} `;
  if (signingKeys.length === 0) {
    throw new ConfigError(
      'E_SIGN',
      `repository ${name} has no signing key: set signing_keys in [repository ${name}]; make one with: ${where}gpg --quick-gen-key '${name} archive' ed25519 sign never`,
    );
  }
  const faults: string[] = [];
  for (const key of signingKeys) {
    const result = await gpg(signer, ['--with-colons', '--list-secret-keys', key]);
    // doc/DETAILS of gnupg: field 2 is the validity; e expired, r revoked, d disabled, i invalid.
    const validity = /^sec:([^:]*):/m.exec(result.stdout.toString('utf8'))?.[1];
    const at = naming(signer, key);
    if (result.status !== 0 || validity === undefined) {
      faults.push(
        `${at} is not there: import its secret part with: ${where}gpg --import FILE; or correct signing_keys in [repository ${name}] (gpg: ${endOf(result)})`,
      );
    } else if (validity.startsWith('e')) {
      faults.push(
        `${at} has expired: prolong it with: ${where}gpg --quick-set-expire ${key} 2y; and give the new public key to the readers`,
      );
    } else if (/^[rdi]/.test(validity)) {
      faults.push(`${at} is ${validity.startsWith('r') ? 'revoked' : 'not usable'}: set another one in [repository ${name}]`);
    }
  }
  if (faults.length > 0) throw new ConfigError('E_SIGN', faults);
}

function naming(signer: Signer, key: string): string {
  return `the signing key ${key} of repository ${signer.repository.name}${signer.gnupgHome === undefined ? '' : ` (gnupg_home ${signer.gnupgHome})`}`;
}

function gpg(signer: Signer, args: readonly string[], input?: string): Promise<ExecResult> {
  return signer.exec(['gpg', '--batch', '--no-tty', '--quiet', ...args], {
    timeoutMs: 60_000,
    ...(input === undefined ? {} : { input }),
    ...(signer.gnupgHome === undefined ? {} : { env: { ...process.env, GNUPGHOME: signer.gnupgHome } }),
  });
}
