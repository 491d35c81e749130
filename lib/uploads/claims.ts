/** Which files in incoming belong to which trigger. One promise: nothing that another upload still names is removed with this one. */
import { type Incoming, type IncomingFile, stemOf, triggerKind } from './incoming.ts';
import type { Trigger } from './trigger.ts';

export class Claims {
  readonly #incoming: Incoming;
  readonly #by = new Map<string, Set<Trigger>>();

  constructor(incoming: Incoming, triggers: readonly Trigger[]) {
    this.#incoming = incoming;
    for (const trigger of triggers) {
      // Itself too: what another one lists is no file of that one, but an upload that is judged by itself.
      for (const { name } of [trigger.file, ...trigger.files]) {
        const claiming = this.#by.get(name);
        if (claiming === undefined) this.#by.set(name, new Set([trigger]));
        else claiming.add(trigger);
      }
    }
  }

  /** Whether any trigger that is still there names the file. */
  has(name: string): boolean {
    return (this.#by.get(name)?.size ?? 0) > 0;
  }

  /** What is there of what a trigger names, and of `further` names; the trigger is not among it. */
  filesOf(trigger: Trigger, further: readonly string[] = []): IncomingFile[] {
    const names = new Set([...trigger.files.map(({ name }) => name), ...further]);
    names.delete(trigger.file.name);
    return [...names].map((name) => this.#incoming.get(name)).filter((file) => file !== undefined);
  }

  /** Gives up a trigger. What goes with it: itself first, then its files and, with `stem`, all of its stem, that nothing else names. */
  release(trigger: Trigger, further: readonly string[], stem: 'stem' | 'listed'): IncomingFile[] {
    for (const claiming of this.#by.values()) claiming.delete(trigger);
    const own = this.filesOf(trigger, further).filter(({ name }) => triggerKind(name) !== 'commands');
    const ownStem = stemOf(trigger.file.name);
    const kin =
      stem === 'listed'
        ? []
        : [...this.#incoming.values()].filter(({ name }) => name !== trigger.file.name && stemOf(name) === ownStem && isNoTrigger(name));
    return [trigger.file, ...new Set([...own, ...kin])].filter((file) => file === trigger.file || !this.has(file.name));
  }
}

/** A bare .dsc goes with a .changes of its stem, another .changes is judged by itself. */
function isNoTrigger(name: string): boolean {
  const kind = triggerKind(name);
  return kind === undefined || kind === 'dsc';
}
