/** Every configured directory is made when its parent exists; otherwise whoever runs the site is told which. */
import { mkdir } from 'node:fs/promises';
import { ConfigError, codeOf, textOf } from '../errors.ts';
import type { Config } from './types.ts';

/** Makes spool, repository_dir, incoming, repo_queue and result_dir where they are missing. Throws one ConfigError for all that cannot be made. */
export async function makePlaces(config: Config): Promise<void> {
  const { spool, repositoryDir } = config.global;
  const places = [
    spool,
    repositoryDir,
    ...[...config.products.values()].flatMap(({ incoming, repoQueue, resultDir }) => [incoming, repoQueue, resultDir]),
  ];
  const faults: string[] = [];
  for (const place of new Set(places)) {
    try {
      await mkdir(place);
    } catch (error) {
      const code = codeOf(error);
      if (code === 'EEXIST') continue;
      faults.push(
        code === 'ENOENT'
          ? `the directory ${place} cannot be made, because its parent is missing: make it with mkdir -p, owned by the user of buildme`
          : `the directory ${place} cannot be made: ${textOf(error)}`,
      );
    }
  }
  if (faults.length > 0) throw new ConfigError('E_NO_DIRECTORY', faults);
}
