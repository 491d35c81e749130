/** Base systems by host: which hosts build in one, and making or removing it there over the host's own connection. */
import { createChroot, type Making, removeChroot } from '../chroots/chroots.ts';
import type { Chroot, Config, HostConfig } from '../config/types.ts';
import { type HostsContext, openHost } from './hosts.ts';

export type BaseAct = Making | 'remove';

/** Hosts that build for a product whose chroot this is. */
export function hostsThatUse(config: Config, base: Chroot): HostConfig[] {
  const products = [...config.products.values()].filter(({ tool, chroot }) => tool === 'sbuild' && chroot === base.name);
  const built = new Set(products.flatMap(({ architectures }) => architectures));
  return [...config.hosts.values()].filter(({ architectures }) => architectures.some((each) => built.has(each)));
}

/** Does it for each architecture of the host; `tell` hears what begins and what came of it. Throws Temporary- and ConfigErrors of the host. */
export async function actOnBase(
  ctx: HostsContext,
  act: BaseAct,
  chroot: Chroot,
  host: HostConfig,
  tell: (line: string) => void,
): Promise<void> {
  const connection = await openHost(ctx, host);
  try {
    for (const architecture of host.architectures.filter((each) => each !== 'all')) {
      const what = `base system ${chroot.name} ${architecture} on ${host.name}`;
      const request = { config: ctx.config, host, chroot, architecture };
      tell(`${what}: ${act}…`);
      const done = act === 'remove' ? await removeChroot(connection, request) : await createChroot(connection, request, act);
      tell(`${what}: ${done}`);
    }
  } finally {
    await connection.disconnect();
  }
}
