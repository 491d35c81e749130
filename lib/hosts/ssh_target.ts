/** Whom ssh is to reach and as whom; and what its failures mean. Each sentence names the host, what was expected and what to do. */
import { readFile } from 'node:fs/promises';
import { codeOf, TemporaryError, textOf } from '../errors.ts';

export interface SshTarget {
  readonly name: string;
  /** user@host:port */
  readonly address: string;
  readonly user: string;
  readonly host: string;
  readonly port: number;
  /** Private key file; undefined = ssh-agent. */
  readonly identity: string | undefined;
  /** Undefined = ~/.ssh/known_hosts. */
  readonly knownHosts: string | undefined;
  readonly connectTimeoutMs: number;
}

/** With what to log in. Throws TemporaryError E_HOST_AUTH when there is nothing. */
export async function accessOf(target: SshTarget): Promise<{ readonly privateKey: Buffer } | { readonly agent: string }> {
  if (target.identity !== undefined) {
    try {
      return { privateKey: await readFile(target.identity) };
    } catch (error) {
      throw new TemporaryError(
        'E_HOST_AUTH',
        `host ${target.name}: its identity ${target.identity} cannot be read (${textOf(error)}): make it with ssh-keygen, readable for who runs buildme`,
        error,
      );
    }
  }
  const agent = process.env.SSH_AUTH_SOCK;
  if (agent !== undefined && agent !== '') return { agent };
  throw new TemporaryError(
    'E_HOST_AUTH',
    `host ${target.name}: there is neither an identity = FILE in [host ${target.name}] nor an ssh-agent to log in with: add one`,
  );
}

/** Any failure of the library as one of ours. `level` is set by ssh2. */
export function faultOf(target: SshTarget, error: unknown, what = 'the connection'): TemporaryError {
  if (error instanceof TemporaryError) return error;
  const level = (error as { level?: unknown } | null)?.level;
  const text = textOf(error);
  const host = `host ${target.name} (${target.address})`;
  if (level === 'client-authentication') {
    const with_ = target.identity === undefined ? 'the keys of the ssh-agent' : `the key ${target.identity}`;
    return new TemporaryError(
      'E_HOST_AUTH',
      `${host} refuses ${with_} for user ${target.user}: add its public part to ~${target.user}/.ssh/authorized_keys there`,
      error,
    );
  }
  if (/parse privateKey|passphrase|Unsupported key format/i.test(text)) {
    return new TemporaryError(
      'E_HOST_AUTH',
      `host ${target.name}: its identity ${target.identity} is no private key that can be used without a passphrase (${text}): use another, or leave identity away and an ssh-agent running`,
      error,
    );
  }
  if (level === 'client-timeout' || codeOf(error) === 'ETIMEDOUT') {
    return new TemporaryError(
      'E_HOST_TIMEOUT',
      `${host} does not answer (${text}; connect_timeout is ${target.connectTimeoutMs / 1000} s): look whether it is up`,
      error,
    );
  }
  return new TemporaryError(
    'E_HOST_DOWN',
    `${host}: ${what} failed (${text}): look whether it is up, its sshd running and its disk not full`,
    error,
  );
}

/** A host that answers, but not with this. */
export function timeoutOf(target: SshTarget, what: string, ms: number): TemporaryError {
  const host = `host ${target.name} (${target.address})`;
  return new TemporaryError(
    'E_HOST_TIMEOUT',
    `${host}: ${what} took longer than ${ms / 1000} s: look at its disk, its load and the line to it`,
  );
}
