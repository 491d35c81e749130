/**
 * A job: a directory with job.json (never changes), journal (append-only), in/ and attempts/N/. What a job is at is derived from these,
 * never stored beside them.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { appendDurable, readJsonLines } from '../disk.ts';
import { type Place, pathOf } from './states.ts';

/** A file by its content. */
export interface FileDigest {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** job.json: what was asked for. Written once by verify (later intake), read by everybody. */
export interface JobFile {
  readonly id: string;
  readonly product: string;
  /** Name of the source package. */
  readonly source: string;
  /** Full version with its epoch. */
  readonly version: string;
  /** A Debian architecture, or `all` where that is a job of its own. */
  readonly architecture: string;
  /** Whether this job also builds the arch:all packages (always when `architecture` is `all`). */
  readonly buildsAll: boolean;
  readonly kind: 'build';
  /** `build`, then the product's tests in their order. */
  readonly steps: readonly string[];
  readonly upload: string;
  /** Ids of the other jobs of the upload. */
  readonly siblings: readonly string[];
  /** Names of the binary packages that the .dsc declares. */
  readonly binaries: readonly string[];
  /** Name of the .dsc in `in/`. */
  readonly dsc: string;
  /** Target suite. */
  readonly suite: string;
  /** What lies in `in/`: the .dsc and every file that it lists. */
  readonly files: readonly FileDigest[];
  /** gpgv's SIG_ID of the trigger's signature; spent when something of the upload is published. Absent: unsigned. */
  readonly signature?: string;
  /** Who gets the mails beside the product's list: the key's address, and after a good signature Maintainer and Changed-By. */
  readonly mail: readonly string[];
}

/** One line of the journal. `event` decides which details there are; see `Events`. */
export interface JournalLine extends Record<string, unknown> {
  readonly time: string;
  readonly stage: string;
  readonly event: string;
}

/** What dispatch notes before a job moves to `running/HOST`. Polling uses this, not today's configuration. */
export interface Claim {
  readonly time: string;
  readonly attempt: number;
  readonly step: string;
  readonly host: string;
  /** `local` or `ssh` (later `launchpad`, `queue`). */
  readonly kind: string;
  /** user@host:port; absent for local. */
  readonly address?: string;
  /** Where the attempt's directory lies on the host; it bears JOB.STEP.ATTEMPT. */
  readonly workdir: string;
  /** The tool that reads the exit status. */
  readonly tool: string;
  /** The step's command line, for the mail that says how to reproduce it. */
  readonly command: string;
}

export interface Job {
  readonly file: JobFile;
  readonly place: Place;
  /** Absolute path of the entry. */
  readonly dir: string;
  readonly journal: readonly JournalLine[];
}

export interface Progress {
  /** The step that is next, or running; undefined when every step passed. */
  readonly step: string | undefined;
  /** Attempts so far, over all steps; attempt numbers are 1, 2, … */
  readonly attempts: number;
  /** The claim that has neither a verdict nor was given back. */
  readonly claim: Claim | undefined;
  /** Since when the job is in its place. */
  readonly since: string | undefined;
  /** Why it is where it is, as the journal says. */
  readonly reason: string | undefined;
  /** Host verdicts in a row for the present step. */
  readonly hostFaults: number;
  /** The first verdict for the present step that a dependency is missing. */
  readonly lackingSince: string | undefined;
  /** What somebody asked to end it for (a newer version, abort, dcut); collect carries it out. */
  readonly ending: string | undefined;
}

/**
 * What the journal adds up to. Events that count: `claimed` (a Claim), `verdict` {attempt, step, verdict, reason}, `given-back` {reason},
 * `retry` {step}, `end` {reason}, `moved` {to, reason}.
 */
export function progressOf(file: JobFile, journal: readonly JournalLine[]): Progress {
  let index = 0;
  let attempts = 0;
  let claim: Claim | undefined;
  let since: string | undefined;
  let reason: string | undefined;
  let hostFaults = 0;
  let lackingSince: string | undefined;
  let ending: string | undefined;
  for (const line of journal) {
    if (line.event === 'claimed') {
      claim = line as unknown as Claim;
      attempts = Math.max(attempts, claim.attempt);
    } else if (line.event === 'given-back') {
      claim = undefined;
    } else if (line.event === 'verdict') {
      claim = undefined;
      if (line.verdict === 'ok') index = Math.max(index, file.steps.indexOf(String(line.step)) + 1);
      hostFaults = line.verdict === 'host' ? hostFaults + 1 : 0;
      if (line.verdict === 'dependency') lackingSince ??= line.time;
      else if (line.verdict !== 'host') lackingSince = undefined;
    } else if (line.event === 'retry') {
      index = Math.max(0, file.steps.indexOf(String(line.step)));
      hostFaults = 0;
      lackingSince = undefined;
      ending = undefined;
    } else if (line.event === 'end') {
      ending = String(line.reason);
    }
    if (line.event === 'moved' || line.event === 'claimed') {
      since = line.time;
      reason = typeof line.reason === 'string' ? line.reason : undefined;
    }
  }
  return { step: file.steps[index], attempts, claim, since, reason, hostFaults, lackingSince, ending };
}

/** Reads an entry as a job. Throws when job.json is missing or damaged: such an entry is not understood. */
export async function readJob(root: string, place: Place, id: string): Promise<Job> {
  const dir = join(root, pathOf(place), id);
  const file = JSON.parse(await readFile(join(dir, 'job.json'), 'utf8')) as JobFile;
  if (file.id !== id || !Array.isArray(file.steps) || !Array.isArray(file.files))
    throw new Error(`${dir}/job.json is not that of job ${id}`);
  return { file, place, dir, journal: await readJsonLines<JournalLine>(join(dir, 'journal')) };
}

/** Directory of an attempt of a job. */
export function attemptDir(job: Pick<Job, 'dir'>, attempt: number): string {
  return join(job.dir, 'attempts', String(attempt));
}

/** Where the results of the build step lie: of the last attempt that passed it. Throws when none did. */
export function buildResultsDir(job: Pick<Job, 'file' | 'dir' | 'journal'>): string {
  const passed = job.journal.findLast((line) => line.event === 'verdict' && line.step === 'build' && line.verdict === 'ok');
  if (passed === undefined) throw new Error(`job ${job.file.id} has no build that was ok`);
  return join(attemptDir(job, Number(passed.attempt)), 'out');
}

/** One line for a journal. */
export function journalLine(now: Date, stage: string, event: string, details: Readonly<Record<string, unknown>> = {}): string {
  return `${JSON.stringify({ time: now.toISOString(), stage, event, ...details })}\n`;
}

/** Appends to the journal in `dir`, durable when it returns. */
export async function note(
  dir: string,
  now: Date,
  stage: string,
  event: string,
  details: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await appendDurable(join(dir, 'journal'), journalLine(now, stage, event, details));
}
