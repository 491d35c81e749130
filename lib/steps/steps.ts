/** The steps wing's door: what a step runs, and what its end means. One promise: judging never trusts a word of the log over the exit status. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { productOf } from '../config/lookup.ts';
import type { Config, HostConfig, Product } from '../config/types.ts';
import { ConfigError } from '../errors.ts';
import { buildResultsDir, type Claim, type Job, type JobFile } from '../spool/job.ts';
import { cleanLines, evidenceIn } from './evidence.ts';
import { plain } from './plain.ts';
import { sbdmock } from './sbdmock.ts';
import { sbuild } from './sbuild.ts';
import { shellQuote } from './shell.ts';
import type { Tool } from './tool.ts';
import type { Judgement } from './verdict.ts';

export type ToolName = Product['tool'];

const TOOLS: Readonly<Record<ToolName, Tool>> = { sbuild, sbdmock, plain };

/** What dispatch gives to a host. */
export interface StepCommand {
  readonly tool: ToolName;
  /** For `sh -c`. */
  readonly command: string;
  /** The BUILDME_… variables, but BUILDME_IN, BUILDME_OUT and HOME, which only the runner knows. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly maxLogBytes: number;
  /** Absolute paths here of the files that lie flat in BUILDME_IN there. */
  readonly inputs: readonly string[];
}

/** How an attempt ended, for its tool to read. */
export interface StepEnd {
  readonly status: number | null;
  readonly limit?: 'timeout' | 'log' | 'aborted';
  /** The last bytes of the log, as text. */
  readonly logTail: string;
  readonly results: readonly string[];
  readonly refused: readonly string[];
}

/** What a host is to run for a step of a job. Throws ConfigError when today's configuration cannot say. */
export async function commandOf(config: Config, job: Job, step: string, host: HostConfig): Promise<StepCommand> {
  const product = productOf(config, job.file.product);
  const limits = { timeoutMs: product.buildTimeoutMs, maxLogBytes: product.maxLogBytes };
  const env = { ...variablesOf(job.file), BUILDME_BASE: product.chroot ?? '' };
  if (step === 'build') {
    const own = product.buildCommand;
    const tool = own === undefined ? product.tool : 'plain';
    const command = own ?? TOOLS[tool].build({ config, product, job: job.file, host });
    return { tool, command, env, ...limits, inputs: job.file.files.map(({ name }) => join(job.dir, 'in', name)) };
  }
  const test = config.tests.get(step);
  if (test === undefined) {
    throw new ConfigError(
      'E_NO_TEST',
      `job ${job.file.id} is to be tested by ${step}, but ${config.file} has no [test ${step}]: put it back until that job is done`,
    );
  }
  return { tool: 'plain', command: test.command, env, ...limits, inputs: await buildResults(job) };
}

/** The results of the job's last build that was ok. */
async function buildResults(job: Job): Promise<string[]> {
  const dir = buildResultsDir(job);
  const entries = await readdir(dir, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(dir, entry.name))
    .sort();
}

function variablesOf(file: JobFile): Record<string, string> {
  return {
    BUILDME_JOB: file.id,
    BUILDME_PRODUCT: file.product,
    BUILDME_SOURCE: file.source,
    BUILDME_VERSION: file.version,
    BUILDME_ARCH: file.architecture,
    BUILDME_SUITE: file.suite,
  };
}

/** Who is to blame for the end of an attempt: first a limit, then the tool's reading of the exit status, then what a build left. */
export function judge(tool: ToolName, step: string, end: StepEnd): Judgement {
  const tail = (): string[] => cleanLines(end.logTail).slice(-20);
  if (end.limit === 'aborted') return { verdict: 'aborted', reason: `${step} was aborted`, evidence: tail() };
  if (end.limit === 'timeout')
    return { verdict: 'package', reason: `${step} took longer than build_timeout and was stopped`, evidence: tail() };
  if (end.limit === 'log')
    return { verdict: 'package', reason: `${step} wrote more log than max_log_size and was stopped`, evidence: tail() };
  const { status } = end;
  if (status === null)
    return {
      verdict: 'host',
      reason: `${step} ended without an exit status: the host went down, or its supervisor was killed`,
      evidence: tail(),
    };
  const judged = TOOLS[tool].judge({ ...end, status });
  if (judged.verdict === 'ok') return faultOfResults(step, end) ?? { ...judged, evidence: [] };
  return { ...judged, reason: cleanLines(judged.reason).join(' '), evidence: judged.evidence ?? evidenceIn(end.logTail) };
}

/** A build leaves exactly one .changes and nothing but regular files. What a test leaves is nobody's concern. */
function faultOfResults(step: string, { results, refused }: StepEnd): Judgement | undefined {
  if (step !== 'build') return undefined;
  const changes = results.filter((name) => name.endsWith('.changes'));
  if (refused.length > 0)
    return { verdict: 'package', reason: `the build left what is no result: ${refused[0]}`, evidence: refused.slice(0, 20) };
  if (changes.length === 1) return undefined;
  const left = changes.length === 0 ? 'no .changes' : `${changes.length} .changes (${changes.slice(0, 10).join(', ')})`;
  return {
    verdict: 'package',
    reason: `the build succeeded but left ${left}; exactly one is expected`,
    evidence: results.length === 0 ? ['it left no results at all'] : results.slice(0, 20),
  };
}

/** A line to paste where the .dsc (for a test: the results) lies, which does what the attempt did. */
export function reproduceCommand(job: Pick<Job, 'file'>, claim: Pick<Claim, 'tool' | 'command'>): string {
  const variables = Object.entries(variablesOf(job.file))
    // A command of the site's own may read any of them; the tools' own only what stands in their line.
    .filter(([name]) => claim.tool === 'plain' || claim.command.includes(name))
    .map(([name, value]) => `${name}=${shellQuote(value)} `);
  return `BUILDME_IN="$PWD" BUILDME_OUT="$(mktemp -d)" ${variables.join('')}sh -c ${shellQuote(claim.command)}`;
}
