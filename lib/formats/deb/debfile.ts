/** The control fields of a .deb, by dpkg-deb. One promise: a file that dpkg cannot read is the uploader's fault, told in dpkg's words. */
import { InputError } from '../../errors.ts';
import { type Exec, endOf } from '../../exec.ts';
import { type Paragraph, parseControl } from './control.ts';

/** Reads the control file of a .deb or .udeb. `path` is absolute. Throws InputError (E_BAD_DEB). */
export async function readDebControl(exec: Exec, path: string): Promise<Paragraph> {
  const result = await exec(['dpkg-deb', '--field', path], { timeoutMs: 60_000, maxBytes: 4 << 20 });
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (result.status !== 0) throw new InputError('E_BAD_DEB', `${name} is no Debian package that dpkg-deb can read: ${endOf(result)}`);
  const { paragraphs, faults } = parseControl(result.stdout.toString('utf8'));
  const [paragraph] = paragraphs;
  if (paragraph === undefined || faults.length > 0)
    throw new InputError('E_BAD_DEB', `${name} has a control file that cannot be read: ${faults.join('; ') || 'it is empty'}`);
  return paragraph;
}
