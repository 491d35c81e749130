/** The way over ssh: scripts by exec, files by sftp, all over one connection. */
import { open, stat } from 'node:fs/promises';
import type { ClientChannel, FileEntryWithStats, Stats } from 'ssh2';
import { TemporaryError } from '../errors.ts';
import { shellQuote } from '../steps/shell.ts';
import { type Connection, connect, type Done } from './ssh_connection.ts';
import { faultOf, type SshTarget } from './ssh_target.ts';
import { fedScript, type Listed, type ScriptResult, type Transport } from './transport.ts';

const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;

/** SSH_FXP_STATUS codes (draft-ietf-secsh-filexfer-02, 7). */
const EOF = 1;
const NO_SUCH_FILE = 2;
const PERMISSION_DENIED = 3;

/** Throws TemporaryError E_HOST_DOWN, E_HOST_KEY, E_HOST_AUTH or E_HOST_TIMEOUT. */
export async function sshTransport(target: SshTarget): Promise<Transport> {
  const connection = await connect(target);
  return {
    run: (text, args, timeoutMs) => run(connection, text, args, timeoutMs),
    put: (from, to) => put(connection, from, to),
    list: (directory, max) => list(connection, directory, max),
    get: (from, to, maxBytes) => get(connection, from, to, maxBytes),
    disconnect: () => connection.end(),
  };
}

async function run({ target, client, once }: Connection, text: string, args: readonly string[], timeoutMs: number): Promise<ScriptResult> {
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
    if (result === undefined) throw new Error('a script gave no result');
    return result;
  } catch (error) {
    channel?.close();
    throw faultOf(target, error);
  }
}

function collect(channel: ClientChannel, done: Done<ScriptResult>): void {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  let size = 0;
  let status: number | null | undefined;
  const keepIn =
    (chunks: Buffer[]) =>
    (chunk: Buffer): void => {
      size += chunk.length;
      if (size <= MAX_OUTPUT_BYTES) chunks.push(chunk);
      else done(new Error(`a script printed more than ${MAX_OUTPUT_BYTES} bytes`));
    };
  channel.on('data', keepIn(out)).on('error', done);
  channel.stderr.on('data', keepIn(err)).on('error', done);
  channel.on('exit', (code: number | null) => {
    status = code;
  });
  channel.on('close', () => {
    if (status === undefined) return done(new Error('a script ended without an exit status'));
    done(undefined, { status, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString('utf8') });
  });
}

async function put({ target, sftp, wholeFiles, ask, transfer }: Connection, from: string, to: string): Promise<void> {
  const { size } = await stat(from);
  await transfer(`sending ${to}`, (alive) => wholeFiles.fastPut(from, to, { step: alive }));
  const sent = (await ask<Stats>(`looking at ${to}`, [], (done) => sftp.lstat(to, done)))?.size;
  if (sent !== size)
    throw new TemporaryError('E_HOST_DOWN', `host ${target.name} has ${sent} of the ${size} bytes of ${to}: is its disk full?`);
}

async function list({ sftp, ask }: Connection, directory: string, max: number): Promise<Listed[] | undefined> {
  const handle = await ask<Buffer>(`opening ${directory}`, [NO_SUCH_FILE], (done) => sftp.opendir(directory, done));
  if (handle === undefined) return undefined;
  const listed: Listed[] = [];
  let seen = 0;
  for (;;) {
    const batch = await ask<FileEntryWithStats[]>(`listing ${directory}`, [EOF], (done) => sftp.readdir(handle, done));
    for (const { filename, attrs } of batch ?? []) {
      if (filename === '.' || filename === '..' || listed.length >= max) continue;
      const kind = attrs.isFile() ? 'file' : attrs.isDirectory() ? 'directory' : attrs.isSymbolicLink() ? 'link' : 'other';
      listed.push({ name: filename, kind, size: attrs.size });
    }
    // The host may name . and .. for ever.
    seen += batch?.length ?? 0;
    if (batch === undefined || batch.length === 0 || listed.length >= max || seen > max + 2) break;
  }
  await ask(`closing ${directory}`, [], (done) => sftp.close(handle, done));
  return listed;
}

async function get({ sftp, ask, transfer }: Connection, from: string, to: string, maxBytes: number): ReturnType<Transport['get']> {
  const handle = await ask<Buffer>(`opening ${from}`, [NO_SUCH_FILE, PERMISSION_DENIED], (done) => sftp.open(from, 'r', done));
  if (handle === undefined) return undefined;
  // ssh2 takes an open handle as fs does; its types do not say so.
  const stream = sftp.createReadStream(from, { handle, autoClose: true, highWaterMark: CHUNK_BYTES } as object);
  const file = await open(to, 'wx', 0o644);
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
