/**
 * Which jobs an upload gives, and their directories. One promise: a job's inputs are what was checked, by hard links to the upload's own
 * files.
 */
import { linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Product } from '../config/types.ts';
import { type Dsc, matchesArchitecture } from '../formats/deb/dsc.ts';
import { jobId } from '../spool/ids.ts';
import { type FileDigest, type JobFile, journalLine } from '../spool/job.ts';
import type { UploadFile } from './entry.ts';

export interface PlannedJob {
  readonly id: string;
  readonly architecture: string;
  readonly buildsAll: boolean;
}

/** One per architecture that the product builds of the source; `all` with the first of them, else as a job of its own. */
export function architecturesOf(product: Pick<Product, 'architectures'>, dsc: Pick<Dsc, 'architectures'>): Omit<PlannedJob, 'id'>[] {
  const own = product.architectures.filter(
    (architecture) => architecture !== 'all' && dsc.architectures.some((pattern) => matchesArchitecture(pattern, architecture)),
  );
  const hasAll = dsc.architectures.includes('all');
  if (own.length === 0) return hasAll ? [{ architecture: 'all', buildsAll: true }] : [];
  return own.map((architecture, index) => ({ architecture, buildsAll: hasAll && index === 0 }));
}

/** The jobs of an upload; `inputs` are the .dsc and every file that it lists. */
export function jobsOf(product: Product, dsc: Dsc, inputs: readonly FileDigest[]): PlannedJob[] {
  return architecturesOf(product, dsc).map((each) => ({
    ...each,
    id: jobId({
      product: product.name,
      kind: 'build',
      rebuild: 0,
      source: dsc.source,
      version: dsc.version,
      architecture: each.architecture,
      files: inputs,
    }),
  }));
}

/** Makes `jobs/JOB` for each job in an upload's workspace, whose `files/` are there. Not synced: the workspace is, as a whole. */
export function writeJobs(
  workspace: string,
  product: Product,
  dsc: Dsc,
  upload: UploadFile,
  jobs: readonly PlannedJob[],
  inputs: readonly FileDigest[],
  stage: string,
  now: Date,
): void {
  for (const { id, architecture, buildsAll } of jobs) {
    const dir = join(workspace, 'jobs', id);
    mkdirSync(join(dir, 'in'), { recursive: true });
    const file: JobFile = {
      id,
      product: product.name,
      source: upload.source,
      version: upload.version,
      architecture,
      buildsAll,
      kind: 'build',
      steps: ['build', ...product.tests],
      upload: upload.id,
      siblings: jobs.map((job) => job.id).filter((other) => other !== id),
      binaries: dsc.binaries,
      dsc: upload.dsc.name,
      suite: product.suite,
      files: inputs,
      ...(upload.signature === undefined ? {} : { signature: upload.signature }),
      mail: upload.mail,
    };
    writeFileSync(join(dir, 'job.json'), `${JSON.stringify(file, null, 1)}\n`);
    writeFileSync(join(dir, 'journal'), journalLine(now, stage, 'moved', { to: 'queued' }));
    for (const { name } of inputs) linkSync(join(workspace, 'files', name), join(dir, 'in', name));
  }
}
