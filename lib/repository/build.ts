/**
 * Makes a serial of a draft and commits it. One promise: when the serial's directory appears below `serials/`, everything that it names
 * (pool files, indexes, signatures, ledger lines) is whole and durable.
 */
import { link, mkdir, open, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { RepositoryConfig, SuiteConfig } from '../config/types.ts';
import type { Context } from '../context.ts';
import { exists, makeDirectory, renameDurable, syncDirectory, syncTree, writeDurable } from '../disk.ts';
import { unless } from '../errors.ts';
import type { Draft } from './draft.ts';
import type { Receipt } from './handover.ts';
import { keepByHash, splitIndexes, writeIndex } from './indexes.ts';
import { appendRedo, formatLedger, REDO } from './ledger.ts';
import { formatList, type Listed, listName } from './lists.ts';
import { formatRelease, signRelease } from './release.ts';
import { receiptPath } from './repository.ts';
import { currentSerial, distsTarget, finishedMark, isSwitched, recentSerials, removeLitter, serialDir, switchDists } from './serials.ts';
import { indexStanza } from './stanzas.ts';

/** A reader who has an InRelease of one of the last two serials, or of the last ten minutes, still finds its indexes by hash. */
const GENERATIONS = 2;
const GENERATION_MS = 600_000;

/** Builds the draft's serial below `tmp`, fills the pool, and commits. Before the commit nothing of it can be seen. */
export async function commitDraft(ctx: Context, repository: RepositoryConfig, draft: Draft, tmp: string): Promise<void> {
  const { dir, serial } = draft;
  const work = join(tmp, 'serial');
  await mkdir(join(work, 'dists'), { recursive: true });
  const now = ctx.now();
  const date = new Date(Math.max(now.getTime(), await lastDate(dir)));
  const earlier = await recentSerials(dir, now, GENERATIONS, GENERATION_MS);
  for (const [name, lines] of draft.lists) {
    await writeFile(join(work, listName(name)), formatList(lines));
    const suite = ctx.config.suites.get(`${repository.name}/${name}`);
    if (suite === undefined) throw new Error(`the configuration has no suite ${repository.name}/${name}`);
    await writeSuite(ctx, repository, suite, lines, work, date, earlier);
  }
  await keepForeignLists(dir, work);
  await writeFile(join(work, REDO), formatLedger(draft.redo));
  await writeFile(join(work, 'date'), `${date.toISOString()}\n`);
  await syncTree(work);
  await placeFiles(draft);
  await makeDirectory(join(dir, 'serials'));
  // commit point: from here on every run goes forward to this serial.
  await renameDurable(work, serialDir(dir, serial));
}

async function writeSuite(
  ctx: Context,
  repository: RepositoryConfig,
  suite: SuiteConfig,
  lines: readonly Listed[],
  work: string,
  date: Date,
  earlier: readonly number[],
): Promise<void> {
  const suiteDir = join(work, 'dists', suite.suite);
  const indexes = await Promise.all(
    [...splitIndexes(suite, lines)].map(async ([path, listed]) => {
      const stanzas: string[] = [];
      for (const line of listed) stanzas.push(`${await indexStanza(ctx.exec, repository.dir, line)}\n`);
      return writeIndex(ctx.exec, suiteDir, path, stanzas.join(''), repository.compress);
    }),
  );
  for (const serial of earlier) await keepByHash(join(serialDir(repository.dir, serial), 'dists', suite.suite), suiteDir);
  const release = formatRelease(suite, indexes.flat(), date);
  const { inRelease, detached } = await signRelease({ exec: ctx.exec, gnupgHome: ctx.config.global.gnupgHome, repository }, release);
  await writeFile(join(suiteDir, 'Release'), release);
  await writeFile(join(suiteDir, 'Release.gpg'), detached);
  await writeFile(join(suiteDir, 'InRelease'), inRelease);
}

/** Renames the copies into the pool. What lies there under a name that was never published is litter of a crash, and is replaced. */
async function placeFiles({ dir, files }: Draft): Promise<void> {
  const touched = new Set<string>();
  for (const { path, copy } of files) {
    if (copy === undefined) continue;
    await makeDirectory(join(dir, dirname(path)));
    await rename(copy, join(dir, path));
    for (let at = dirname(path); at !== '.'; at = dirname(at)) touched.add(at);
  }
  for (const path of touched) await syncDirectory(join(dir, path));
}

/** A suite that left the configuration loses its indexes, never what it holds. */
async function keepForeignLists(dir: string, work: string): Promise<void> {
  const current = currentSerial(dir);
  if (current === undefined) return;
  for (const name of await readdir(serialDir(dir, current))) {
    if (name.endsWith('.list')) await unless('EEXIST', undefined, link(join(serialDir(dir, current), name), join(work, name)));
  }
}

/** The Date of the newest serial, in ms; apt ignores a Release that is older than the one it has. */
async function lastDate(dir: string): Promise<number> {
  const current = currentSerial(dir);
  if (current === undefined) return 0;
  const date = Date.parse((await unless('ENOENT', '', readFile(join(serialDir(dir, current), 'date'), 'utf8'))).trim());
  return Number.isNaN(date) ? 0 : date;
}

/** Does what is left to do after a commit: the switch, the ledger, the receipts. Every run begins with it, so that a crash is made good. */
export async function finishSerial(ctx: Context, repository: RepositoryConfig, tmp: string): Promise<void> {
  const { dir } = repository;
  const serial = currentSerial(dir);
  if (serial === undefined) return;
  const mark = finishedMark(dir, serial);
  const finished = await exists(mark);
  if (!isSwitched(dir, serial)) {
    await touchChanged(repository, ctx.now());
    await switchDists(dir, distsTarget(serial), tmp);
    await touchChanged(repository, ctx.now());
  }
  if (finished) return;
  await removeLitter(serialDir(dir, serial));
  for (const line of await appendRedo(dir, serialDir(dir, serial))) {
    if (line.kind === 'job') await writeReceipt(dir, line.receipt);
  }
  await writeDurable(mark, '');
}

export async function writeReceipt(dir: string, receipt: Receipt): Promise<void> {
  await writeDurable(receiptPath(dir, receipt.id), `${JSON.stringify(receipt)}\n`);
}

/** A wake-up for us and for outside scripts, no more: it need not outlive a crash. */
async function touchChanged({ dir, suites }: RepositoryConfig, now: Date): Promise<void> {
  for (const suite of suites) {
    const handle = await open(join(dir, `.${suite.replaceAll('/', '_')}.changed`), 'a');
    try {
      await handle.utimes(now, now);
    } finally {
      await handle.close();
    }
  }
}
