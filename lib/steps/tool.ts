/** What a tool is: how it builds, and what the end of its run means. One file per tool implements it. */
import type { Config, HostConfig, Product } from '../config/types.ts';
import { ConfigError } from '../errors.ts';
import type { JobFile } from '../spool/job.ts';
import type { StepEnd } from './steps.ts';
import type { Judgement } from './verdict.ts';

export interface BuildRequest {
  readonly config: Config;
  readonly product: Product;
  readonly job: JobFile;
  readonly host: HostConfig;
}

/** An end that no limit caused and that has an exit status. */
export type ToolEnd = StepEnd & { readonly status: number };

export interface Tool {
  /** The command line that builds the job's package, for `sh -c` as the runner starts it. */
  build(request: BuildRequest): string;
  /** Whose the end is; evidence is filled in by the caller where a tool gives none. */
  judge(end: ToolEnd): Omit<Judgement, 'evidence'> & { readonly evidence?: readonly string[] };
}

/** The architecture of the base system: the job's, or for a job of architecture `all` the host's first real one. */
export function baseArchitecture({ job, host }: BuildRequest): string {
  if (job.architecture !== 'all') return job.architecture;
  const first = host.architectures.find((architecture) => architecture !== 'all');
  if (first !== undefined) return first;
  throw new ConfigError(
    'E_HOST_ARCHITECTURE',
    `[host ${host.name}] builds only all: name its own architecture too, as in architectures = amd64 all`,
  );
}
