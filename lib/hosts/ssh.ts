/**
 * The way over ssh: one connection per host and run, through ssh2-sftp-client. Two promises: no byte goes to a host whose key known_hosts
 * does not hold, and whatever the library throws, prints or leaves hanging becomes one of E_HOST_DOWN, _KEY, _AUTH and _TIMEOUT.
 */
import { open, stat } from 'node:fs/promises';
import type { Client, ClientChannel, FileEntryWithStats, SFTPWrapper, Stats } from 'ssh2';
import { codeOf, TemporaryError } from '../errors.ts';
import { shellQuote } from '../steps/shell.ts';
import { hostKeyCheck } from './ssh_key.ts';
import { accessOf, faultOf, type SshTarget } from './ssh_target.ts';
import { fedScript, type Listed, type ScriptResult, type Transport } from './transport.ts';

/** A transfer without a byte for this long is given up. */
const STALL_MS = 60_000;
const DISK_FAULTS = ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EFBIG'];
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/** SSH_FXP_STATUS codes (draft-ietf-secsh-filexfer-02, 7). */
const EOF = 1;
const NO_SUCH_FILE = 2;
const PERMISSION_DENIED = 3;

export async function sshTransport(target: SshTarget): Promise<Transport> {
  const { default: SftpClient } = await import('ssh2-sftp-client');
  const key = await hostKeyCheck(target);
  const access = await accessOf(target);
  const ignore = (): void => undefined;
  // Without these three it prints on stdout.
  const sftp = new SftpClient(target.name, { error: ignore, end: ignore, close: ignore });
  const { client } = sftp as unknown as { readonly client: Client };
  // The raw error says at which level it failed, the one that connect throws does not.
  let raw: unknown;
  client.on('error', (error) => {
    raw ??= error;
  });
  const lost = new Promise<never>((_, reject) => {
    client.on('close', () => reject(faultOf(target, raw ?? new Error('the connection was closed'))));
  });
  lost.catch(ignore);
  let wrapper: SFTPWrapper;
  try {
    wrapper = await sftp.connect({
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

  /** One act, ended by a lost connection or after `timeoutMs`. `act` must call `done` with the library's error or without. */
  function once<T>(what: string, timeoutMs: number, act: (done: (error: unknown, value?: T) => void) => void): Promise<T | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const answer = new Promise<T | undefined>((resolve, reject) => {
      timer = setTimeout(() => reject(timeoutOf(what, timeoutMs)), timeoutMs);
      act((error, value) => (error === undefined || error === null ? resolve(value) : reject(error)));
    });
    return Promise.race([answer, lost]).finally(() => clearTimeout(timer));
  }

  function timeoutOf(what: string, ms: number): TemporaryError {
    return new TemporaryError(
      'E_HOST_TIMEOUT',
      `host ${target.name} (${target.address}) answers, but ${what} took longer than ${ms / 1000} s; is its disk full or its load high?`,
    );
  }

  async function run(text: string, args: readonly string[], timeoutMs: number): Promise<ScriptResult> {
    let channel: ClientChannel | undefined;
    try {
      const result = await once<ScriptResult>('a script', timeoutMs, (done) => {
        client.exec(['exec', 'sh', '-s', '--', ...args.map(shellQuote)].join(' '), (error, opened) => {
          if (error !== undefined) return done(error);
          channel = opened;
          collect(opened, done);
          opened.end(fedScript(text));
        });
      });
      if (result === undefined) throw new Error('no result');
      return result;
    } catch (error) {
      channel?.close();
      throw error instanceof TemporaryError ? error : faultOf(target, error);
    }
  }

  function collect(channel: ClientChannel, done: (error: unknown, value?: ScriptResult) => void): void {
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let size = 0;
    const keep =
      (chunks: Buffer[]) =>
      (chunk: Buffer): void => {
        size += chunk.length;
        if (size <= MAX_OUTPUT_BYTES) chunks.push(chunk);
        else done(new Error(`a script printed more than ${MAX_OUTPUT_BYTES} bytes`));
      };
    channel.on('data', keep(out)).on('error', done);
    channel.stderr.on('data', keep(err)).on('error', ignore);
    let status: number | null | undefined;
    channel.on('exit', (code: number | null) => {
      status = code;
    });
    channel.on('close', () => {
      if (status === undefined) return done(new Error('a script ended without an exit status'));
      done(undefined, { status, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString('utf8') });
    });
  }

  async function put(from: string, to: string): Promise<void> {
    const { size } = await stat(from);
    await transfer(`sending ${to}`, (alive) => sftp.fastPut(from, to, { step: alive }));
    const sent = (await ask<Stats>(`looking at ${to}`, [], (done) => wrapper.lstat(to, done)))?.size;
    if (sent !== size)
      throw new TemporaryError('E_HOST_DOWN', `host ${target.name} has ${sent} of the ${size} bytes of ${to}: is its disk full?`);
  }

  /** Runs a transfer that calls `alive` at every step. */
  async function transfer<T>(what: string, work: (alive: () => void) => Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const stalled = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(timeoutOf(`the next byte of ${what}`, STALL_MS)), STALL_MS);
    });
    try {
      return await Promise.race([work(() => timer?.refresh()), stalled, lost]);
    } catch (error) {
      // What the disk here says is not the host's fault.
      throw error instanceof TemporaryError || DISK_FAULTS.includes(codeOf(error) ?? '') ? error : faultOf(target, error, what);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Undefined for the SFTP statuses `codes`. */
  async function ask<T>(
    what: string,
    codes: readonly number[],
    act: (done: (error: unknown, value?: T) => void) => void,
  ): Promise<T | undefined> {
    try {
      return await once(what, STALL_MS, act);
    } catch (error) {
      if (error instanceof TemporaryError) throw error;
      if (codes.includes((error as { code?: number }).code ?? -1)) return undefined;
      throw faultOf(target, error, what);
    }
  }

  async function list(directory: string, max: number): Promise<Listed[] | undefined> {
    const handle = await ask<Buffer>(`opening ${directory}`, [NO_SUCH_FILE], (done) => wrapper.opendir(directory, done));
    if (handle === undefined) return undefined;
    const listed: Listed[] = [];
    for (;;) {
      const batch = await ask<FileEntryWithStats[]>(`listing ${directory}`, [EOF], (done) => wrapper.readdir(handle, done));
      for (const { filename, attrs } of batch ?? []) {
        if (filename === '.' || filename === '..' || listed.length >= max) continue;
        const kind = attrs.isFile() ? 'file' : attrs.isDirectory() ? 'directory' : attrs.isSymbolicLink() ? 'link' : 'other';
        listed.push({ name: filename, kind, size: attrs.size });
      }
      if (batch === undefined || batch.length === 0 || listed.length >= max) break;
    }
    await ask(`closing ${directory}`, [], (done) => wrapper.close(handle, done));
    return listed;
  }

  async function get(from: string, to: string, maxBytes: number): ReturnType<Transport['get']> {
    const handle = await ask<Buffer>(`opening ${from}`, [NO_SUCH_FILE, PERMISSION_DENIED], (done) => wrapper.open(from, 'r', done));
    if (handle === undefined) return undefined;
    const file = await open(to, 'wx', 0o644);
    const stream = wrapper.createReadStream(from, { handle, autoClose: true, highWaterMark: 256 * 1024 } as object);
    try {
      return await transfer(`fetching ${from}`, async (alive) => {
        let bytes = 0;
        for await (const chunk of stream as AsyncIterable<Buffer>) {
          alive();
          const kept = chunk.subarray(0, maxBytes - bytes);
          await file.writeFile(kept);
          bytes += kept.length;
          if (kept.length < chunk.length) return { bytes, more: true };
        }
        return { bytes, more: false };
      });
    } finally {
      stream.destroy();
      await file.close();
    }
  }

  async function disconnect(): Promise<void> {
    await sftp.end().catch(ignore);
    client.destroy();
  }

  return { run, put, list, get, disconnect };
}
