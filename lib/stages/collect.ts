/**
 * collect: what became of the steps that run on hosts. Results first, clean later: an attempt is fetched, judged and put into its job by
 * one rename; only then is the host cleaned and the job moved. A host that does not answer changes nothing until `lost_after`.
 */
import { statSync } from 'node:fs';
import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hostOf, productOf } from '../config/lookup.ts';
import { type Context, eachJob, newTally, type Outcome, sumOf, type Tally } from '../context.ts';
import { codeOf, TemporaryError, textOf } from '../errors.ts';
import { blameHost, clearFaults } from '../hosts/faults.ts';
import { giveBack, requeue } from '../hosts/giveback.ts';
import { harvest, readVerdict } from '../hosts/harvest.ts';
import type { Host, RemoteState } from '../hosts/host.ts';
import { openAt } from '../hosts/hosts.ts';
import { failedBody } from '../notices/bodies.ts';
import { lifeOf, tell } from '../notices/notices.ts';
import { attemptDir, type Claim, type Job, note, progressOf } from '../spool/job.ts';
import type { Glance } from '../spool/look.ts';
import { moveJob, stopJob } from '../spool/move.ts';
import { copyToResultDir, resultDirOf } from '../spool/result_dir.ts';
import type { Place } from '../spool/states.ts';
import type { VerdictFile } from '../steps/verdict.ts';

/** Verdicts in a row against hosts after which a job is given up. */
const MAX_HOST_FAULTS = 3;

export function isCollectIdle({ spool }: Glance): boolean {
  return spool.isEmpty('waiting') && spool.runningHostsNow().every((host) => spool.isEmpty({ state: 'running', host }));
}

/** Jobs whose step has ended go on, by its verdict, to the next step, `built`, `waiting`, `failed`, `ended` or back to `queued`. */
export async function collect(ctx: Context): Promise<Tally> {
  const hosts = await ctx.spool.runningHosts();
  const tallies = await Promise.all([...hosts.map((host) => collectHost(ctx, host)), failOverdue(ctx)]);
  return sumOf(tallies);
}

interface Attempt {
  readonly job: Job;
  readonly claim: Claim;
}

/** A connection to the address that some claims name, and what the host said of all of them in one round trip. */
interface Answer {
  readonly host: Host;
  readonly states: ReadonlyMap<string, RemoteState>;
}

async function collectHost(ctx: Context, name: string): Promise<Tally> {
  const place = { state: 'running' as const, host: name };
  if (ctx.spool.isEmpty(place)) return newTally();
  const lock = ctx.spool.tryLock(`host-${name}`);
  if (lock === undefined) return newTally();
  const answers = new Map<string, Promise<Answer>>();
  try {
    const claims = await openClaims(ctx, place);
    return await eachJob(ctx, place, async (job) => {
      const { claim, attempts } = progressOf(job.file, job.journal);
      if (claim === undefined) return settleUnclaimed(ctx, job, attempts);
      return collectAttempt(ctx, { job, claim }, () => askOnce(ctx, answers, claims, claim));
    });
  } finally {
    for (const answer of answers.values()) await answer.then(({ host }) => host.disconnect()).catch(() => undefined);
    lock.release();
  }
}

/** The claims of a host's jobs. A job that cannot be read is left to the loop that isolates it. */
async function openClaims(ctx: Context, place: Place): Promise<Claim[]> {
  const ids = await ctx.spool.list(place);
  const jobs = await Promise.allSettled(ids.map((id) => ctx.spool.readJob(place, id)));
  return jobs.flatMap((read) => (read.status === 'fulfilled' ? (progressOf(read.value.file, read.value.journal).claim ?? []) : []));
}

/** One connection and one question per address and run; the address is the one that the job was sent to. */
function askOnce(ctx: Context, answers: Map<string, Promise<Answer>>, claims: readonly Claim[], claim: Claim): Promise<Answer> {
  const address = (of: Claim): string => `${of.kind} ${of.address ?? ''}`;
  const known = answers.get(address(claim));
  if (known !== undefined) return known;
  const workdirs = claims.filter((other) => address(other) === address(claim)).map(({ workdir }) => workdir);
  const answer = openAt(ctx, claim).then(async (host) => {
    try {
      const states = await host.poll(workdirs);
      await heard(ctx, claim.host);
      return { host, states };
    } catch (error) {
      await host.disconnect();
      throw error;
    }
  });
  answers.set(address(claim), answer);
  return answer;
}

/** A job that lies in `running` without an open claim: its verdict or give-back is noted, the move was cut short. */
async function settleUnclaimed(ctx: Context, job: Job, attempts: number): Promise<Outcome> {
  const verdict = await readVerdict(job, attempts);
  if (verdict !== undefined) return settle(ctx, job, verdict);
  await requeue(ctx, job, 'its last move was cut short');
  return 'moved';
}

async function collectAttempt(ctx: Context, { job, claim }: Attempt, ask: () => Promise<Answer>): Promise<Outcome> {
  const known = await readVerdict(job, claim.attempt);
  if (known !== undefined) return finish(ctx, job, claim, known, async () => (await ask()).host);
  let answer: Answer;
  try {
    answer = await ask();
  } catch (error) {
    if (!(error instanceof TemporaryError)) throw error;
    return keepUntilLost(ctx, job, claim, error);
  }
  return actOn(ctx, answer.host, { job, claim }, answer.states.get(claim.workdir) ?? { state: 'unknown' });
}

async function actOn(ctx: Context, host: Host, { job, claim }: Attempt, state: RemoteState): Promise<Outcome> {
  const { ending } = progressOf(job.file, job.journal);
  if (state.state === 'running') {
    if (ending === undefined) return 'kept';
    await host.abort(claim.workdir);
    return 'kept';
  }
  if (state.state === 'ended') {
    return finish(ctx, job, claim, await harvest(ctx, host, job, claim, state), async () => host);
  }
  // The host keeps the record, and it has none of a start: whoever began this died on the way, or the host forgot it (reinstalled).
  const reason = state.state === 'unknown' ? `host ${claim.host} knows nothing of it` : `its start on host ${claim.host} was cut short`;
  const wasStarted = job.journal.some((line) => line.event === 'started' && line.attempt === claim.attempt);
  if (wasStarted) await blameHost(ctx, claim.host, reason);
  return (await giveBack(ctx, host, job, claim, reason)) ? 'moved' : 'kept';
}

/** Cleans the host and moves the job; that the host is gone meanwhile leaves litter there, not the job here. */
async function finish(ctx: Context, job: Job, claim: Claim, verdict: VerdictFile, open: () => Promise<Host>): Promise<Outcome> {
  await keepLog(ctx, job, verdict);
  try {
    await (await open()).clean(claim.workdir);
  } catch (error) {
    if (!(error instanceof TemporaryError)) throw error;
    ctx.log.info('not cleaned', { job: job.file.id, host: claim.host, workdir: claim.workdir, reason: textOf(error) });
  }
  return settle(ctx, job, verdict);
}

async function keepLog(ctx: Context, job: Job, verdict: VerdictFile): Promise<void> {
  const dir = resultDirOf(productOf(ctx.config, job.file.product).resultDir, job.file);
  const name = `${job.file.architecture}.${verdict.step}.${verdict.attempt}.log`;
  await copyToResultDir(dir, [{ from: join(attemptDir(job, verdict.attempt), 'log'), name }]);
}

/** Decides by the verdict where the job goes. Everything before the last rename may be done twice. */
async function settle(ctx: Context, job: Job, verdict: VerdictFile): Promise<Outcome> {
  const isAdvisory = verdict.verdict === 'package' && verdict.step !== 'build' && ctx.config.tests.get(verdict.step)?.gate === false;
  const counted = isAdvisory ? 'ok' : verdict.verdict;
  if (!job.journal.some((line) => line.event === 'verdict' && line.attempt === verdict.attempt)) {
    const { step, attempt, reason, host } = verdict;
    await note(job.dir, ctx.now(), ctx.log.tag, 'verdict', {
      step,
      attempt,
      verdict: counted,
      host,
      reason,
      ...(isAdvisory ? { judged: 'package' } : {}),
    });
    if (counted === 'host') await blameHost(ctx, host, reason);
    else await clearFaults(ctx.spool, host);
  }
  const after = await ctx.spool.readJob(job.place, job.file.id);
  const { ending, step, hostFaults } = progressOf(after.file, after.journal);
  if (ending !== undefined) await stopJob(ctx, job, 'ended', [ending]);
  else if (counted === 'ok') await moveJob(ctx, job, step === undefined ? 'built' : 'queued');
  else if (counted === 'aborted') await stopJob(ctx, job, 'ended', [verdict.reason]);
  else if (counted === 'host' && hostFaults < MAX_HOST_FAULTS) await moveJob(ctx, job, 'queued', verdict.reason);
  else if (counted === 'dependency' && waitedMs(ctx, after) < productOf(ctx.config, job.file.product).waitingTimeoutMs)
    await moveJob(ctx, job, 'waiting', verdict.reason);
  else
    await fail(
      ctx,
      after,
      verdict,
      counted === 'host' ? `given up after ${hostFaults} faults of hosts in a row; the last: ${verdict.reason}` : verdict.reason,
    );
  return 'moved';
}

async function fail(ctx: Context, job: Job, verdict: VerdictFile, reason: string): Promise<void> {
  const { file } = job;
  const logs = resultDirOf(productOf(ctx.config, file.product).resultDir, file);
  await tell(ctx, {
    kind: 'failed',
    product: file.product,
    source: file.source,
    version: file.version,
    architecture: file.architecture,
    id: file.id,
    attempt: verdict.attempt,
    ...(await lifeOf(job)),
    to: file.mail,
    body: failedBody(file, { ...verdict, reason }, logs),
  });
  await stopJob(ctx, job, 'failed', [reason]);
}

/** "Does not answer" is not "failed": the job stays until the host says what became of it, or has been silent for `lost_after`. */
async function keepUntilLost(ctx: Context, job: Job, claim: Claim, error: TemporaryError): Promise<Outcome> {
  const claimedAt = Date.parse(claim.time);
  const silentMs = ctx.now().getTime() - Math.max(claimedAt, lastHeard(ctx, claim.host));
  if (silentMs < hostOf(ctx.config, claim.host).lostAfterMs) throw error;
  await requeue(ctx, job, `host ${claim.host} has been silent for ${Math.round(silentMs / 60_000)} min: ${textOf(error)}`);
  return 'moved';
}

function heardFile(ctx: Context, host: string): string {
  return ctx.spool.file('hosts', `${host}.heard`);
}

function lastHeard(ctx: Context, host: string): number {
  try {
    return statSync(heardFile(ctx, host)).mtimeMs;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 0;
    throw error;
  }
}

async function heard(ctx: Context, host: string): Promise<void> {
  const now = ctx.now();
  try {
    await utimes(heardFile(ctx, host), now, now);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    await writeFile(heardFile(ctx, host), '');
  }
}

/** Since the first attempt of its step that lacked a dependency. */
function waitedMs(ctx: Context, job: Job): number {
  const { lackingSince } = progressOf(job.file, job.journal);
  return lackingSince === undefined ? 0 : ctx.now().getTime() - Date.parse(lackingSince);
}

/** What has waited for its dependencies for longer than `waiting_timeout` fails, with what it waited for. */
async function failOverdue(ctx: Context): Promise<Tally> {
  return eachJob(ctx, { state: 'waiting' }, async (job) => {
    const { attempts, reason } = progressOf(job.file, job.journal);
    const waited = waitedMs(ctx, job);
    const verdict = await readVerdict(job, attempts);
    if (waited < productOf(ctx.config, job.file.product).waitingTimeoutMs || verdict === undefined) return 'kept';
    await fail(ctx, job, verdict, `waited ${Math.round(waited / 3_600_000)} h in vain: ${reason ?? verdict.reason}`);
    return 'moved';
  });
}
