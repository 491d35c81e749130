/**
 * deb822: paragraphs of fields, as in deb-src-control(5). One promise: what two readers could understand differently (a field twice, a
 * line that belongs to nothing) is a fault, never a guess.
 */

export interface Field {
  /** As written. */
  readonly name: string;
  /** Without the blanks around; further lines follow after LF, without their first blank, ` .` as an empty one. */
  readonly value: string;
}

/** Fields by lower-case name, in their order. */
export type Paragraph = ReadonlyMap<string, Field>;

export interface Parsed {
  readonly paragraphs: readonly Paragraph[];
  /** Each a sentence that begins with a line number. */
  readonly faults: readonly string[];
}

/** RFC 822's name, but for the first character: `#` would be a comment to some readers, `-` an armour line. */
const FIELD = /^([!"$-,.-9;-~][!-9;-~]*):[ \t]*(.*)$/;
const MAX_LINE = 1 << 20;
const MAX_FAULTS = 20;

/** Reads paragraphs; CR before LF and blank lines around are ignored. */
export function parseControl(text: string): Parsed {
  const paragraphs: Map<string, Field>[] = [];
  const faults: string[] = [];
  let paragraph: Map<string, Field> | undefined;
  let open: { name: string; lines: string[] } | undefined;
  const close = (): void => {
    const key = open?.name.toLowerCase() ?? '';
    // The first of two fields of one name stands; the second is a fault already.
    if (open !== undefined && paragraph?.has(key) === false) paragraph.set(key, { name: open.name, value: trimEnd(open.lines.join('\n')) });
    open = undefined;
  };
  for (const [index, raw] of text.split('\n').entries()) {
    if (faults.length >= MAX_FAULTS) break;
    const line = trimEnd(raw);
    const where = `line ${index + 1}`;
    if (line.length > MAX_LINE) {
      faults.push(`${where} has ${line.length} characters; at most ${MAX_LINE} are taken`);
    } else if (line === '') {
      close();
      paragraph = undefined;
    } else if (line.startsWith(' ') || line.startsWith('\t')) {
      if (open === undefined) faults.push(`${where} continues nothing: a field has to come before it`);
      else open.lines.push(line.slice(1) === '.' ? '' : line.slice(1));
    } else {
      close();
      const match = FIELD.exec(line);
      if (match === null) {
        faults.push(`${where} is no field: expected 'Name: value', got '${excerpt(line)}'`);
        continue;
      }
      const [, name = '', value = ''] = match;
      if (paragraph === undefined) {
        paragraph = new Map();
        paragraphs.push(paragraph);
      }
      if (paragraph.has(name.toLowerCase())) faults.push(`${where} gives the field ${name} a second time; each may stand once`);
      open = { name, lines: [value] };
    }
  }
  close();
  return { paragraphs, faults };
}

/** Blanks of ASCII only: to dpkg a no-break space is a letter like any other. No regular expression: a run of a million blanks is cheap. */
function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && ' \t\r\n'.includes(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}

/** The words of a value, with ASCII blanks between them. */
export function splitWords(value: string): string[] {
  return value.split(/[ \t\n]+/).filter((word) => word !== '');
}

/** The value of a field, by its name in any case; undefined when it is not there. */
export function fieldOf(paragraph: Paragraph, name: string): string | undefined {
  return paragraph.get(name.toLowerCase())?.value;
}

/** One paragraph as text, ended by LF. */
export function formatControl(fields: Iterable<Field>): string {
  let text = '';
  for (const { name, value } of fields) {
    const [first = '', ...rest] = value.split('\n');
    text += `${name}:${first === '' ? '' : ` ${first}`}\n`;
    for (const line of rest) text += trimEnd(line) === '' ? ' .\n' : ` ${line}\n`;
  }
  return text;
}

/** A piece of hostile text for a message. */
export function excerpt(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
