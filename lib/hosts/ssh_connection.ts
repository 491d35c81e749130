/**
 * One ssh connection, through ssh2-sftp-client. Two promises: no byte goes to a host whose key known_hosts does not hold, and whatever the
 * library throws, prints or leaves hanging becomes one of E_HOST_DOWN, _KEY, _AUTH and _TIMEOUT.
 */
import type { Client, SFTPWrapper } from 'ssh2';
import type SftpClient from 'ssh2-sftp-client';
import { codeOf } from '../errors.ts';
import { hostKeyCheck } from './ssh_key.ts';
import { accessOf, faultOf, type SshTarget, timeoutOf } from './ssh_target.ts';

/** A question or a transfer without an answer for this long is given up. */
const STALL_MS = 60_000;
/** What this machine's own disk says during a transfer is not the host's fault. */
const DISK_FAULTS = ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EFBIG'];

/** How the library's callbacks report. */
export type Done<T> = (error: unknown, value?: T) => void;

export interface Connection {
  readonly target: SshTarget;
  readonly client: Client;
  readonly sftp: SFTPWrapper;
  /** The library's own face, for uploads. */
  readonly wholeFiles: SftpClient;
  /** One act, ended by its callback, a lost connection, or its time. */
  once<T>(what: string, timeoutMs: number, act: (done: Done<T>) => void): Promise<T | undefined>;
  /** A question over sftp; undefined for the statuses `codes` (draft-ietf-secsh-filexfer-02, 7). */
  ask<T>(what: string, codes: readonly number[], act: (done: Done<T>) => void): Promise<T | undefined>;
  /** A transfer that calls `alive` at every step. */
  transfer<T>(what: string, work: (alive: () => void) => Promise<T>): Promise<T>;
  end(): Promise<void>;
}

const ignore = (): void => undefined;

export async function connect(target: SshTarget): Promise<Connection> {
  const { default: Library } = await import('ssh2-sftp-client');
  const key = await hostKeyCheck(target);
  const access = await accessOf(target);
  // Without these three it prints on stdout.
  const wholeFiles = new Library(target.name, { error: ignore, end: ignore, close: ignore });
  const { client } = wholeFiles as unknown as { readonly client: Client };
  // The raw error says at which level it failed; the one that connect throws does not.
  let raw: unknown;
  client.on('error', (error) => {
    raw ??= error;
  });
  const lost = new Promise<never>((_, reject) => {
    client.on('close', () => reject(faultOf(target, raw ?? new Error('the connection was closed'))));
  });
  lost.catch(ignore);
  let sftp: SFTPWrapper;
  try {
    sftp = await wholeFiles.connect({
      host: target.host,
      port: target.port,
      username: target.user,
      ...access,
      algorithms: key.algorithms,
      hostVerifier: key.verify,
      readyTimeout: target.connectTimeoutMs,
      keepaliveInterval: 5000,
      keepaliveCountMax: 3,
    });
  } catch (error) {
    client.destroy();
    throw key.refusal() ?? faultOf(target, raw ?? error);
  }
  // ssh2 leaves Nagle's delay on: 2 MB/s instead of 200.
  client.setNoDelay(true);
  return { target, client, sftp, wholeFiles, ...boundsOf(target, lost), end: () => end(wholeFiles, client) };
}

async function end(wholeFiles: SftpClient, client: Client): Promise<void> {
  await wholeFiles.end().catch(ignore);
  client.destroy();
}

/** What keeps every act within its time and the life of the connection. */
function boundsOf(target: SshTarget, lost: Promise<never>): Pick<Connection, 'once' | 'ask' | 'transfer'> {
  return { once, ask, transfer };

  function once<T>(what: string, timeoutMs: number, act: (done: Done<T>) => void): Promise<T | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const answer = new Promise<T | undefined>((resolve, reject) => {
      timer = setTimeout(() => reject(timeoutOf(target, what, timeoutMs)), timeoutMs);
      act((error, value) => (error === undefined || error === null ? resolve(value) : reject(error)));
    });
    return Promise.race([answer, lost]).finally(() => clearTimeout(timer));
  }

  async function ask<T>(what: string, codes: readonly number[], act: (done: Done<T>) => void): Promise<T | undefined> {
    try {
      return await once(what, STALL_MS, act);
    } catch (error) {
      if (codes.includes((error as { code?: number }).code ?? -1)) return undefined;
      throw faultOf(target, error, what);
    }
  }

  async function transfer<T>(what: string, work: (alive: () => void) => Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const stalled = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(timeoutOf(target, `the next byte of ${what}`, STALL_MS)), STALL_MS);
    });
    try {
      return await Promise.race([work(() => timer?.refresh()), stalled, lost]);
    } catch (error) {
      throw DISK_FAULTS.includes(codeOf(error) ?? '') ? error : faultOf(target, error, what);
    } finally {
      clearTimeout(timer);
    }
  }
}
