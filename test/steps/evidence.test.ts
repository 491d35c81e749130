/** Which lines of a log are shown to a person. */
import { expect, it } from 'vitest';
import { cleanLines, evidenceIn } from '../../lib/steps/evidence.ts';

const compiling = Array.from({ length: 100 }, (_, n) => `gcc -Werror=format -c f${n}.c`);
const after = [
  'dpkg-buildpackage: error: debian/rules build subprocess returned exit status 2',
  'Build finished',
  'Cleanup',
  'Purging',
  'Summary',
];

it('the lines before the tool gives up are shown, and few after', () => {
  const log = [
    ...compiling,
    "x.c:3: error: 'y' undeclared",
    'make[1]: *** [Makefile:2: x.o] Error 1',
    'make: *** [debian/rules:4: build] Error 2',
    ...after,
  ].join('\n');
  const shown = evidenceIn(log);
  expect(shown).toHaveLength(20);
  expect(shown).toContain("x.c:3: error: 'y' undeclared");
  expect(shown.at(-1)).toBe('Build finished');
});

it('without a tool that gives up, the first line that looks wrong is', () => {
  const shown = evidenceIn([...compiling, 'sh: nosuch: not found', ...compiling].join('\n'));
  expect(shown).toHaveLength(20);
  expect(shown.slice(16)).toEqual(['sh: nosuch: not found', ...compiling.slice(0, 3)]);
});

it('without any, the last lines are shown', () => {
  expect(evidenceIn(compiling.join('\n'))).toEqual(compiling.slice(-20));
  expect(evidenceIn('')).toEqual([]);
});

it('control characters, terminal sequences and blank lines are removed, long lines cut', () => {
  const lines = cleanLines(`a\u001b[31mred\u001b[0m\tb\u0007\r\n\n  \u001b]0;title\u0007x\u202e\u0000y\n${'z'.repeat(400)}`);
  expect(lines).toEqual(['ared b', '  xy', `${'z'.repeat(300)}…`]);
});
