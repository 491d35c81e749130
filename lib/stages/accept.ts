/**
 * accept: built jobs whose results are what was asked for go to the repository's queue; publish's receipts end them. One promise: nothing
 * that a build host made up reaches the queue, and a job is handed over until a receipt says what became of it.
 */
import { join } from 'node:path';
import { productOf, repositoryOf } from '../config/lookup.ts';
import type { Product, RepositoryConfig } from '../config/types.ts';
import { type Context, eachJob, type Outcome, sumOf, type Tally } from '../context.ts';
import { type BuildResults, problemsWith, readResults } from '../formats/deb/results.ts';
import { publishedBody, rejectedBody } from '../notices/bodies.ts';
import { lifeOf, type Notice, tell } from '../notices/notices.ts';
import { handOver, handOverId, isQueued } from '../repository/handing.ts';
import type { HandOver, Receipt } from '../repository/handover.ts';
import { openRepository, readReceipt } from '../repository/repository.ts';
import { foreignNames, readTakeovers } from '../repository/takeovers.ts';
import { buildResultsDir, type Job, note } from '../spool/job.ts';
import type { Glance } from '../spool/look.ts';
import { moveJob, stopJob } from '../spool/move.ts';
import { copyToResultDir, resultDirOf } from '../spool/result_dir.ts';
import { spend } from '../uploads/signatures.ts';

export function isAcceptIdle({ spool }: Glance): boolean {
  return spool.isEmpty('built') && spool.isEmpty('accepted');
}

/** Hands built jobs over or rejects them with every reason; ends those that have a receipt. */
export async function accept(ctx: Context): Promise<Tally> {
  const on =
    (act: typeof acceptBuilt) =>
    (job: Job): Promise<Outcome> =>
      act(ctx, job, productOf(ctx.config, job.file.product));
  return sumOf([await eachJob(ctx, { state: 'built' }, on(acceptBuilt)), await eachJob(ctx, { state: 'accepted' }, on(followUp))]);
}

async function acceptBuilt(ctx: Context, job: Job, product: Product): Promise<Outcome> {
  const out = buildResultsDir(job);
  const results = await readResults(ctx.exec, out);
  const repository = repositoryOf(ctx.config, product);
  const problems = [...problemsWith(results, job.file), ...(await takenNames(repository, product, job, results))];
  if (problems.length > 0) return reject(ctx, job, problems);
  await copyToResultDir(
    resultDirOf(product.resultDir, job.file),
    results.files.map(({ name }) => ({ from: join(out, name), name })),
  );
  const number = handedTimes(job) + 1;
  const id = handOverId(job.file.id, number);
  // A run that was killed after its hand-over finds the entry, or, when publish was quicker, the receipt.
  if (!(await isQueued(product.repoQueue, id)) && (await readReceipt(repository.dir, id)) === undefined) {
    await handOver(product.repoQueue, entryOf(job, product, results, id), pathsOf(job, out, results));
  }
  await note(job.dir, ctx.now(), 'accept', 'handed', { number, to: product.repoQueue });
  await moveJob(ctx, job, 'accepted');
  return 'moved';
}

async function takenNames(repository: RepositoryConfig, product: Product, { file }: Job, { packages }: BuildResults): Promise<string[]> {
  const { ownerOf } = await openRepository(repository);
  const names = packages.map(({ name }) => name);
  return foreignNames(names, file.source, file.suite, (name) => ownerOf(file.suite, name), await readTakeovers(product.takeovers));
}

function handedTimes(job: Job): number {
  return job.journal.filter((line) => line.event === 'handed').length;
}

function entryOf({ file }: Job, product: Product, results: BuildResults, id: string): HandOver {
  const buildinfo = results.files.find(({ name }) => name.endsWith('.buildinfo'));
  const area = results.packages[0]?.section.split('/')[0] ?? '';
  return {
    id,
    job: file.id,
    product: file.product,
    repository: product.repository,
    suite: file.suite,
    source: file.source,
    version: file.version,
    architecture: file.architecture,
    component: product.components.includes(area) ? area : (product.components[0] ?? 'main'),
    dsc: file.dsc,
    sourceFiles: file.files,
    binaries: results.files.filter(({ name }) => results.packages.some((built) => built.file === name)),
    ...(buildinfo === undefined ? {} : { buildinfo }),
  };
}

function pathsOf(job: Job, out: string, results: BuildResults): Map<string, string> {
  return new Map([
    ...job.file.files.map(({ name }) => [name, join(job.dir, 'in', name)] as const),
    ...results.files.map(({ name }) => [name, join(out, name)] as const),
  ]);
}

/** An accepted job ends by publish's receipt. With neither entry nor receipt it was lost on the way, and is handed over again. */
async function followUp(ctx: Context, job: Job, product: Product): Promise<Outcome> {
  const id = handOverId(job.file.id, handedTimes(job));
  // The entry first, then the receipt: publish writes the receipt before it removes the entry.
  if (await isQueued(product.repoQueue, id)) return 'kept';
  const receipt = await readReceipt(repositoryOf(ctx.config, product).dir, id);
  if (receipt === undefined) return acceptBuilt(ctx, job, product);
  return receipt.outcome === 'published' ? finish(ctx, job, receipt) : reject(ctx, job, receipt.reasons ?? ['the repository refused it']);
}

async function finish(ctx: Context, job: Job, receipt: Receipt): Promise<Outcome> {
  const { signature, product } = job.file;
  if (signature !== undefined) await spend(ctx, product, signature);
  await note(job.dir, ctx.now(), 'accept', 'published', { serial: receipt.serial });
  await tell(ctx, await noticeOf(job, 'published', publishedBody(job.file, receipt)));
  await moveJob(ctx, job, 'done', `published in serial ${receipt.serial}`);
  return 'moved';
}

async function reject(ctx: Context, job: Job, reasons: readonly string[]): Promise<Outcome> {
  await tell(ctx, await noticeOf(job, 'rejected', rejectedBody(job.file, reasons)));
  await stopJob(ctx, job, 'rejected', reasons);
  return 'moved';
}

async function noticeOf(job: Job, kind: Notice['kind'], body: string): Promise<Notice> {
  const { product, source, version, architecture, id, mail } = job.file;
  return { kind, product, source, version, architecture, id, attempt: 0, ...(await lifeOf(job)), to: mail, body };
}
