/** `buildme log JOB [--attempt N] [--follow]`: what a step printed; while it runs, what it has printed so far. */
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../context.ts';
import { exists } from '../disk.ts';
import { EXIT, UsageError } from '../errors.ts';
import type { Host } from '../hosts/host.ts';
import { attemptDir, type Claim } from '../spool/job.ts';
import { no, onlyJob, takeArguments } from './arguments.ts';
import type { Invocation } from './command.ts';
import { type Described, describeJob, findJob } from './jobs.ts';

const CHUNK_BYTES = 256 * 1024;
const FOLLOW_MS = 500;

export async function log({ args, context }: Invocation): Promise<number> {
  const options = { attempt: { type: 'string' }, follow: { type: 'boolean', default: false } } as const;
  const { values, positionals } = takeArguments('log', args, options);
  const name = onlyJob('log', positionals);
  const attempt = values.attempt === undefined ? undefined : Number(values.attempt);
  if (attempt !== undefined && !(Number.isInteger(attempt) && attempt > 0)) throw new UsageError('--attempt takes a number from 1');
  const ctx = context('log');
  const found = await findJob(ctx.spool, name);
  if (found === undefined) return no(`no job '${name}'; 'buildme status' lists them`);
  const { job, progress } = found;
  const wanted = attempt ?? progress.attempts;
  if (wanted === 0) return no(`${job.file.id} has not been tried yet (${job.place.state})`);
  const { claim } = progress;
  if (claim?.attempt === wanted) return running(ctx, found, claim, values.follow);
  return printAttempt(found, wanted);
}

function printAttempt({ job }: Described, attempt: number): Promise<number> {
  return new Promise((resolve) => {
    const stream = createReadStream(join(attemptDir(job, attempt), 'log'));
    stream.on('error', () => resolve(no(`${job.file.id} has no log of attempt ${attempt}: it was given back or never began`)));
    const shown = harmless();
    shown.on('end', () => resolve(EXIT.ok));
    stream.pipe(shown).pipe(process.stdout, { end: false });
  });
}

/** A terminal is not made to obey what a step printed; a file or a pipe gets every byte. */
function harmless(): Transform {
  const decoder = new StringDecoder('utf8');
  return new Transform({
    transform: (chunk: Buffer, _, done) => {
      done(null, process.stdout.isTTY ? decoder.write(chunk).replace(/[^\P{Cc}\n\t]/gu, '') : chunk);
    },
  });
}

/** Reads from the host; takes no lock. When the attempt is fetched meanwhile, the rest comes from the job. */
async function running(ctx: Context, { job }: Described, claim: Claim, follow: boolean): Promise<number> {
  const { openAt } = await import('../hosts/hosts.ts');
  const host = await openAt(ctx, claim);
  const shown = harmless();
  shown.pipe(process.stdout, { end: false });
  try {
    let offset = await copyLog(host, claim.workdir, 0, shown);
    while (follow) {
      await sleep(FOLLOW_MS);
      const state = (await host.poll([claim.workdir])).get(claim.workdir)?.state;
      offset = await copyLog(host, claim.workdir, offset, shown);
      if (state !== 'running' && state !== 'new') break;
    }
    const place = await ctx.spool.find(job.file.id);
    if (!follow || place === undefined) return EXIT.ok;
    const { job: now } = await describeJob(ctx.spool, place, job.file.id);
    const kept = join(attemptDir(now, claim.attempt), 'log');
    if (await exists(kept)) await pipe(createReadStream(kept, { start: offset }), shown);
    return EXIT.ok;
  } finally {
    await host.disconnect();
  }
}

async function copyLog(host: Host, workdir: string, from: number, to: NodeJS.WritableStream): Promise<number> {
  for (let offset = from; ; ) {
    const chunk = await host.readLog(workdir, offset, CHUNK_BYTES);
    if (chunk.length === 0) return offset;
    to.write(chunk);
    offset += chunk.length;
  }
}

function pipe(stream: NodeJS.ReadableStream, to: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.on('end', resolve).on('error', reject);
    stream.pipe(to, { end: false });
  });
}
