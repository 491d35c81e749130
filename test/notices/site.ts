/** A spool of its own, a configuration and a clock for tests of notices; a context like the one that main makes. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseConfig } from '../../lib/config/config.ts';
import type { Context } from '../../lib/context.ts';
import { readJsonLines } from '../../lib/disk.ts';
import { exec } from '../../lib/exec.ts';
import { openLog } from '../../lib/log.ts';
import type { Notice } from '../../lib/notices/notices.ts';
import type { JournalLine } from '../../lib/spool/job.ts';
import { Spool } from '../../lib/spool/spool.ts';
import type { State } from '../../lib/spool/states.ts';
import { makeTemp, removeTemp } from '../helpers/run.ts';

export interface TestSite {
  readonly dir: string;
  readonly ctx: Context;
  /** What was printed on stderr. */
  readonly printed: string[];
  /** Moves the clock on. */
  pass(ms: number): void;
  journal(state: State, id: string): Promise<JournalLine[]>;
  has(state: State, id: string): boolean;
  remove(): Promise<void>;
}

export const HOUR = 3_600_000;

export async function makeSite(
  options: { readonly smtp?: string; readonly dryRun?: boolean; readonly tag?: string } = {},
): Promise<TestSite> {
  const dir = await makeTemp('notices');
  const text = [
    '[global]',
    'spool = spool',
    'mail_from = buildme@example.org',
    'mail_to = list@example.org',
    `smtp = ${options.smtp ?? ''}`,
    '[product p]',
    'repository = r',
    'suite = stable',
    'architectures = amd64',
    'unsigned = accept',
    'chroot = c',
    'mail_to = product@example.org',
    '[chroot c]',
    '[repository r]',
    'suites = stable',
    `signing_keys = ${'A'.repeat(40)}`,
  ].join('\n');
  const config = parseConfig(text, join(dir, 'buildme.conf'));
  await mkdir(config.global.spool);
  const spool = new Spool(config.global.spool);
  await spool.prepare();
  const printed: string[] = [];
  let now = Date.now();
  const log = openLog(options.tag ?? 'notify', { dir: join(dir, 'log'), now: () => new Date(now), print: (line) => printed.push(line) });
  return {
    dir,
    ctx: { config, spool, log, now: () => new Date(now), exec, dryRun: options.dryRun ?? false },
    printed,
    pass: (ms) => {
      now += ms;
    },
    journal: (state, id) => readJsonLines(join(spool.path(state, id), 'journal')),
    has: (state, id) => existsSync(spool.path(state, id)),
    remove: () => removeTemp(dir),
  };
}

export function aNotice(change: Partial<Notice> = {}): Notice {
  return {
    kind: 'queued',
    product: 'p',
    source: 'pebble',
    version: '1.0',
    architecture: 'source',
    id: 'pebble_1.0_0123456789ab',
    attempt: 0,
    to: ['up@example.org'],
    body: 'It waits.\n',
    ...change,
  };
}
