/** Where a base system lies on its host, and under which name schroot knows it. Pure: the same for who makes it and who builds in it. */
import type { GlobalConfig } from '../config/types.ts';

export interface ChrootPlace {
  /** Name for `schroot -c` and `sbuild -c`: `buildme-SITE-NAME-ARCH`. */
  readonly schrootName: string;
  /** The file that registers it. */
  readonly registration: string;
  /** A symlink to the unpacked tree of schroot mode, which bears its time: `NAME-ARCH.SECONDS` beside it. */
  readonly tree: string;
  /** The tarball of unshare mode. */
  readonly tarball: string;
}

/** Files of base system `name` for `architecture`. */
export function placeOf(global: Pick<GlobalConfig, 'chrootDir' | 'site'>, name: string, architecture: string): ChrootPlace {
  const plain = `${name}-${architecture}`;
  // schroot passes over files in chroot.d whose names hold anything else (run-parts rules).
  const schrootName = `buildme-${global.site}-${plain}`.replace(/[^A-Za-z0-9_-]/g, (odd) => `_${odd.charCodeAt(0).toString(16)}_`);
  return {
    schrootName,
    registration: `/etc/schroot/chroot.d/${schrootName}`,
    tree: `${global.chrootDir}/${plain}`,
    tarball: `${global.chrootDir}/${plain}.tar`,
  };
}
