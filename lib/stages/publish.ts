/**
 * publish: what accept handed over becomes the next serial of its repository. One promise: readers see the serial before or the serial
 * after, both whole and signed, and every hand-over gets one answer. Only this stage changes or signs a repository; it never writes in
 * the spool.
 */
import { readdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Product, RepositoryConfig } from '../config/types.ts';
import { type Context, checkStuck, newTally, noteBegin, type Tally } from '../context.ts';
import { makeDirectory, removeTree, tryLock } from '../disk.ts';
import { ConfigError, codeOf, ExpectedError, isDiskFault, TemporaryError, textOf, unless } from '../errors.ts';
import { commitDraft, finishSerial, writeReceipt } from '../repository/build.ts';
import { addToDraft, conflictsWith, type Draft, openDraft } from '../repository/draft.ts';
import type { HandOver, Receipt } from '../repository/handover.ts';
import { type Offer, takeOffer } from '../repository/offer.ts';
import { acceptUid, listQueue, type QueueEntry, readHandOver } from '../repository/queue.ts';
import { checkKeys } from '../repository/release.ts';
import { readReceipt } from '../repository/repository.ts';
import { isWhole, removeLitter, removeOldSerials } from '../repository/serials.ts';
import { keepStanza } from '../repository/stanzas.ts';
import { readTakeovers } from '../repository/takeovers.ts';
import type { Glance } from '../spool/look.ts';

/** Nothing in any queue, every repository published to the end. Looks only, at once. */
export function isPublishIdle(ctx: Glance): boolean {
  return [...ctx.config.repositories.values()].every(
    (repository) =>
      isWhole(repository.dir, repository.suites) && productsOf(ctx, repository).every((product) => isEmpty(product.repoQueue)),
  );
}

function isEmpty(queue: string): boolean {
  try {
    return readdirSync(queue).every((name) => name.startsWith('.'));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return true;
    throw error;
  }
}

function productsOf(ctx: Glance, repository: RepositoryConfig): Product[] {
  return [...ctx.config.products.values()].filter((product) => product.repository === repository.name);
}

/** Throws ConfigError with the faults of all repositories, after the others were published. */
export async function publish(ctx: Context): Promise<Tally> {
  const tally = newTally();
  const faults: string[] = [];
  let stuck: TemporaryError | undefined;
  for (const repository of ctx.config.repositories.values()) {
    try {
      await publishRepository(ctx, repository, tally);
    } catch (error) {
      if (error instanceof ConfigError) faults.push(...error.faults);
      else if (error instanceof TemporaryError && error.code === 'E_STUCK') stuck = error;
      else report(ctx, repository.name, error, tally);
    }
  }
  if (faults.length > 0) throw new ConfigError('E_PUBLISH', faults);
  if (stuck !== undefined) throw stuck;
  return tally;
}

/** What stopped one repository or one hand-over; the others go on. */
function report(ctx: Context, what: string, error: unknown, tally: Tally): void {
  if (error instanceof ExpectedError) {
    tally.kept += 1;
    // What no next run mends (a damaged pool file) has to be told.
    ctx.log[error instanceof TemporaryError ? 'info' : 'error']('kept', { entry: what, code: error.code, reason: textOf(error) });
  } else if (isDiskFault(error) || codeOf(error) === 'EACCES') {
    tally.kept += 1;
    ctx.log.error('kept', { entry: what, reason: `${textOf(error)}; nothing was published of it, the next run tries again` });
  } else {
    tally.broken += 1;
    ctx.log.error('bug', { entry: what, error: textOf(error), stack: error instanceof Error ? error.stack : undefined });
  }
}

async function publishRepository(ctx: Context, repository: RepositoryConfig, tally: Tally): Promise<void> {
  const { dir } = repository;
  await prepare(dir);
  const lockPath = join(dir, '.lock');
  const lock = tryLock(lockPath);
  if (lock === undefined) return checkStuck(ctx, lockPath);
  noteBegin(ctx, lockPath);
  const tmp = join(dir, 'tmp');
  try {
    // Whatever lies there is of a run that was killed: the lock is ours.
    await removeTree(tmp);
    for (const path of [tmp, join(dir, 'receipts'), join(dir, 'stanzas'), join(dir, 'pool')]) await makeDirectory(path);
    for (const path of [dir, join(dir, 'receipts'), join(dir, 'stanzas')]) await removeLitter(path);
    await finishSerial(ctx, repository, tmp);
    const uid = await acceptUid(ctx.exec, ctx.config.global.acceptUser);
    const queue = await dropAnswered(ctx, dir, await listQueue(ctx.log, productsOf(ctx, repository), uid));
    if (queue.length === 0 && isWhole(dir, repository.suites)) return;
    await checkKeys({ exec: ctx.exec, gnupgHome: ctx.config.global.gnupgHome, repository });
    await publishQueue(ctx, repository, queue, uid, tmp, tally);
    await dropAnswered(ctx, dir, queue);
    await removeOldSerials(dir, ctx.now());
  } finally {
    await removeTree(tmp);
    lock.release();
  }
}

/** Makes a repository's directory, but not what it lies in: that may be a file system that is not mounted. */
async function prepare(dir: string): Promise<void> {
  try {
    for (const path of [dirname(dir), dir]) await unless('EEXIST', undefined, mkdir(path));
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    throw new ConfigError(
      'E_REPOSITORY_DIR',
      `${dirname(dir)} (repository_dir) cannot be made: make or mount ${dirname(dirname(dir))} first`,
      error,
    );
  }
}

/** Removes the entries that have their receipts; returns the others. */
async function dropAnswered(ctx: Context, dir: string, queue: readonly QueueEntry[]): Promise<QueueEntry[]> {
  const waiting: QueueEntry[] = [];
  for (const entry of queue) {
    if ((await readReceipt(dir, entry.id)) === undefined) {
      waiting.push(entry);
      continue;
    }
    try {
      await removeTree(entry.dir);
    } catch (error) {
      ctx.log.error('cannot remove', { entry: entry.dir, reason: `${textOf(error)}; it was answered, let publish's user write there` });
    }
  }
  return waiting;
}

async function publishQueue(
  ctx: Context,
  repository: RepositoryConfig,
  queue: readonly QueueEntry[],
  uid: number,
  tmp: string,
  tally: Tally,
): Promise<void> {
  const { dir } = repository;
  const draft = await openDraft(repository);
  const answers: Receipt[] = [];
  for (const entry of queue) {
    try {
      const handOver = await readHandOver(entry, uid);
      const answer = await judge(ctx, repository, draft, entry, handOver, join(tmp, entry.id));
      if (!draft.redo.some((line) => line.kind === 'job' && line.receipt.id === answer.id)) answers.push(answer);
      tally.moved += 1;
    } catch (error) {
      if (error instanceof ConfigError) throw error;
      await removeTree(join(tmp, entry.id));
      report(ctx, entry.id, error, tally);
    }
  }
  if (draft.redo.length > 0 || !isWhole(dir, repository.suites)) {
    await commitDraft(ctx, repository, draft, tmp);
    await finishSerial(ctx, repository, tmp);
    ctx.log.info('published', {
      repository: repository.name,
      serial: draft.serial,
      handovers: draft.redo.filter((line) => line.kind === 'job').length,
    });
  }
  // Refused only now: the reason may be another hand-over of this serial.
  for (const answer of answers) {
    await writeReceipt(dir, answer);
    ctx.log.info(answer.outcome, { entry: answer.id, reasons: answer.reasons });
  }
}

/** Takes one hand-over into the draft, or says why not. A job that was published before gets the same receipt again. */
async function judge(
  ctx: Context,
  repository: RepositoryConfig,
  draft: Draft,
  entry: QueueEntry,
  handOver: HandOver,
  into: string,
): Promise<Receipt> {
  const before = draft.ledger.jobs.get(handOver.job);
  if (before !== undefined) return { ...before, id: handOver.id };
  const suite = ctx.config.suites.get(`${repository.name}/${handOver.suite}`);
  if (suite === undefined)
    return refuse(ctx, handOver, [`repository ${repository.name} has no suite ${handOver.suite}: it has ${repository.suites.join(', ')}`]);
  const component = handOver.component || (suite.components[0] ?? 'main');
  const offer: Offer = await takeOffer(ctx.exec, repository.dir, draft.ledger, entry, handOver, component, into);
  const mayTakeOver = await readTakeovers(entry.product.takeovers);
  const faults = [...offer.faults, ...conflictsWith(draft, offer, suite, mayTakeOver)];
  if (faults.length > 0) return refuse(ctx, handOver, faults);
  for (const { file, stanza } of offer.packages) await keepStanza(repository.dir, file.sha256, stanza);
  return addToDraft(draft, offer, ctx.now());
}

function refuse(ctx: Context, { id, job }: HandOver, reasons: readonly string[]): Receipt {
  return { id, job, outcome: 'refused', reasons, time: ctx.now().toISOString() };
}
