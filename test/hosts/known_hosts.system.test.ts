/** known_hosts as OpenSSH writes it: keys and hashed lines come from ssh-keygen. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkHostKey, fingerprintOf, knownName, knownTypes } from '../../lib/hosts/known_hosts.ts';
import { makeTemp, removeTemp, run } from '../helpers/run.ts';

let temp: string;
/** `TYPE BASE64` of two ed25519 keys and an ECDSA one. */
let mine: string;
let other: string;
let ecdsa: string;

beforeAll(async () => {
  temp = await makeTemp('known');
  const make = async (name: string, type: string): Promise<string> => {
    await run(['ssh-keygen', '-q', '-t', type, '-N', '', '-C', '', '-f', join(temp, name)]);
    return (await readFile(join(temp, `${name}.pub`), 'utf8')).trim();
  };
  [mine, other, ecdsa] = await Promise.all([make('mine', 'ed25519'), make('other', 'ed25519'), make('ecdsa', 'ecdsa')]);
});
afterAll(() => removeTemp(temp));

function blob(key: string): Buffer {
  return Buffer.from(key.split(' ')[1] ?? '', 'base64');
}

function ask(text: string, name = 'b1.example'): string {
  return checkHostKey(text, name, blob(mine)).answer;
}

it('a host is named with its port unless that is 22', () => {
  expect([knownName('B1.Example', 22), knownName('::1', 2222)]).toEqual(['b1.example', '[::1]:2222']);
});

it('a key counts only for the host and port of its line', () => {
  expect(ask(`b1.example ${mine}`)).toBe('known');
  expect(ask(`B1.EXAMPLE,10.0.0.1 ${mine} a comment`)).toBe('known');
  expect(ask(`10.0.0.1,b1.example ${mine}`)).toBe('known');
  expect(ask(`b2.example ${mine}`)).toBe('unknown');
  expect(ask(`[b1.example]:2222 ${mine}`)).toBe('unknown');
  expect(ask(`[b1.example]:2222 ${mine}`, '[b1.example]:2222')).toBe('known');
  expect(ask(`b1.example ${mine}`, '[b1.example]:2222')).toBe('unknown');
});

it('wildcards match, and one negation undoes them', () => {
  expect(ask(`*.example ${mine}`)).toBe('known');
  expect(ask(`b?.example ${mine}`)).toBe('known');
  expect(ask(`b1xexample ${mine}`)).toBe('unknown');
  expect(ask(`*.example,!b1.example ${mine}`)).toBe('unknown');
  expect(ask(`!b1.example,* ${mine}`)).toBe('unknown');
  expect(ask(`!b2.example,* ${mine}`)).toBe('known');
  expect(ask(`[b1.*]:* ${mine}`, '[b1.example]:2222')).toBe('known');
});

it('hashed lines of ssh-keygen -H are understood', async () => {
  const file = join(temp, 'hashed');
  await writeFile(file, `b1.example ${mine}\n[b1.example]:2222 ${other}\n`);
  await run(['ssh-keygen', '-H', '-f', file]);
  const text = await readFile(file, 'utf8');
  expect(text).not.toContain('b1.example');
  expect(ask(text)).toBe('known');
  expect(ask(text, 'b2.example')).toBe('unknown');
  expect(checkHostKey(text, '[b1.example]:2222', blob(mine))).toEqual({ answer: 'changed', line: 2 });
});

it('another key of the same type is a changed one, of another type an unknown one', () => {
  expect(checkHostKey(`# comment\n\nb1.example ${other}`, 'b1.example', blob(mine))).toEqual({ answer: 'changed', line: 3 });
  expect(ask(`b1.example ${ecdsa}`)).toBe('unknown');
  expect(ask(`b1.example ${other}\nb1.example ${mine}`)).toBe('known');
});

it('a revoked key is refused whatever else stands there', () => {
  expect(checkHostKey(`b1.example ${mine}\n@revoked * ${mine}`, 'b1.example', blob(mine))).toEqual({ answer: 'revoked', line: 2 });
  expect(ask(`b1.example ${mine}\n@revoked * ${other}`)).toBe('known');
  expect(ask(`@revoked b1.example ${other}`)).toBe('unknown');
});

it('certificate authorities, comments and damaged lines say nothing', () => {
  expect(ask(`@cert-authority *.example ${mine}`)).toBe('unknown');
  expect(ask(`#b1.example ${mine}`)).toBe('unknown');
  expect(ask('b1.example ssh-ed25519\nb1.example\n|1|x b\n\u0000')).toBe('unknown');
  expect(ask(`b1.example ${mine.replace('ssh-ed25519', 'ssh-rsa')}`)).toBe('unknown');
});

it('the types of the keys that are known for a host are told, revoked ones left out', () => {
  expect(knownTypes(`b1.example ${ecdsa}\nb1.example ${mine}\n@revoked * ${other}\nb2.example ${other}`, 'b1.example')).toEqual([
    'ecdsa-sha2-nistp256',
    'ssh-ed25519',
  ]);
});

it('fingerprints are those of ssh-keygen -l', async () => {
  expect(await run(['ssh-keygen', '-lf', join(temp, 'mine.pub')])).toContain(fingerprintOf(blob(mine)).split(' ')[1]);
});
