import { describe, expect, it } from 'vitest';
import { fieldOf, formatControl, parseControl } from '../../../lib/formats/deb/control.ts';
import { textFaults } from '../../../lib/formats/deb/text.ts';

describe('parseControl', () => {
  it('reads fields by name in any case, with further lines', () => {
    const { paragraphs, faults } = parseControl('Source: a\nFILES:\n one\n .\n  two\n\nPackage: b\r\n');
    expect(faults).toEqual([]);
    expect(paragraphs.map((paragraph) => [...paragraph.values()])).toEqual([
      [
        { name: 'Source', value: 'a' },
        { name: 'FILES', value: '\none\n\n two' },
      ],
      [{ name: 'Package', value: 'b' }],
    ]);
    expect(fieldOf(paragraphs[0] ?? new Map(), 'files')).toBe('\none\n\n two');
    expect(fieldOf(paragraphs[0] ?? new Map(), 'Version')).toBeUndefined();
  });

  it.each([
    ['Source: a\nsource: b\n', 'line 2 gives the field source a second time; each may stand once'],
    [' lost\n', 'line 1 continues nothing: a field has to come before it'],
    ['Source\n', "line 1 is no field: expected 'Name: value', got 'Source'"],
    ['# note: x\n', "line 1 is no field: expected 'Name: value', got '# note: x'"],
    ['-Source: x\n', "line 1 is no field: expected 'Name: value', got '-Source: x'"],
    [`A: ${'x'.repeat((1 << 20) + 1)}\n`, 'line 1 has 1048580 characters; at most 1048576 are taken'],
  ])('%# finds what two readers could understand differently', (text, fault) => {
    expect(parseControl(text).faults).toEqual([fault]);
  });

  it('keeps the first of two fields of one name', () => {
    const [paragraph = new Map()] = parseControl('A: 1\nA: 2\n more\nB: 3\n').paragraphs;
    expect([fieldOf(paragraph, 'A'), fieldOf(paragraph, 'B')]).toEqual(['1', '3']);
  });

  it('reads what formatControl wrote', () => {
    const fields = [
      { name: 'Package', value: 'a' },
      { name: 'Description', value: 'short\nlong\n\n indented' },
      { name: 'Files', value: '\nx 1 y' },
    ];
    expect([...(parseControl(formatControl(fields)).paragraphs[0] ?? new Map()).values()]).toEqual(fields);
  });
});

describe('textFaults', () => {
  it('takes UTF-8 with TAB, LF and CR before LF', () => {
    expect(textFaults(Buffer.from('Grüße\tan\r\nalle\n'), 'x')).toEqual([]);
  });
  it.each([
    [Buffer.from([0x41, 0xff, 0x0a]), 'is not UTF-8'],
    [Buffer.from('a\n\0b'), '0x00 in line 2'],
    [Buffer.from('a\u001b[2J'), '0x1b in line 1'],
    [Buffer.from('a\rb'), '0x0d in line 1'],
    [Buffer.from('a\u0085b'), '0x85 in line 1'],
    [Buffer.from('a\u007f'), '0x7f in line 1'],
  ])('%# refuses what hides or moves something', (bytes, words) => {
    expect(textFaults(bytes, 'x.dsc')).toEqual([expect.stringContaining(words)]);
  });
});
