/**
 * The real source packages below test/packages, built into uploads by dpkg's own programs (lib/demo/source.ts).
 *
 *   pocketcal 1.4-1     3.0 (quilt), C, man page, two patches; the package that `npm run demo` builds
 *   wordtally 3.2       3.0 (native), arch:all shell
 *   tidemark 0.7-1      3.0 (quilt), four binaries, any and all, a shared library
 *   moonphase 2:1.1     3.0 (native), C, an epoch
 *   almanac 2024.1-1    3.0 (quilt), arch:all, one patch
 *   leakyboat 0.1       3.0 (native), does not compile
 */
import { fileURLToPath } from 'node:url';
import { type PackOptions, packTree, type SourceUpload } from '../../lib/demo/source.ts';

export type PackageName = 'pocketcal' | 'wordtally' | 'tidemark' | 'moonphase' | 'almanac' | 'leakyboat';
export type SourceOptions = PackOptions;
export type SourcePackage = SourceUpload;

/** Builds a source package into `dir`, which is made when it is missing. About 1.5 s. */
export function buildSource(name: PackageName, dir: string, options: SourceOptions = {}): Promise<SourcePackage> {
  return packTree(fileURLToPath(new URL(`../packages/${name}`, import.meta.url)), dir, options);
}
