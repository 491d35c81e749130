/** What the mails say. Pure; the words of outsiders in them are made harmless by compose.ts. */
import type { Receipt } from '../repository/handover.ts';
import type { JobFile } from '../spool/job.ts';
import type { VerdictFile } from '../steps/verdict.ts';

/** What a notice is about; `-` for what is not known. */
type Subject = Pick<JobFile, 'source' | 'version'> & Partial<Pick<JobFile, 'architecture'>>;

/** Accepted by verify: what will be built. */
export function queuedBody(subject: Subject, suite: string, architectures: readonly string[]): string {
  return lines(
    `${nameOf(subject)} was checked and is waiting for a build host.`,
    `It will be built for ${architectures.join(', ')} and then published in ${suite}.`,
    'You will get a mail when it is published, or when something is wrong.',
  );
}

/** Refused by verify or accept: every reason. */
export function rejectedBody(subject: Subject, reasons: readonly string[]): string {
  return lines(
    `${nameOf(subject)} was rejected. Nothing of it was published.`,
    '',
    reasons.length === 1 ? 'The reason:' : `All ${reasons.length} reasons:`,
    '',
    ...reasons.map((reason) => `  * ${reason}`),
    '',
    'Once that is mended it can be uploaded again.',
  );
}

const BLAME: Readonly<Record<VerdictFile['verdict'], string>> = {
  ok: 'The step itself passed.',
  package: 'The fault lies in the package.',
  dependency: 'Something that the package needs could not be installed.',
  host: 'The fault lies with the build hosts, not with the package.',
  aborted: 'Somebody stopped it.',
  unknown: 'Nobody knows what became of it.',
};

/** Failed for good, in collect: the verdict, the lines of the log that show it, and how to see the same. `logs` is where all logs lie. */
export function failedBody(job: JobFile, verdict: VerdictFile, logs: string): string {
  const { step, attempt, host, evidence, missing = [], reproduce } = verdict;
  return lines(
    `${nameOf(job)} failed in its step ${step} (attempt ${attempt}, on host ${host}).`,
    '',
    `Verdict: ${verdict.verdict}. ${BLAME[verdict.verdict]}`,
    verdict.reason,
    ...(missing.length === 0 ? [] : [`Missing: ${missing.join(', ')}`]),
    ...(evidence.length === 0 ? [] : ['', 'The log says:', '', ...evidence.slice(-20).map((line) => `  ${line}`)]),
    ...(reproduce === ''
      ? []
      : ['', 'To see the same, in a directory with the sources (for a test: with what was built):', '', `  ${reproduce}`]),
    '',
    `The whole log: buildme log ${job.id} --attempt ${attempt}`,
    `All logs: ${logs}`,
    `Once the cause is gone: buildme retry ${job.id}`,
  );
}

/** Published: what is new in the repository. */
export function publishedBody(job: JobFile, { serial, packages = [] }: Receipt): string {
  return lines(
    `${nameOf(job)} was ${job.steps.length > 1 ? 'built, tested and published' : 'built and published'} in ${job.suite}${serial === undefined ? '' : ` (serial ${serial})`}.`,
    ...(packages.length === 0
      ? []
      : ['', 'New there:', '', ...packages.map(({ name, version, architecture }) => `  ${name} ${version} ${architecture}`)]),
  );
}

function nameOf({ source, version, architecture }: Subject): string {
  if (source === '-') return 'The upload';
  return `${source} ${version}${architecture === undefined ? '' : ` (${architecture})`}`;
}

function lines(...all: readonly string[]): string {
  return `${all.join('\n')}\n`;
}
