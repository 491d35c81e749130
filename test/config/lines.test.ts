import { describe, expect, it } from 'vitest';
import { faultsOf, parse, site } from './site.ts';

describe('a value', () => {
  it.each([
    ['"a ; b # c"', 'a ; b # c'],
    ['a \\; b \\# c', 'a ; b # c'],
    ['"say \\"x\\""', 'say "x"'],
    ['"a" "b"', '"a" "b"'],
    ['true', 'true'],
    ['null', 'null'],
    ['a = b', 'a = b'],
    ['12', '12'],
    ['grün', 'grün'],
  ])('written %s is read as %s', (written, read) => {
    expect(parse(site({ 'test t': `command = ${written}` })).tests.get('t')?.command).toBe(read);
  });
  it('of a section with an escaped dot has the dot in its name', () => {
    expect([...parse(site({ 'host b\\.example': 'kind = local\narchitectures = all' })).hosts.keys()]).toEqual(['h', 'b.example']);
  });
});

describe('lines that do not say what they seem to', () => {
  it.each([
    ['spool = /x', '1: spool stands before the first section; write [global] above it'],
    [
      '[global]\nlog_dir = /l ; here',
      '2: log_dir: an unquoted ; or # would cut the value; put a comment on a line of its own, or write log_dir = "/l ; here"',
    ],
    ["[global]\nlog_dir = 'a'", '2: log_dir would be read as "a"; if that is not meant, write log_dir = "\'a\'"'],
    ['[global]\nlog_dir = a\\\\b', '2: log_dir would be read as "a\\\\b"; if that is not meant, write log_dir = "a\\\\\\\\b"'],
    [
      '[global]\nmail_to = a@b\n  c@d',
      '3: the line begins with a blank; a value does not go on over several lines: write the whole value of mail_to on one line, or begin a new key in the first column',
    ],
    ['[global]\nspool: /x', '2: cannot read "spool: /x"; expected KEY = VALUE, [KIND NAME], or a comment that begins with #'],
    ['[global]\nspool', '2: cannot read "spool"; expected KEY = VALUE, [KIND NAME], or a comment that begins with #'],
    ['[global]\nmail_to[] = a@b', '2: cannot read "mail_to[] = a@b"; expected KEY = VALUE, [KIND NAME], or a comment that begins with #'],
    ['[global]\n__proto__ = x', '2: cannot read "__proto__ = x"; expected KEY = VALUE, [KIND NAME], or a comment that begins with #'],
    ['[global]\nspool = /a\nspool = /b', '3: spool stands a second time (first in line 2); keep one of them'],
    ['[global]\n[global]', '2: [global] stands a second time (first in line 1); put all its keys below one header'],
    ['[global] # x', '1: cannot read the header [global] # x; expected [KIND NAME] alone on its line'],
    ['[host a.b]', "1: a dot in a section's name must be escaped: write [host a\\.b]"],
    ['[host a b]', '1: cannot read the header [host a b]; expected [KIND NAME], where NAME has no blanks'],
    ['[hots h]', '1: [hots h] is of no known kind; did you mean host?'],
    ['[__proto__]', '1: [__proto__] is of no known kind; expected one of global, product, chroot, host, test, repository, suite, mirror'],
    ['[test]\ncommand = x', '1: [test] lacks a name; write [test NAME]'],
    ['[global x]', '1: [global x] has a name; write [global]'],
    ['[global]\nspol = /x', '2: [global] has no key spol; did you mean spool?'],
    [
      '[global]\nlog_dir = a\u0000b',
      '2: the line holds a control character, a byte order mark or bytes that are not UTF-8; expected plain UTF-8 text',
    ],
    ['\ufeff[global]', '1: the line holds a control character, a byte order mark or bytes that are not UTF-8; expected plain UTF-8 text'],
    [
      '[global]\nlog_dir = \ufffd',
      '2: the line holds a control character, a byte order mark or bytes that are not UTF-8; expected plain UTF-8 text',
    ],
  ])('%j', (text, fault) => {
    expect(faultsOf(text)).toEqual([fault]);
  });
  it('are not confused with comments, blank lines and CRLF', () => {
    expect(faultsOf('; a\r\n   # b = [c]\r\n\r\n[global]\r\nspool = /x \r\n')).toEqual([]);
  });
});
