/** `result_dir`/SOURCE_VERSION/: what people look at. It may be on another file system: each file is copied to a dot name, fsynced, renamed. */
import { lstat, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { besideOf, copyHashing, makeDirectory, syncDirectory } from '../disk.ts';
import { TemporaryError, textOf, unless } from '../errors.ts';
import { escapeName } from './ids.ts';
import type { JobFile } from './job.ts';

/** Where the logs and results of a source's version go; the epoch's colon becomes %3a. */
export function resultDirOf(resultDir: string, job: Pick<JobFile, 'source' | 'version'>): string {
  return join(resultDir, escapeName(`${job.source}_${job.version}`, 200));
}

/** Copies files there; one that has the name already is replaced. Throws TemporaryError (E_RESULT_DIR) so that the job stays where it is. */
export async function copyToResultDir(dir: string, files: readonly { readonly from: string; readonly name: string }[]): Promise<void> {
  try {
    await makeDirectory(dir);
    if (!(await lstat(dir)).isDirectory()) throw new Error('it is a link, which is none of ours: remove it');
    for (const { from, name } of files) {
      const beside = besideOf(join(dir, name));
      try {
        await copyHashing(from, beside, []);
        await rename(beside, join(dir, name));
      } catch (error) {
        await unless('ENOENT', undefined, unlink(beside));
        throw error;
      }
    }
    await syncDirectory(dir);
  } catch (error) {
    throw new TemporaryError('E_RESULT_DIR', `cannot write to result_dir ${dir}: ${textOf(error)}`, error);
  }
}
