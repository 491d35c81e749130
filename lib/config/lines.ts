/**
 * The lines of buildme.conf, as npm `ini` reads them. One promise: a value is exactly what the eye sees behind its `=`; wherever ini would
 * silently take something else (a cut at `;`, a dotted section, a second key) there is a fault that says how to write it.
 */
import { parse } from 'ini';

/** What is wrong, as a sentence, and the line that it stands on (from 1). */
export interface Fault {
  readonly line: number;
  readonly text: string;
}

export interface Entry {
  readonly key: string;
  /** As ini reads it; `%(…)s` still in it. */
  readonly value: string;
  readonly line: number;
}

/** `[KIND NAME]`, or `[global]` with an empty name. */
export interface Section {
  readonly kind: string;
  readonly name: string;
  readonly line: number;
  readonly entries: ReadonlyMap<string, Entry>;
}

/** The header of a section, for messages. */
export function titleOf(section: Pick<Section, 'kind' | 'name'>): string {
  return section.name === '' ? `[${section.kind}]` : `[${section.kind} ${section.name}]`;
}

/** All sections and, beside them, every line that does not say what it seems to say. */
export function readLines(text: string): { readonly sections: readonly Section[]; readonly faults: readonly Fault[] } {
  const sections = new Map<string, Section>();
  const faults: Fault[] = [];
  // Keys below a header that was refused are still looked at, but belong to nothing.
  let entries: Map<string, Entry> | undefined;
  let lastKey: string | undefined;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = index + 1;
    const refuse = (sentence: string): number => faults.push({ line, text: sentence });
    const content = raw.trimEnd();
    if (content === '' || /^\s*[;#]/.test(content)) continue;
    if (/[^\t\x20-\x7e\xa0-\u2027\u202a-\ufefe\uff00-\ufffc]/.test(content)) {
      refuse('the line holds a control character, a byte order mark or bytes that are not UTF-8; expected plain UTF-8 text');
    } else if (/^\s/.test(content)) {
      const whole =
        lastKey === undefined
          ? 'begin it in the first column'
          : `write the whole value of ${lastKey} on one line, or begin a new key in the first column`;
      refuse(`the line begins with a blank; a value does not go on over several lines: ${whole}`);
    } else if (content.startsWith('[')) {
      entries = new Map();
      lastKey = undefined;
      const header = readHeader(content);
      if ('wrong' in header) {
        refuse(header.wrong);
        continue;
      }
      const title = titleOf(header);
      const first = sections.get(title);
      if (first === undefined) sections.set(title, { ...header, line, entries });
      else refuse(`${title} stands a second time (first in line ${first.line}); put all its keys below one header`);
    } else {
      const [, key, behind] = /^([A-Za-z][A-Za-z0-9_]*)\s*=\s*(.*)$/.exec(content) ?? [];
      if (key === undefined || behind === undefined) {
        refuse(`cannot read ${JSON.stringify(content.slice(0, 60))}; expected KEY = VALUE, [KIND NAME], or a comment that begins with #`);
        continue;
      }
      lastKey = key;
      const first = entries?.get(key);
      const value = readValue(content, key, behind);
      if (entries === undefined) refuse(`${key} stands before the first section; write [global] above it`);
      else if (first !== undefined) refuse(`${key} stands a second time (first in line ${first.line}); keep one of them`);
      else if (typeof value !== 'string') refuse(value.wrong);
      // A refused value still counts as given: it is not missing too.
      if (first === undefined) entries?.set(key, { key, value: typeof value === 'string' ? value : REFUSED, line });
    }
  }
  return { sections: [...sections.values()], faults };
}

/** Stands for a value that has a fault already; no line can hold it. */
export const REFUSED = '\0';

type Wrong = { readonly wrong: string };

function readHeader(content: string): Pick<Section, 'kind' | 'name'> | Wrong {
  const inside = /^\[([^[\]]*)\]$/.exec(content)?.[1]?.trim();
  if (inside === undefined) return { wrong: `cannot read the header ${content}; expected [KIND NAME] alone on its line` };
  // ini makes a section in a section of a dot, unless it is escaped.
  if (/(?<!\\)\./.test(inside))
    return { wrong: `a dot in a section's name must be escaped: write [${inside.replace(/(?<!\\)\./g, '\\.')}]` };
  const [, kind, name = ''] = /^(\S+)(?:\s+(\S+))?$/.exec(inside.replaceAll('\\.', '.')) ?? [];
  if (kind === undefined) return { wrong: `cannot read the header ${content}; expected [KIND NAME], where NAME has no blanks` };
  return { kind, name };
}

function readValue(content: string, key: string, behind: string): string | Wrong {
  const seen = unquote(behind) ?? behind.replace(/\\([;#])/g, '$1');
  const quoted = JSON.stringify(behind);
  if (unquote(behind) === undefined && /(?<!\\)[;#]/.test(behind)) {
    return { wrong: `${key}: an unquoted ; or # would cut the value; put a comment on a line of its own, or write ${key} = ${quoted}` };
  }
  const read = String(parse(content)[key]);
  return read === seen
    ? seen
    : { wrong: `${key} would be read as ${JSON.stringify(read)}; if that is not meant, write ${key} = ${quoted}` };
}

/** The text in a value that is one double-quoted string, else undefined. */
function unquote(behind: string): string | undefined {
  if (!/^".*"$/.test(behind)) return undefined;
  try {
    return String(JSON.parse(behind));
  } catch {
    return undefined;
  }
}
