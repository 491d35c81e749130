/** A spool, incomings and a clock for tests of verify, without a process: a context like the one that main makes. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseConfig } from '../../lib/config/config.ts';
import type { Context, Tally } from '../../lib/context.ts';
import { exec } from '../../lib/exec.ts';
import { openLog } from '../../lib/log.ts';
import type { NoticeFile } from '../../lib/notices/notices.ts';
import { Spool } from '../../lib/spool/spool.ts';
import type { State } from '../../lib/spool/states.ts';
import { verify } from '../../lib/stages/verify.ts';
import { type Key, writeKeyring } from '../helpers/key.ts';
import { makeTemp, removeTemp } from '../helpers/run.ts';
import { drop, type UploadOptions, writeUpload } from '../helpers/upload.ts';

export interface DeskOptions {
  /** In the keyring of both products. */
  readonly keys?: readonly Key[];
  /** Keys of [product fremantle] beside the default ones. */
  readonly product?: Readonly<Record<string, string>>;
  readonly global?: Readonly<Record<string, string>>;
  readonly dryRun?: boolean;
}

export interface Desk {
  readonly dir: string;
  readonly ctx: Context;
  readonly spool: Spool;
  /** Of product fremantle; diablo's is `incoming-diablo`. */
  readonly incoming: string;
  readonly printed: string[];
  verify(): Promise<Tally>;
  /** Moves the clock on. */
  pass(ms: number): void;
  /** Makes an upload and drops it, the .changes last. Returns the names. */
  upload(options: UploadOptions, into?: string): Promise<readonly string[]>;
  /** Names in incoming. */
  left(): Promise<string[]>;
  /** Ids in a state, without the digest. */
  ids(state: State): Promise<string[]>;
  /** The path of the only entry of a state whose id begins so. */
  entry(state: State, begin?: string): Promise<string>;
  /** The reason of the only rejected entry whose id begins so. */
  reason(begin?: string): Promise<string>;
  notices(): Promise<NoticeFile[]>;
  remove(): Promise<void>;
}

export const SETTLE_MS = 30_000;

export async function makeDesk(options: DeskOptions = {}): Promise<Desk> {
  const dir = await makeTemp('desk');
  await writeKeyring(join(dir, 'keyring.gpg'), options.keys ?? []);
  const product = {
    keyring: 'keyring.gpg',
    settle: '30s',
    suite: 'stable',
    repository: 'r',
    architectures: 'amd64 arm64',
    tool: 'plain',
    build_command: 'true',
  };
  const section = (title: string, keys: Readonly<Record<string, string>>): string =>
    `[${title}]\n${Object.entries(keys)
      .map(([key, value]) => `${key} = ${value}\n`)
      .join('')}`;
  const text = [
    section('global', { spool: 'spool', repository_dir: 'repositories', mail_from: 'buildme@example.org', smtp: '', ...options.global }),
    section('product diablo', { ...product, incoming: 'incoming-diablo', suite: 'old', distributions: 'unstable' }),
    section('product fremantle', { ...product, incoming: 'incoming', distributions: 'unstable', ...options.product }),
    section('host h', { kind: 'local', architectures: 'amd64 arm64 all', workdir: '/nowhere' }),
    section('repository r', { suites: 'stable old', signing_keys: 'A'.repeat(40) }),
  ].join('\n');
  const config = parseConfig(text, join(dir, 'buildme.conf'));
  for (const name of ['incoming', 'incoming-diablo', 'made', 'repositories']) await mkdir(join(dir, name));
  await writeFile(join(dir, 'buildme.conf'), text);
  await mkdir(config.global.spool);
  const spool = new Spool(config.global.spool);
  await spool.prepare();
  const printed: string[] = [];
  let aheadMs = 0;
  const now = (): Date => new Date(Date.now() + aheadMs);
  const ctx: Context = {
    config,
    spool,
    log: openLog('verify', { dir: join(dir, 'log'), now, print: (line) => printed.push(line) }),
    now,
    exec,
    dryRun: options.dryRun ?? false,
  };
  let made = 0;
  const entry = async (state: State, begin = ''): Promise<string> => {
    const [id, second] = (await spool.list(state)).filter((each) => each.startsWith(begin));
    if (id === undefined || second !== undefined)
      throw new Error(`expected one entry ${begin}… in ${state}: ${(await spool.list(state)).join(' ')}`);
    return spool.path(state, id);
  };
  return {
    dir,
    ctx,
    spool,
    incoming: join(dir, 'incoming'),
    printed,
    verify: () => verify(ctx),
    pass: (ms) => {
      aheadMs += ms;
    },
    upload: async (upload, into = join(dir, 'incoming')) => {
      made += 1;
      const from = join(dir, 'made', String(made));
      await mkdir(from);
      const { names } = await writeUpload(from, upload);
      await drop(from, names, into);
      return names;
    },
    left: async () => (await readdir(join(dir, 'incoming'))).sort(),
    ids: async (state) => (await spool.list(state)).map((id) => id.replace(/_[0-9a-f]{12}$/, '')),
    entry,
    reason: async (begin) => readFile(join(await entry('rejected', begin), 'reason'), 'utf8'),
    notices: async () => {
      const texts = await Promise.all(
        (await spool.list('outbox')).map((id) => readFile(join(spool.path('outbox', id), 'notice.json'), 'utf8')),
      );
      return texts.map((each) => JSON.parse(each) as NoticeFile);
    },
    remove: () => removeTemp(dir),
  };
}
