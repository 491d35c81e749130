/** Which host a job goes to. Pure and deterministic: the same jobs and hosts give the same answer, and every refusal names its rule. */

export interface HostState {
  readonly name: string;
  /** May contain `all`. */
  readonly architectures: readonly string[];
  readonly slots: number;
  /** Jobs that it has. */
  readonly used: number;
  /** Why an operator holds it. */
  readonly held?: string | undefined;
  /** Why it is left alone for now. */
  readonly unreachable?: string | undefined;
}

export interface Need {
  /** A Debian architecture, or `all`. */
  readonly architecture: string;
}

export type Choice =
  | { readonly host: string }
  /** Per host, in order of names, the rule that refused it. */
  | { readonly host: undefined; readonly refusals: readonly { readonly host: string; readonly rule: string }[] };

/** The host with the largest share of free slots, then the most free ones, then the first by name. */
export function chooseHost(need: Need, hosts: readonly HostState[]): Choice {
  const judged = [...hosts].sort((a, b) => (a.name < b.name ? -1 : 1)).map((host) => ({ host, rule: refusalOf(need, host) }));
  const free = judged.filter(({ rule }) => rule === undefined).map(({ host }) => host);
  const [first, ...others] = free;
  if (first === undefined) return { host: undefined, refusals: judged.map(({ host, rule }) => ({ host: host.name, rule: rule ?? '' })) };
  return { host: others.reduce((best, host) => (isFreer(host, best) ? host : best), first).name };
}

/** One choice per job in the order given; each takes the slot that it is given. */
export function chooseHosts(needs: readonly Need[], hosts: readonly HostState[]): Choice[] {
  const used = new Map(hosts.map((host) => [host.name, host.used]));
  return needs.map((need) => {
    const choice = chooseHost(
      need,
      hosts.map((host) => ({ ...host, used: used.get(host.name) ?? host.used })),
    );
    if (choice.host !== undefined) used.set(choice.host, (used.get(choice.host) ?? 0) + 1);
    return choice;
  });
}

function isFreer(host: HostState, than: HostState): boolean {
  const share = (of: HostState): number => (of.slots - of.used) / of.slots;
  return share(host) > share(than) || (share(host) === share(than) && host.slots - host.used > than.slots - than.used);
}

function refusalOf(need: Need, host: HostState): string | undefined {
  if (!host.architectures.includes(need.architecture))
    return `architecture: builds ${host.architectures.join(' ')}, not ${need.architecture}`;
  if (host.held !== undefined) return `held: ${host.held}`;
  if (host.unreachable !== undefined) return `left alone: ${host.unreachable}`;
  if (host.used >= host.slots) return `slots: ${host.used} of ${host.slots} in use`;
  return undefined;
}
