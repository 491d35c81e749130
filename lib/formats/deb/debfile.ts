/** The control fields of a .deb, by dpkg-deb. One promise: a file that dpkg cannot read is the uploader's fault, told in dpkg's words. */
import { InputError } from '../../errors.ts';
import { type Exec, endOf } from '../../exec.ts';
import { fieldOf, type Paragraph, parseControl } from './control.ts';

const TIMEOUT_MS = 60_000;
/** What the control archive may unpack to; the largest of Debian have some 10 MB of md5sums. */
const MAX_UNPACKED = 64 << 20;

/** Reads the control file of a .deb or .udeb. `path` is absolute. Throws InputError (E_BAD_DEB). */
export async function readDebControl(exec: Exec, path: string): Promise<Paragraph> {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const refuse = (why: string): never => {
    throw new InputError('E_BAD_DEB', `${name} ${why}`);
  };
  // --field unpacks all of the archive below /tmp: only what is known to be small may get there.
  const unpacked = await exec(['dpkg-deb', '--ctrl-tarfile', path], { timeoutMs: TIMEOUT_MS, maxBytes: MAX_UNPACKED });
  if (unpacked.signal !== null) refuse(`has a control archive that unpacks to more than ${MAX_UNPACKED} bytes, or takes too long to`);
  const result = unpacked.status === 0 ? await exec(['dpkg-deb', '--field', path], { timeoutMs: TIMEOUT_MS, maxBytes: 4 << 20 }) : unpacked;
  if (result.status !== 0) refuse(`is no Debian package that dpkg-deb can read: ${endOf(result)}`);
  const { paragraphs, faults } = parseControl(result.stdout.toString('utf8'));
  const [paragraph, second] = paragraphs;
  if (paragraph === undefined || second !== undefined || faults.length > 0)
    return refuse(
      `has a control file that cannot be read: ${faults.join('; ') || (second === undefined ? 'it is empty' : 'it has more than one paragraph')}`,
    );
  return paragraph;
}

/** A binary's `Source: NAME (VERSION)`; what it leaves out is the binary's own. What is neither comes out whole, as the name of no source. */
export function sourceOf(control: Paragraph): { readonly name: string; readonly version: string } {
  const source = fieldOf(control, 'Source') || (fieldOf(control, 'Package') ?? '');
  const [, name = source, version = fieldOf(control, 'Version') ?? ''] = /^([^\s()]+)(?:[ \t]+\(([^\s()]+)\))?$/.exec(source) ?? [];
  return { name, version };
}
