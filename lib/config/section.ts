/** One section by its table: defaults filled in, `%(name)s` replaced, every fault kept. */
import type { Table, Values } from './keys.ts';
import { type Fault, REFUSED, type Section, titleOf } from './lines.ts';
import { nearest } from './nearest.ts';
import { isWrong, type Wrong } from './values.ts';

/** A section and what of it could be read: a value that is wrong is lacking, and told. */
export interface Draft<V> {
  readonly section: Section;
  readonly values: Partial<V>;
}

/** What a name in `%(name)s` stands for, itself not yet interpolated. */
export type Look = (name: string) => string | undefined;

/** Reads `section`; names that it does not know itself are looked up in `outer`. */
export function readSection<T extends Table>(table: T, section: Section, outer: Look, dir: string, faults: Fault[]): Draft<Values<T>> {
  const look: Look = (name) =>
    name === section.kind && section.name !== '' ? section.name : (textOfKey(table, section, name) ?? outer(name));
  const values: Record<string, unknown> = {};
  for (const [field, key] of Object.entries(table)) {
    const entry = section.entries.get(key.key);
    const written = entry?.value ?? key.initial;
    if (written === undefined) {
      if (key.optional === true) values[field] = undefined;
      else faults.push({ line: section.line, text: `${titleOf(section)} lacks ${key.key}; add a line ${key.key} = …` });
      continue;
    }
    const text = interpolate(written, look);
    if (!isWrong(text) && text.includes(REFUSED)) continue;
    const value = isWrong(text) ? text : text === '' && key.optional === true ? undefined : key.read(text, dir);
    if (!isWrong(value)) values[field] = value;
    else
      faults.push({
        line: entry?.line ?? section.line,
        text: `${titleOf(section)} ${key.key} = ${withoutPassword(written)}: expected ${value.expected}`,
      });
  }
  const known = Object.values(table).map(({ key }) => key);
  for (const { key, line } of section.entries.values()) {
    if (!known.includes(key)) faults.push({ line, text: `${titleOf(section)} has no key ${key}; ${nearest(key, known)}` });
  }
  return { section, values: values as Partial<Values<T>> };
}

/** A key's text as written, else its default. */
export function textOfKey(table: Table, section: Section | undefined, name: string): string | undefined {
  const key = Object.values(table).find(({ key }) => key === name);
  return key === undefined ? undefined : (section?.entries.get(name)?.value ?? key.initial ?? (key.optional === true ? '' : undefined));
}

/** `%(name)s` replaced as Python's ConfigParser does, `%%` by one percent sign. */
function interpolate(text: string, look: Look, within: readonly string[] = []): string | Wrong {
  if (!text.includes('%')) return text;
  let wrong: Wrong | undefined;
  const replaced = text.replace(/%(?:(%)|\(([A-Za-z0-9_]+)\)s)?/g, (all, percent: string | undefined, name: string | undefined) => {
    if (percent !== undefined) return '%';
    if (name === undefined) {
      wrong ??= { expected: '%(name)s, or %% for a percent sign' };
      return all;
    }
    const found = look(name);
    if (found === undefined) wrong ??= { expected: `%(name)s with a key of this section or of [global]; there is no ${name}` };
    else if (within.includes(name)) wrong ??= { expected: `values that do not lead back to themselves, but %(${name})s does` };
    else {
      const value = interpolate(found, look, [...within, name]);
      if (!isWrong(value)) return value;
      wrong ??= value;
    }
    return all;
  });
  return wrong ?? replaced;
}

/** Messages go to cron's mail: a password in smtp:// stays out of them. */
function withoutPassword(text: string): string {
  return text.replace(/\/\/.*@/, '//…@');
}
